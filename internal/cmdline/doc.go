// Package cmdline is what the command lines of the programs have in common: how
// help looks, the commands help and completion, and what is said of a command
// that there is not and of a daemon that cannot be reached.
package cmdline
