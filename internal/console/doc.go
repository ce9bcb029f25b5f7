// Package console prints what the processes of a manager print, line by line
// and side by side, each line with the time and the name of its instance:
//
//	12:00:01 web.1    | listening on :8080
//	12:00:02 worker.2 | waiting for jobs
//
// It reads the streams as any other subscriber does. What it holds is bounded
// by the number of streams, however slowly its output is taken; a line that
// was gone before it could be printed leaves a line that says so.
package console
