// Package importer makes a gaffer.yaml of a file that is written for another
// supervisor: supervisord, pm2 or process-compose.
//
// A file is read as its own supervisor reads it. What gafferd does as well becomes
// a property of a process, and each key that has no counterpart a warning that
// says what to do about it. A file that cannot be understood is refused, with all
// that is wrong with it at once. What comes out loads: that is checked with the
// very validation that gafferd uses.
//
// Nothing is run, and the machine is asked for nothing but the file and those
// that it includes.
package importer
