package client_test

import (
	"bytes"
	"context"
	"crypto/rand"
	"errors"
	"io"
	"sync"
	"testing"
	"time"

	"github.com/gafferd/gaffer/httpapi/client"
	"github.com/gafferd/gaffer/internal/badlink"
)

// once runs a script once, with what a run from a terminal has.
func once(script string) client.Process {
	return client.Process{Cmd: "sh", Args: client.Args{List: []string{"-c", script}}, RedirectInput: true, Backpressure: true}
}

func TestRunThroughCuts(t *testing.T) {
	want := make([]byte, 300_000)
	rand.Read(want)
	proxy := badlink.NewCutter(t, gafferd(t), 40_000)
	c := connect(t, proxy.Address)
	var r *client.Run
	for err := client.ErrUnreachable; err != nil; { // it is not started twice by itself
		if r, err = c.Run(t.Context(), once("cat; echo done >&2; exit 3")); err != nil && !errors.Is(err, client.ErrUnreachable) {
			t.Fatal(err)
		}
	}
	var work sync.WaitGroup
	work.Go(func() {
		stdin := r.Stdin(t.Context())
		_, err := stdin.ReadFrom(bytes.NewReader(want))
		if err = errors.Join(err, stdin.Close()); err != nil {
			t.Error(err)
		}
	})
	var got, said bytes.Buffer
	work.Go(func() { drain(t, r.Stdout(t.Context()), &got) })
	work.Go(func() { drain(t, r.Stderr(t.Context()), &said) })
	exit, err := r.Wait(t.Context())
	if err != nil || exit.PID != r.PID || exit.ExitStatus != 3 || exit.TermSignal != 0 || exit.Reason != "exited" {
		t.Errorf("ended with %+v and %v, want status 3", exit, err)
	}
	work.Wait()
	if !bytes.Equal(got.Bytes(), want) || said.String() != "done\n" {
		t.Errorf("got %d bytes that are not the %d written, and %q", got.Len(), len(want), &said)
	}
	if proxy.Cuts.Load() < 5 {
		t.Errorf("only %d cuts: this test has shown nothing", proxy.Cuts.Load())
	}
	again, err := r.Wait(t.Context())
	if err != nil || again.EndedAt != exit.EndedAt {
		t.Errorf("asked again: %+v and %v", again, err)
	}
	if err := r.Forget(t.Context()); err != nil {
		t.Error(err)
	}
}

func drain(t *testing.T, output func(yield func(client.Chunk, error) bool), to io.Writer) {
	for chunk, err := range output {
		if err != nil || chunk.Missed > 0 {
			t.Errorf("%d bytes missed and %v", chunk.Missed, err)
			return
		}
		to.Write(chunk.Data)
	}
}

func TestRunIsEnded(t *testing.T) {
	c := connect(t, gafferd(t))
	tests := []struct {
		how  func(r *client.Run) error
		want int // the signal
	}{
		{func(r *client.Run) error { return r.Stop(t.Context()) }, 15},
		{func(r *client.Run) error { return r.Kill(t.Context()) }, 9},
		{func(r *client.Run) error { return r.Forget(t.Context()) }, 15},
	}
	for i, tt := range tests {
		r, err := c.Run(t.Context(), once("exec sleep 1000"))
		if err != nil {
			t.Fatal(err)
		}
		exits := make(chan client.Exit, 1)
		go func() {
			exit, err := r.Wait(t.Context())
			if err != nil && !errors.Is(err, client.ErrReplaced) {
				t.Errorf("%d: %v", i, err)
			}
			exits <- exit
		}()
		if err := tt.how(r); err != nil {
			t.Errorf("%d: %v", i, err)
		}
		if exit := <-exits; exit.TermSignal != tt.want && exit.PID != 0 {
			t.Errorf("%d: ended by signal %d, want %d", i, exit.TermSignal, tt.want)
		}
	}
}

func TestRunErrors(t *testing.T) {
	c := connect(t, gafferd(t))
	if r, err := c.Run(t.Context(), client.Process{Cmd: "/no/such/program"}); err == nil {
		t.Errorf("a program that does not exist runs as %+v", r)
	}
	if _, err := c.Run(t.Context(), client.Process{Cmd: "true", Name: "mine"}); client.Code(err) != "invalid_process_info" {
		t.Errorf("with a name: %v", err)
	}
	r, err := c.Run(t.Context(), once("exec sleep 1000"))
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithTimeout(t.Context(), 10*time.Millisecond)
	defer cancel()
	if _, err := r.Wait(ctx); !errors.Is(err, context.DeadlineExceeded) {
		t.Errorf("a wait that is given up: %v", err)
	}
	if err := r.Forget(t.Context(), client.Wait()); err != nil {
		t.Error(err)
	}
	if _, err := connect(t, c.Address()).WaitExit(t.Context(), r.Name, r.PID); !errors.Is(err, client.ErrReplaced) {
		t.Errorf("one that is forgotten: %v, want ErrReplaced", err)
	}
}
