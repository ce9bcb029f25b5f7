package process

import (
	"os"
	"testing"
	"time"
)

// leftKeeper has one child, which an earlier program has left.
type leftKeeper struct {
	Keeper
	child *leftChild
}

func (k leftKeeper) Adopt(Command) (KeptChild, error) { return k.child, nil }

type leftChild struct {
	looseChild
	files map[byte]*os.File
	end   func(Status)
}

func (c *leftChild) Pid() int                   { return 1 }
func (c *leftChild) Started() error             { return nil }
func (c *leftChild) Files() map[byte]*os.File   { return c.files }
func (c *leftChild) OnEnd(f func(Status))       { c.end = f }
func (c *leftChild) OnUnkept(func(byte, error)) {}
func (c *leftChild) Told() bool                 { return false }
func (c *leftChild) Descendants() []int         { return nil }
func (c *leftChild) ReleaseWith(...byte)        {}

// TestAdoptWithoutWhatCannotBeRead holds that a program whose output of before is
// damaged is watched as any other: it runs, and would be started a second time.
func TestAdoptWithoutWhatCannotBeRead(t *testing.T) {
	for name, damaged := range map[string]func() (*os.File, error){
		"no file":    func() (*os.File, error) { r, w, err := os.Pipe(); w.Close(); return r, err },
		"no records": func() (*os.File, error) { return os.CreateTemp(t.TempDir(), "backing") },
	} {
		t.Run(name, func(t *testing.T) {
			theirs, ours, err := outputPipe()
			if err != nil {
				t.Fatal(err)
			}
			backing, err := damaged()
			if err != nil {
				t.Fatal(err)
			}
			child := &leftChild{files: map[byte]*os.File{fileNumber(1, keptEnd): ours, fileNumber(1, keptBacking): backing}}
			spec := &Spec{Name: "web", RedirectOutput: []string{"stdout"}}
			told := 0
			claim, err := NewClaim(spec, Options{Launcher: leftKeeper{child: child}, Unkept: func(string, error) { told++ }})
			if err != nil {
				t.Fatal(err)
			}
			p, err := claim.Adopt(Was{})
			if err != nil {
				t.Fatal(err)
			}
			log, err := p.Log("stdout")
			if err != nil {
				t.Fatal(err)
			}
			cursor := log.Subscribe(0)
			defer cursor.Close()
			if _, err := theirs.WriteString("hello\n"); err != nil {
				t.Fatal(err)
			}
			chunk, err := cursor.Next(t.Context(), 20*time.Second)
			if err != nil || string(chunk.Data) != "hello\n" || told != 1 {
				t.Errorf("read %q, %v; it was told %d times", chunk.Data, err, told)
			}
			theirs.Close()
			child.end(Status{})
			<-p.Done()
		})
	}
}
