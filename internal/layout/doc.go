// Package layout holds the test that keeps the packages' imports running one
// way: cmd → httpapi → manager → process → streams.
package layout
