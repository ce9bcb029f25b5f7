// Package tokens keeps the access tokens of a server: who has one, what it
// allows, and for which processes.
//
// It never keeps a token itself, only its hash. What a request needs is the
// business of package httpapi.
package tokens
