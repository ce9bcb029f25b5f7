package main

import (
	"bytes"
	"context"
	"crypto/rand"
	"encoding/hex"
	"io"
	"strings"
	"testing"
	"time"

	"github.com/gafferd/gaffer/internal/badlink"
)

const catJSON = `{"name": "cat", "cmd": "cat", "restart": "never", "redirect_input": true, "backpressure": true}`

func TestAttachThroughCuts(t *testing.T) {
	url := serve(t)
	must(t, "load_process", "--start", "--wait", write(t, "p.json", catJSON))
	data := make([]byte, 500_000)
	rand.Read(data)
	text := hex.EncodeToString(data)
	proxy := badlink.NewCutter(t, url, 200_000)
	for range 20 { // a daemon that is not there in the beginning is an error
		o := gafferctl(t, text, "--connect", proxy.Address, "attach", "cat")
		if o.code == exitUnreachable && proxy.Cuts.Load() < 5 && o.stdout == "" {
			continue
		}
		if o.code != exitOK || o.stdout != text || !strings.HasSuffix(o.stderr, "Pid 1 has ended: exit 0\n") {
			t.Errorf("exit code %d, %d bytes of %d: %s", o.code, len(o.stdout), len(text), o.stderr)
		}
		if proxy.Cuts.Load() < 5 {
			t.Errorf("only %d cuts: this test has shown nothing", proxy.Cuts.Load())
		}
		return
	}
	t.Error("it never began")
}

// mixUp has a connection break when another line has come behind the one that was
// sent last, which nobody has heard of.
func mixUp(t *testing.T, url string, v *badlink.Valve, send func(line string)) {
	t.Helper()
	f := follow(t, "--connect", url, "streams", "--tail", "all", "1")
	defer f.interrupt()
	v.Hold()
	send("mine\n")
	f.until(t, "mine\n")
	if o := gafferctl(t, "theirs\n", "--connect", url, "stdin", "1"); o.code != exitOK {
		t.Fatal(o.stderr)
	}
	v.Cut(false)
}

const unsure = " bytes of the input may not have arrived"

// A file must not arrive with a hole.
func TestInputMayHaveAHole(t *testing.T) {
	url := serve(t)
	must(t, "load_process", "--start", "--wait", write(t, "p.json", catJSON))
	v := badlink.NewValve(t, url)
	in, keys := io.Pipe()
	defer keys.Close()
	ctx, cancel := context.WithTimeout(t.Context(), 30*time.Second)
	defer cancel()
	out, problems := &following{grown: make(chan struct{}, 1), done: make(chan int, 1)}, &bytes.Buffer{}
	go func() {
		out.done <- run(ctx, []string{"--connect", v.Address, "attach", "cat"}, in, out, problems)
	}()
	io.WriteString(keys, "first\n")
	out.until(t, "first\n")
	mixUp(t, url, v, func(line string) { io.WriteString(keys, line) })
	keys.Close()
	if code := out.end(t); code != exitFailed || !strings.HasSuffix(problems.String(), unsure+"\n") {
		t.Errorf("exit code %d: %s", code, problems)
	}
}
