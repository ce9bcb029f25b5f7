package vault

import (
	"bytes"
	"encoding/binary"
	"fmt"
	"maps"
	"math/rand/v2"
	"os"
	"slices"
	"syscall"
	"testing"
	"testing/synctest"
	"time"
)

// dup is a descriptor of the same file, as the next program gets it.
func dup(t *testing.T, f *os.File) *os.File {
	t.Helper()
	fd, err := syscall.Dup(int(f.Fd()))
	if err != nil {
		t.Fatal(err)
	}
	return os.NewFile(uintptr(fd), f.Name())
}

// TestVaultOutlivesItsProgram holds that whoever opens a vault finds what was written
// last, whether its program died between two batches or in the middle of one.
func TestVaultOutlivesItsProgram(t *testing.T) {
	const seed = 7
	random := rand.New(rand.NewPCG(seed, seed))
	var file *os.File // as a keeper has it
	hold := func(f *os.File) error {
		file = dup(t, f)
		return nil
	}
	v, err := Open(nil, hold)
	if err != nil {
		t.Fatal(err)
	}
	want := make(map[string]string)
	for range 1000 {
		var changes []Change
		for range 1 + random.IntN(4) {
			c := Change{fmt.Sprintf("s%d", random.IntN(100)), bytes.Repeat([]byte{byte('a' + random.IntN(26))}, random.IntN(800))}
			if random.IntN(200) == 0 {
				c.Value = bytes.Repeat([]byte("x"), 3*windowSize)
			}
			changes = append(changes, c)
			if want[c.Key] = string(c.Value); len(c.Value) == 0 {
				delete(want, c.Key)
			}
		}
		if err := v.Write(changes...); err != nil {
			t.Fatal(err)
		}
		switch random.IntN(20) {
		case 0: // it dies here …
		case 1: // … or with a part of a batch written, of which the size may be all
			torn := binary.LittleEndian.AppendUint32(nil, uint32(50+random.IntN(5000)))
			for range random.IntN(300) {
				torn = append(torn, byte(random.IntN(256)))
			}
			if err := v.file.put(torn, v.end); err != nil {
				t.Fatal(err)
			}
		default:
			continue
		}
		v.file.close()
		if v, err = Open(file, hold); err != nil {
			t.Fatal(err)
		}
		file = dup(t, file)
		got := make(map[string]string)
		for key, value := range v.records {
			got[key] = string(value)
		}
		if !maps.Equal(got, want) {
			t.Fatalf("there are %d records, and were %d (seed %d)", len(got), len(want), seed)
		}
	}
	var stat syscall.Stat_t
	if err := syscall.Fstat(int(file.Fd()), &stat); err != nil {
		t.Fatal(err)
	}
	if took, most := stat.Blocks*512, 4*v.size+minRewrite+8*windowSize; took > most {
		t.Errorf("it takes %d bytes for %d, more than %d", took, v.size, most)
	}
}

// TestVaultIsWrittenAnew holds that a vault which could not be written to has all that it
// was told once it can be.
func TestVaultIsWrittenAnew(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var held *os.File // as a keeper has it
		full := false
		v, err := Open(nil, func(f *os.File) error {
			if full {
				return syscall.ENOSPC
			}
			held = dup(t, f)
			return nil
		})
		if err != nil {
			t.Fatal(err)
		}
		put := func(key string, ok bool) {
			t.Helper()
			if err := v.Write(Change{key, []byte("value")}); (err == nil) != ok {
				t.Errorf("%s: %v", key, err)
			}
		}
		put("before", true)
		unwritable, err := os.Open(os.DevNull)
		if err != nil {
			t.Fatal(err)
		}
		v.file.close()
		v.file, full = &file{File: unwritable}, true
		put("meanwhile", false)
		time.Sleep(2 * retryAfter)
		put("still", false)
		if v.Complete() == nil {
			t.Error("it is not complete, and does not say so")
		}
		full = false
		put("at once", false) // it was tried just now
		time.Sleep(retryAfter)
		put("afterwards", true)
		if err := v.Complete(); err != nil {
			t.Error(err)
		}
		next, err := Open(held, nil)
		if err != nil {
			t.Fatal(err)
		}
		keys := slices.Sorted(maps.Keys(next.records))
		if want := []string{"afterwards", "at once", "before", "meanwhile", "still"}; !slices.Equal(keys, want) {
			t.Errorf("the next program knows %q, want %q", keys, want)
		}
		v.file.close()
		next.file.close()
	})
}

// FuzzLoad reads what somebody may have left in a file, and holds that what is
// taken of it can be written and read again.
func FuzzLoad(f *testing.F) {
	whole := newBatch(nil).add(Change{"s1", []byte("web")}).add(Change{"s1.1", nil})
	whole.seal()
	f.Add([]byte(whole))
	f.Add(append(bytes.Clone(whole), whole[:9]...))
	f.Add(make([]byte, 64))
	f.Fuzz(func(t *testing.T, data []byte) {
		v := &Vault{records: make(map[string][]byte)}
		if v.load(data) != nil || len(v.records) == 0 {
			return
		}
		b := newBatch(nil)
		for key, value := range v.records {
			b = b.add(Change{key, value})
		}
		b.seal()
		again := &Vault{records: make(map[string][]byte)}
		if err := again.load(b); err != nil || !maps.EqualFunc(again.records, v.records, bytes.Equal) || again.size != v.size {
			t.Errorf("%q is read back as %q, %v", v.records, again.records, err)
		}
	})
}
