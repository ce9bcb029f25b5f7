// Package streams keeps the output of child processes as logs with offsets and
// lets any number of readers follow them, from any offset still kept.
//
// A Log is append-only. A reader is a Cursor, an offset in it: history, live
// output and resumption after a lost connection are the same operation, read
// from this offset and then wait. Nothing is pushed to anyone, so there is no
// goroutine and no channel per reader, and a reader that stalls costs nobody
// else anything.
//
// The package knows nothing of processes, JSON or HTTP.
package streams
