package main

import (
	"cmp"
	"errors"
	"fmt"
	"net"

	"github.com/gafferd/gaffer/internal/config"
	"github.com/gafferd/gaffer/internal/systemd"
)

// assign says which sockets from systemd are which endpoint's, by its index. A socket
// that has the name of an endpoint is that endpoint's. The others go to the endpoints
// that have none by then, in order, and any that are too many to the last. An endpoint
// that gets any does not listen on its own addresses.
func assign(endpoints []config.Endpoint, sockets []systemd.Socket) (map[int][]systemd.Socket, error) {
	given := map[int][]systemd.Socket{}
	var rest []systemd.Socket
	for _, s := range sockets {
		i := indexNamed(endpoints, s.Name)
		if i < 0 {
			rest = append(rest, s)
			continue
		}
		given[i] = append(given[i], s)
	}
	var empty []int
	for i := range endpoints {
		if len(given[i]) == 0 {
			empty = append(empty, i)
		}
	}
	var left []error
	for n, s := range rest {
		if len(empty) == 0 {
			left = append(left, fmt.Errorf("nobody would answer at the socket %s that systemd has opened, because every endpoint has one of its own name: give it an endpoint, or take it out of the socket unit", cmp.Or(s.Name, "without a name")))
			continue
		}
		i := empty[min(n, len(empty)-1)]
		given[i] = append(given[i], s)
	}
	return given, errors.Join(left...)
}

// indexNamed is the index of the endpoint of that name, or -1.
func indexNamed(endpoints []config.Endpoint, name string) int {
	for i, e := range endpoints {
		if name != "" && e.Name == name {
			return i
		}
	}
	return -1
}

// adopt makes a socket from systemd a listener.
func adopt(s systemd.Socket, backlog int) (net.Listener, error) {
	defer s.File.Close() // the listener has a descriptor of its own
	l, err := net.FileListener(s.File)
	if err != nil {
		return nil, fmt.Errorf("socket %s from systemd: %w", cmp.Or(s.Name, "without a name"), err)
	}
	if err := bound(l, backlog); err != nil {
		l.Close()
		return nil, fmt.Errorf("socket %s from systemd: %w", cmp.Or(s.Name, "without a name"), err)
	}
	return l, nil
}
