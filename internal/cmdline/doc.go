// Package cmdline is what the command lines of the programs have in common: how
// help looks, and the commands help and completion. What the commands do, and
// how mistakes are told, is each program's own.
package cmdline
