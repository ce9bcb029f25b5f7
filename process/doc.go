// Package process runs one program: it starts it with its streams, signals it,
// stops it with everything it has started, and says how it ended.
//
// What a program is to be run with is a Spec; a running one is a Process. How
// the operating system is asked to start it is behind Launcher, so that another
// process (or a test) can do it instead. Output goes to streams.Log, one per
// label. The package knows nothing of templates, JSON or HTTP.
package process
