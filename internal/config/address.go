package config

import (
	"fmt"
	"net"
	"path/filepath"
	"strconv"
	"strings"
)

// Address is where a server listens.
type Address struct {
	Network string // "tcp" or "unix"
	Address string // host:port, or the socket's path
}

// DefaultAddress is where gafferd listens when it is not told otherwise.
var DefaultAddress = Address{"tcp", "127.0.0.1:5000"}

// String is the address as ParseAddress takes it.
func (a Address) String() string {
	if a.Network == "unix" {
		return "unix:" + a.Address
	}
	return a.Address
}

// ParseAddress reads host:port, [v6]:port or unix:/path; a relative path is
// relative to dir. An empty host is every interface.
func ParseAddress(s, dir string) (Address, error) {
	if path, ok := cutPrefixFold(s, "unix:"); ok {
		if path == "" {
			return Address{}, fmt.Errorf("%s names no socket: write unix:/path", quote(s))
		}
		return Address{"unix", absolute(path, dir)}, nil
	}
	host, port, err := net.SplitHostPort(s)
	if err != nil || strings.ContainsAny(host, "/ ") {
		return Address{}, fmt.Errorf("%s is not an address: write host:port, [v6]:port or unix:/path", quote(s))
	}
	if n, err := strconv.Atoi(port); err != nil || n < 0 || n > 65535 {
		return Address{}, fmt.Errorf("%s has no port from 0 to 65535 after the last colon", quote(s))
	}
	return Address{"tcp", net.JoinHostPort(host, port)}, nil
}

// ParseMode reads the mode of a unix socket, as chmod takes it in numbers.
func ParseMode(s string) (int, error) {
	mode, err := strconv.ParseUint(s, 8, 32)
	if err != nil || mode == 0 || mode > 0o777 {
		return 0, fmt.Errorf("%s is not the mode of a socket: write it in octal, such as 0660 for its group too", quote(s))
	}
	return int(mode), nil
}

// absolute is path as seen from dir.
func absolute(path, dir string) string {
	if !filepath.IsAbs(path) {
		path = filepath.Join(dir, path)
	}
	return filepath.Clean(path)
}
