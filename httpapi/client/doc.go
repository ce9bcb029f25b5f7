// Package client speaks to gafferd: it starts, stops and watches processes,
// follows what they print and types into them.
//
// Everything that flows (output, events, stdin) survives a broken connection:
// the client connects again and goes on at the byte or event where it was, and
// says what it missed when the daemon no longer had it. Everything else is one
// request and one answer.
//
// The package knows the HTTP API and nothing else: it imports no other package
// of this module and can be used by itself.
package client
