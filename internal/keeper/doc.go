// Package keeper is the part of gafferd that outlives its crashes.
//
// gafferd is two processes of one binary. The keeper, Run, has what must not be
// lost when the other one dies: listening sockets, the parent's ends of pipes,
// the files that streams and state are kept in, and the children themselves,
// whose parent it is. It knows none of what they mean. The worker, which is
// everything else, reaches it by a Conn: it gets all of that when it starts, and
// hands over what is new.
//
// The keeper has no HTTP, no configuration and no names; it allocates nothing
// that grows with output or requests. When its worker dies or does not answer,
// it starts another.
package keeper
