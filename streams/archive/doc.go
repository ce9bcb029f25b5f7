// Package archive keeps the output of instances on disk and reads it back, byte
// for byte.
//
// An instance's stdout and stderr share one file of lines in the format that
// container runtimes write (CRI):
//
//	2015-02-16T02:02:43.930163178Z stdout F the text of a line
//
// F ends a line, P is a piece of at most 16 KiB whose line goes on. To this format
// only LF ends a line. A line that ends in CR is complete for readers of the stream
// all the same, so it is in a record of the write that it came with. What stands
// between is the process's own bytes, whatever they are; so tail, grep and every
// log shipper can read the file, and the stream can be put together again from
// it. An index beside each file keeps what the format has no room for: offsets,
// and the numbers by which several streams are merged.
//
// Files are written in batches, from the logs in memory, by one goroutine for
// all. Nothing here makes a process wait.
package archive
