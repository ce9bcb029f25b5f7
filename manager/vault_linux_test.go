package manager

import (
	"bytes"
	"encoding/binary"
	"fmt"
	"maps"
	"math/rand/v2"
	"os"
	"slices"
	"strings"
	"syscall"
	"testing"
	"testing/synctest"
	"time"
)

// TestVaultOfAnotherVersion holds that a program finds out before it takes over
// that it does not know a property of a process.
func TestVaultOfAnotherVersion(t *testing.T) {
	v, err := OpenVault(nil, func(*os.File) error { return nil })
	if err != nil {
		t.Fatal(err)
	}
	if err := v.write(change{"s1", []byte(`{"source":0,"description":{"name":"web","cmd":"true","orbit":7}}`)}); err != nil {
		t.Fatal(err)
	}
	if err := v.Check(); err == nil || !strings.Contains(err.Error(), "orbit") {
		t.Errorf("%v, want an error about what is not known", err)
	}
}

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
	v, err := OpenVault(nil, hold)
	if err != nil {
		t.Fatal(err)
	}
	want := make(map[string]string)
	for range 1000 {
		var changes []change
		for range 1 + random.IntN(4) {
			c := change{fmt.Sprintf("s%d", random.IntN(100)), bytes.Repeat([]byte{byte('a' + random.IntN(26))}, random.IntN(800))}
			if random.IntN(200) == 0 {
				c.value = bytes.Repeat([]byte("x"), 3*vaultWindow)
			}
			changes = append(changes, c)
			if want[c.key] = string(c.value); len(c.value) == 0 {
				delete(want, c.key)
			}
		}
		if err := v.write(changes...); err != nil {
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
		if v, err = OpenVault(file, hold); err != nil {
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
	if took, most := stat.Blocks*512, 4*v.size+minVault+8*vaultWindow; took > most {
		t.Errorf("it takes %d bytes for %d, more than %d", took, v.size, most)
	}
}

// TestVaultIsWrittenAnew holds that a vault which could not be written to has all that it
// was told once it can be.
func TestVaultIsWrittenAnew(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var file *os.File
		full := false
		v, err := OpenVault(nil, func(f *os.File) error {
			if full {
				return syscall.ENOSPC
			}
			file = dup(t, f)
			return nil
		})
		if err != nil {
			t.Fatal(err)
		}
		put := func(key string, ok bool) {
			t.Helper()
			if err := v.write(change{key, []byte("value")}); (err == nil) != ok {
				t.Errorf("%s: %v", key, err)
			}
		}
		put("before", true)
		unwritable, err := os.Open(os.DevNull)
		if err != nil {
			t.Fatal(err)
		}
		v.file.close()
		v.file, full = &vaultFile{file: unwritable}, true
		put("meanwhile", false)
		time.Sleep(2 * vaultRetry)
		put("still", false)
		if v.Complete() == nil {
			t.Error("it is not complete, and does not say so")
		}
		full = false
		put("at once", false) // it was tried just now
		time.Sleep(vaultRetry)
		put("afterwards", true)
		if err := v.Complete(); err != nil {
			t.Error(err)
		}
		next, err := OpenVault(file, nil)
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
