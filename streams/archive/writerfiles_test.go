package archive

import (
	"bytes"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/gafferd/gaffer/streams"
)

// Of many instances some open their files for each batch. When somebody has
// removed those, others are begun.
func TestManyInstances(t *testing.T) { synctest.Test(t, manyInstances) }

func manyInstances(t *testing.T) {
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
	time.Sleep(lookAgain)
	for _, out := range outs {
		fmt.Fprintln(out, "three")
	}
	waitFor(t, &k.bell, func() bool {
		logs, _ := filepath.Glob(filepath.Join(folder, "*.log"))
		return len(logs) == len(outs)
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
		if text, _ := criLines(t, log); text["stdout"] != "three\nfour\n" {
			t.Errorf("%s is %q", log, text["stdout"])
		}
	}
}

// When somebody removes a log that is open, or moves it away, what comes a second later
// is in a new one, and of a flood what comes behind that one file.
func TestRemovedWhileOpen(t *testing.T) {
	rename := func(log string) error { return os.Rename(log, log+".old") }
	for about, tc := range map[string]struct {
		remove func(log string) error
		flood  int // lines of 100 bytes, at once
	}{
		"removed":                       {os.Remove, 0},
		"moved away":                    {rename, 0},
		"replaced":                      {func(log string) error { rename(log); return os.WriteFile(log, nil, 0o600) }, 0},
		"with its folders":              {func(log string) error { return os.RemoveAll(filepath.Dir(filepath.Dir(log))) }, 0},
		"removed before it was full":    {os.Remove, 1000},
		"moved away before it was full": {rename, 1000},
	} {
		dir := t.TempDir()
		log := filepath.Join(dir, "app", "app:web", "1.log")
		synctest.Test(t, func(t *testing.T) {
			k, failed := told(t, dir, Limits{Size: 100 << 20, Segment: 64 << 10})
			f, out, stderr := k.start(1)
			fmt.Fprintln(out, "before")
			time.Sleep(2 * pause)
			must(t, tc.remove(log))
			flood := bytes.Repeat(append(bytes.Repeat([]byte("x"), 99), '\n'), tc.flood)
			out.Write(flood)
			time.Sleep(lookAgain)
			fmt.Fprintln(out, "after")
			fmt.Fprintln(out, "last")
			out.Close()
			stderr.Close()
			time.Sleep(2 * pause)
			synctest.Wait()
			text, _ := criLines(t, log)
			if rest, ok := strings.CutSuffix(text["stdout"], "after\nlast\n"); !ok || len(rest) >= 64<<10 || tc.flood == 0 && rest != "" {
				t.Errorf("%s: the log is %.100q", about, text["stdout"])
			}
			if got, missed := all(t, streams.Archived(f.Stdout()), 0); !bytes.HasSuffix(got, []byte("after\nlast\n")) || int64(len(got))+missed != out.End() {
				t.Errorf("%s: %d bytes and %d missed, want %d", about, len(got), missed, out.End())
			}
			if len(k.live) > 0 || len(failed) > 0 {
				t.Errorf("%s: %d are being written, %d failures were told", about, len(k.live), len(failed))
			}
			must(t, k.Close())
		})
	}
}

// A log that cannot be written costs the others no time, however loud its bell is.
func TestOneFailsAlone(t *testing.T) {
	dir := t.TempDir()
	blocked := filepath.Join(dir, "app") // where a folder is to be
	must(t, os.WriteFile(blocked, nil, 0o600))
	synctest.Test(t, func(t *testing.T) {
		k, failed := told(t, dir, Limits{})
		bad, loud, _ := k.start(1)
		good := k.Create("other", "other", 2, nil)
		quiet := streams.NewLog(streams.Options{Sequence: &k.seq, Bell: &k.bell, Archive: good.Stdout()})
		k.Follow(good, quiet, nil)
		fmt.Fprintln(loud, "first")
		if err := <-failed; err == nil {
			t.Fatal("told of a success first")
		}
		began := time.Now()
		flood := bytes.Repeat([]byte("x"), batchSize)
		for i := range 5 * int(retry/pause) {
			loud.Write(flood)
			fmt.Fprintln(quiet, i)
			time.Sleep(pause + 2*breath)
			if good.Stdout().End() != quiet.End() {
				t.Fatalf("line %d is not there, %v later", i, pause+2*breath)
			}
		}
		if bad.writer.again.Before(began) || len(failed) > 0 {
			t.Errorf("it is to be tried again at %v; told of %d more", bad.writer.again, len(failed))
		}
		must(t, os.Remove(blocked))
		time.Sleep(retry)
		if err := <-failed; err != nil || bad.Stdout().End() == 0 {
			t.Errorf("when it works again: %v, and %d bytes are there", err, bad.Stdout().End())
		}
		must(t, k.Close())
	})
}
