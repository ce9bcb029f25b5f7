// Package e2e tests the built gafferd and gafferctl from outside: the README
// and docs typed literally, other people's clients, and what only shows in
// gigabytes and thousands. The last are slow and run where GAFFER_HEAVY is set,
// as `make test` does.
package e2e
