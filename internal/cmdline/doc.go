// Package cmdline is what the command lines of the programs have in common: how
// help looks, the commands help and completion, what is said of a command that
// there is not and of a daemon that cannot be reached, and how it is noticed that
// nobody reads what is printed.
package cmdline
