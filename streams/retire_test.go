package streams

import (
	"errors"
	"io"
	"testing"
)

// A reader who is there gets all of a retired Log; the memory is free when the
// last such reader has gone.
func TestRetireWaitsForReaders(t *testing.T) {
	memory := NewMemory(1 << 20)
	log := NewLog(Options{Memory: memory})
	if _, err := log.Write([]byte("to the last word")); err != nil {
		t.Fatal(err)
	}
	a, b := log.Subscribe(0), log.Subscribe(0)
	log.Retire()
	a.Close()
	chunk, err := b.Next(t.Context(), 0)
	if err != nil || string(chunk.Data) != "to the last word" {
		t.Errorf("%q, %v", chunk.Data, err)
	}
	if _, err := b.Next(t.Context(), 0); !errors.Is(err, io.EOF) {
		t.Errorf("%v, want the end", err)
	}
	if memory.Used() == 0 {
		t.Error("the bytes are gone while they are read")
	}
	b.Close()
	b.Close()
	if used := memory.Used(); used != 0 {
		t.Errorf("%d bytes are left", used)
	}
}

func TestRetireDiscardsWhatNobodyReads(t *testing.T) {
	memory := NewMemory(1 << 20)
	log := NewLog(Options{Memory: memory})
	if _, err := log.Write([]byte("x")); err != nil {
		t.Fatal(err)
	}
	log.Subscribe(0).Close()
	log.Retire()
	if used := memory.Used(); used != 0 {
		t.Errorf("%d bytes are left", used)
	}
}
