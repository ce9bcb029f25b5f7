// Package systemd speaks to systemd, or to whoever plays its part: it takes the
// sockets that were opened for this process, and tells how the process is
// doing.
//
// What it reads from the environment it takes out of it, so that it does not
// reach the programs that this one starts. Without systemd it does nothing.
package systemd

import "os"

// take reads a variable and removes it.
func take(name string) string {
	value := os.Getenv(name)
	os.Unsetenv(name)
	return value
}
