package main

import (
	"bytes"
	"errors"
	"io"
	"net"
	"net/http"
	"os"
	"regexp"
	"strings"
	"syscall"
	"testing"
	"time"
	"unicode/utf8"
)

func TestGracefulStop(t *testing.T) {
	for _, sig := range []syscall.Signal{syscall.SIGTERM, syscall.SIGINT} {
		t.Run(sig.String(), func(t *testing.T) {
			d := start(t, nil, file(t, "gaffer.ini", "[process:web]\ncmd = "+child(t, "polite")+"\n"))
			osPid := d.running()
			d.signal(sig)
			if code := d.wait(); code != 0 {
				t.Errorf("exit code %d, want 0", code)
			}
			gone(t, osPid)
		})
	}
}

// TestLastOutput holds the order of the end: whoever reads a stream gets what its
// process says on SIGTERM, and a proper end, before the server goes. The reader
// has taken nothing by the time the process is gone.
func TestLastOutput(t *testing.T) {
	d := start(t, nil, file(t, "gaffer.ini", "[process:web]\ncmd = "+child(t, "polite")+"\n"))
	d.running()
	dialer := net.Dialer{Control: func(_, _ string, conn syscall.RawConn) error {
		// Small segments keep the kernel's buffers small: most of it waits in the
		// daemon.
		return conn.Control(func(fd uintptr) {
			err := syscall.SetsockoptInt(int(fd), syscall.SOL_SOCKET, syscall.SO_RCVBUF, 16<<10)
			if err := errors.Join(err, syscall.SetsockoptInt(int(fd), syscall.IPPROTO_TCP, syscall.TCP_MAXSEG, 536)); err != nil {
				t.Error(err)
			}
		})
	}}
	client := &http.Client{Transport: &http.Transport{DialContext: dialer.DialContext}}
	resp, err := client.Get(d.url + "/streams/1/stdout?feed=continuous&since=0")
	if err != nil {
		t.Fatal(err)
	}
	defer resp.Body.Close()
	d.signal(syscall.SIGTERM)
	d.stderr.wait(t, `msg=ended process=web`)
	<-time.After(drainTime * 5 / 6) // as late as a reader may be
	body, err := io.ReadAll(resp.Body)
	if want := "up\n" + strings.Repeat("bye ", lastWords) + "last"; err != nil || string(body) != want {
		t.Errorf("read %d bytes, %v; want all %d and a proper end", len(body), err, len(want))
	}
	if code := d.wait(); code != 0 {
		t.Errorf("exit code %d, want 0", code)
	}
}

// TestFeedWithoutEnd holds that a feed that would go on for ever is broken off
// at once, and does not use up the time that others have to end.
func TestFeedWithoutEnd(t *testing.T) {
	d := start(t, nil, file(t, "gaffer.ini", "[process:web]\ncmd = "+child(t, "polite")+"\n"))
	d.running()
	resp, err := http.Get(d.url + "/stats/web?feed=continuous&interval=1000")
	if err != nil {
		t.Fatal(err)
	}
	defer resp.Body.Close()
	begun := time.Now()
	d.signal(syscall.SIGTERM)
	if _, err := io.ReadAll(resp.Body); err == nil {
		t.Error("the feed ends as if there was no more to come")
	}
	if code := d.wait(); code != 0 {
		t.Errorf("exit code %d, want 0", code)
	}
	if took := time.Since(begun); took >= drainTime {
		t.Errorf("gafferd took %v to end: it waited for the feed", took)
	}
}

func TestSecondSignalStopsAtOnce(t *testing.T) {
	d := start(t, nil, file(t, "gaffer.ini", "[process:web]\ncmd = "+child(t, "stubborn")+"\ngraceful_timeout = 600\n"))
	osPid := d.running()
	d.signal(syscall.SIGTERM)
	d.stderr.wait(t, `msg=stopping`)
	time.AfterFunc(2*sameSignal, func() { d.cmd.Process.Signal(syscall.SIGINT) })
	if code := d.wait(); code != exitFailed {
		t.Errorf("exit code %d, want %d", code, exitFailed)
	}
	says(t, d.stderr.String(), "second signal")
	gone(t, osPid)
}

