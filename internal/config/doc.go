// Package config reads gafferd's configuration file into one structure, Config.
//
// A file is read in two steps. A reader for its spelling (ini.go, yaml.go) turns it into
// a document: sections of settings whose values are plain text, numbers, lists
// and maps, each with the line it stands on. build.go checks the document and
// makes the Config; it is the one validation, and knows nothing of spellings.
// What a process may be given is decided by manager.ParseTemplate alone.
//
// All that is wrong with a file is reported at once, each mistake with its line.
package config
