// Package webhooks tells other servers of a manager's events: each event that a
// hook wants is the body of a POST to its URL.
//
// A hook is a cursor among the events, an outbox of what is not delivered yet,
// and a few requests at a time. Events of one process are delivered in their
// order, one after the other; those of others do not wait for them. A receiver
// that is slow or dead holds up its own hook and nothing else: an outbox has a
// largest size, and what is dropped from it is counted, logged, and told to the
// receiver as an event "gap".
package webhooks