// TestSameSignalTwice is what timeout(1) and wrappers do.
func TestSameSignalTwice(t *testing.T) {
	d := start(t, nil, file(t, "gaffer.ini", "[process:web]\ncmd = "+child(t, "polite")+"\n"))
	d.running()
	d.signal(syscall.SIGINT)
	d.signal(syscall.SIGTERM)
	if code := d.wait(); code != 0 {
		t.Errorf("exit code %d, want 0:\n%s", code, d.stderr)
	}
}

func TestConsoleOutput(t *testing.T) {
	out := newWatched()
	d := start(t, out, "-vv", file(t, "gaffer.ini", "[process:web]\ncmd = "+child(t, "polite")+"\nredirect_output = stdout\n"))
	out.wait(t, `(?m)^\d\d:\d\d:\d\d web\.1 \| up$`)
	says(t, d.stderr.String(), "level=DEBUG")
	d.signal(syscall.SIGTERM)
	if code := d.wait(); code != 0 {
		t.Errorf("exit code %d, want 0", code)
	}
	if text := out.String(); !strings.HasSuffix(text, "bye last\n") {
		t.Errorf("the last line is not printed to its end: …%q", text[max(0, len(text)-40):])
	}
}

// TestOutputNobodyReads is gafferd -vv | head.
func TestOutputNobodyReads(t *testing.T) {
	r, w, err := os.Pipe()
	if err != nil {
		t.Fatal(err)
	}
	d := start(t, w, "-vv", file(t, "gaffer.ini", "[process:yes]\ncmd = yes\n"))
	w.Close()
	if _, err := io.ReadFull(r, make([]byte, 100)); err != nil {
		t.Error(err)
	}
	r.Close()
	d.stderr.wait(t, `is not printed any more.*broken pipe`)
	if got := d.get("/status/yes"); !strings.Contains(got, `"running":1`) && !strings.Contains(got, `"running": 1`) {
		t.Errorf("status is %s when nobody reads the output, want it to run on", got)
	}
	d.signal(syscall.SIGTERM)
	if code := d.wait(); code != 0 {
		t.Errorf("exit code %d, want 0", code)
	}
}

// TestOutputNobodyTakes ends although a write to its output does not.
func TestOutputNobodyTakes(t *testing.T) {
	t.Parallel()
	r, w, err := os.Pipe()
	if err != nil {
		t.Fatal(err)
	}
	defer r.Close()
	d := start(t, w, "-vv", file(t, "gaffer.ini", "[process:yes]\ncmd = yes\n"))
	w.Close()
	if _, err := io.ReadFull(r, make([]byte, 100)); err != nil {
		t.Error(err)
	}
	d.signal(syscall.SIGTERM)
	if code := d.wait(); code != 0 {
		t.Errorf("exit code %d, want 0", code)
	}
	says(t, d.stderr.String(), "not printed to its end")
}

// Flags stand in columns, and what a flag does not take is not said to follow it.
func TestHelpOfFlags(t *testing.T) {
	var stdout, stderr bytes.Buffer
	run(t.Context(), []string{"--help"}, &stdout, &stderr)
	_, flags, _ := strings.Cut(stdout.String(), "Flags:\n")
	line := regexp.MustCompile(`^  (-\w,|   ) --[a-z-]+( \S+)?  +`)
	widths := map[int]bool{}
	for flag := range strings.Lines(flags) {
		widths[utf8.RuneCountInString(line.FindString(flag))] = true
	}
	if len(widths) != 1 || !strings.Contains(flags, "--verbose  ") {
		t.Errorf("columns %v:\n%s", widths, flags)
	}
	for want, args := range [][]string{nil, {"-v"}, {"-vv"}, {"-v", "--verbose", "-v"}, {"--verbose=4"}} {
		var o options
		if err := newCommand(&o, nil).ParseFlags(args); err != nil || o.verbose != want {
			t.Errorf("%q: %d, %v, want %d", args, o.verbose, err, want)
		}
	}
}

func TestVersionAndHelp(t *testing.T) {
	for _, c := range []struct{ flag, want string }{
		{"--version", "gafferd "},
		{"--help", "--pidfile FILE"},
	} {
		var stdout, stderr bytes.Buffer
		if code := run(t.Context(), []string{c.flag}, &stdout, &stderr); code != 0 || stderr.Len() > 0 {
			t.Errorf("%s: exit code %d, stderr %q", c.flag, code, &stderr)
		}
		says(t, stdout.String(), c.want)
	}
}
