// Package httpapi serves a manager over HTTP: its processes, their streams and
// its events, as JSON, as feeds and as websockets.
//
// A Server is a table of routes behind one gate. The router, the answers to
// OPTIONS and HEAD, and the OpenAPI document are all made from that table. A
// feed is a loop in its request's own goroutine over a cursor of package
// streams; nothing is buffered for a reader that does not read.
//
// What a process is and how it is kept running is not decided here.
package httpapi
