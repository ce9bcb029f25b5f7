package streams

import (
	"context"
	"errors"
	"iter"
	"time"
)

const Latest int64 = -1

var ErrIdle = errors.New("streams: nothing new within the time given")

type Options struct {
	Window       int
	MaxWindow    int
	Backpressure bool
	Memory       *Memory
	Sequence     *Sequence
}

type Log struct{}

func NewLog(o Options) *Log { panic("stub") }

// writer side: one writer
func (l *Log) Write(p []byte) (int, error)                              { panic("stub") }
func (l *Log) Pace(ctx context.Context) error                           { panic("stub") }
func (l *Log) Fill(read func(p []byte) (int, error)) (n int, err error) { panic("stub") }
func (l *Log) Close() error                                             { panic("stub") }

// any goroutine
func (l *Log) Start() int64                                                    { panic("stub") }
func (l *Log) End() int64                                                      { panic("stub") }
func (l *Log) Done() <-chan struct{}                                           { panic("stub") }
func (l *Log) Subscribe(offset int64) *Cursor                                  { panic("stub") }
func (l *Log) Read(from int64, max int) (data []byte, missed int64)            { panic("stub") }
func (l *Log) Wait(ctx context.Context, after int64, idle time.Duration) error { panic("stub") }
func (l *Log) TailLines(n int) int64                                           { panic("stub") }
func (l *Log) LastLine() int64                                                 { panic("stub") }

type Mark struct {
	Offset int64
	Time   time.Time
	Number uint64
}

type Chunk struct {
	Offset int64
	Data   []byte
	Missed int64
	Marks  []Mark
}

type Cursor struct{}

func (c *Cursor) Next(ctx context.Context, idle time.Duration) (Chunk, error) { panic("stub") }
func (c *Cursor) All(ctx context.Context) iter.Seq2[Chunk, error]             { panic("stub") }
func (c *Cursor) Offset() int64                                               { panic("stub") }
func (c *Cursor) Close()                                                      { panic("stub") }

type Line struct {
	Offset, End  int64
	Text         []byte
	Missed       int64
	Partial      bool
	Continuation bool
	Time         time.Time
	Number       uint64
}

type Lines struct{}

func NewLines(l *Log, offset int64) *Lines { panic("stub") }

func (l *Lines) Next(ctx context.Context, idle time.Duration) (Line, error) { panic("stub") }
func (l *Lines) Close()                                                     { panic("stub") }

type Memory struct{}

func NewMemory(limit int64) *Memory { panic("stub") }

type Sequence struct{}

func (s *Sequence) Next() uint64 { panic("stub") }
