// Package procfile reads an application as Foreman describes it: a Procfile,
// which has a line for each process, and .env files. It makes descriptions of
// processes of them, for a manager, a daemon or systemd.
//
// It runs nothing, and asks nothing of the system but the files.
package procfile
