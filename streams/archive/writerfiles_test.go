package archive

import (
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
		return len(logs) == beyond
	})
	for _, out := range outs {
		fmt.Fprintln(out, "four")
		out.Close()
	}
	if err := k.Close(); err != nil {
		t.Fatal(err)
	}
	logs, _ := filepath.Glob(filepath.Join(folder, "*.log"))
	for _, log := range logs {
		if text, _ := criLines(t, log); text["stdout"] != "gaffer: 6 bytes of stdout were not logged\nfour\n" {
			t.Errorf("%s is %q", log, text["stdout"])
		}
	}
}
