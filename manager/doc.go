// Package manager keeps programs running: it holds the templates, starts as
// many instances of each as are wanted, replaces those that end, and says what
// happened as events.
//
// What should run (a template's desired state) is kept apart from what runs.
// Operations change the former and return at once with an Operation to wait
// on; one goroutine per template brings the latter there. The package knows
// nothing of HTTP.
package manager
