package archive

import (
	"bytes"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"testing"

	"github.com/gafferd/gaffer/streams"
)

// Of many instances some open their files for each batch. When somebody has
// removed those, others are begun, with a remark on what is missing.
func TestManyInstances(t *testing.T) {
	dir := t.TempDir()
	k := open(t, dir, Limits{})
	const beyond = 20
	var outs []*streams.Log
	var files []*File
	for pid := range maxOpen + beyond {
		f, out, err := k.start(pid + 1)
		err.Close()
		files, outs = append(files, f), append(outs, out)
	}
	for _, words := range []string{"one", "two"} {
		for i, out := range outs {
			fmt.Fprintln(out, words, i+1)
		}
		waitFor(t, &k.bell, func() bool {
			for i, f := range files {
				if f.Stdout().End() != outs[i].End() {
					return false
				}
			}
			return true
		})
	}
	folder := filepath.Join(dir, "app", "app:web")
	for i := range outs {
		text, _ := criLines(t, filepath.Join(folder, fmt.Sprint(i+1)+".log"))
		if want := fmt.Sprintf("one %d\ntwo %[1]d\n", i+1); text["stdout"] != want {
			t.Fatalf("log %d is %q, want %q", i+1, text["stdout"], want)
		}
	}
	if err := os.RemoveAll(folder); err != nil {
		t.Fatal(err)
	}
	for _, out := range outs {
		fmt.Fprintln(out, "three")
	}
	waitFor(t, &k.bell, func() bool {
		logs, _ := filepath.Glob(filepath.Join(folder, "*.log"))
		return len(logs) >= beyond
	})
	for _, out := range outs {
		fmt.Fprintln(out, "four")
		out.Close()
	}
	if err := k.Close(); err != nil {
		t.Fatal(err)
	}
	logs, _ := filepath.Glob(filepath.Join(folder, "*.log"))
	begun := 0
	for _, log := range logs {
		switch text, _ := criLines(t, log); text["stdout"] {
		case "gaffer: 6 bytes of stdout were not logged\nfour\n":
			begun++
		case "gaffer: 5 bytes of stdout were not logged\n": // its files were open, and it was not looked whether they are there
		default:
			t.Errorf("%s is %q", log, text["stdout"])
		}
	}
	if begun < beyond {
		t.Errorf("%d were begun anew at once, want %d at least", begun, beyond)
	}
}

// A file that is removed or moved away while it is open, by logrotate perhaps, is
// missed after a second, and no later than it is full.
func TestOpenFilesThatAreRemoved(t *testing.T) {
	for name, take := range map[string]func(log string) error{
		"removed":    func(log string) error { return errors.Join(os.Remove(log+".log"), os.Remove(log+".idx")) },
		"moved away": func(log string) error { return os.Rename(log+".log", log+".old") },
	} {
		dir := t.TempDir()
		k, failed := told(t, dir, Limits{Size: 640 << 10}) // a file is full with 64 KiB
		f, out, stderr := k.start(1)
		line := bytes.Repeat([]byte("x"), 99)
		write := func() {
			t.Helper()
			fmt.Fprintf(out, "%s\n", line)
			waitFor(t, &k.bell, func() bool { return f.Stdout().End() == out.End() })
		}
		write()
		log := filepath.Join(dir, "app", "app:web", "1")
		if err := take(log); err != nil {
			t.Fatal(err)
		}
		for range 660 { // more than a file
			fmt.Fprintf(out, "%s\n", line)
		}
		write()
		waitFor(t, &k.bell, func() bool { // a second later at most
			write()
			_, err := os.Stat(log + ".log")
			return err == nil
		})
		out.Close()
		stderr.Close()
		k.idle(t)
		if len(failed) > 0 {
			t.Errorf("%s: %v", name, <-failed)
		}
		if err := k.Close(); err != nil {
			t.Error(err)
		}
	}
}
