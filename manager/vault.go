package manager

import (
	"encoding/binary"
	"errors"
	"fmt"
	"hash/crc32"
	"io"
	"os"
	"sync"
	"time"
)

// Vault is what a Manager knows, as records in a file in memory, for the program
// that goes on when this one dies. A change is in it before anyone hears of it.
//
// Each write is a batch that counts as a whole or not at all: its length, its
// checksum, and its records. When more of the file is out of date than not, the
// records go to a new file.
//
// A Vault is for one Manager, and safe for concurrent use.
type Vault struct {
	replace func(*os.File) error // set by OpenVault, never changed

	mu      sync.Mutex // guards everything below; no other is taken under it
	file    *vaultFile
	end     int64
	records map[string][]byte
	size    int64 // of the records that count
	batch   []byte
	broken  error     // why not all records are in the file; nil: all are
	tried   time.Time // when that was to be put right last
}

// change is a record that is set, or removed when it has no value.
type change struct {
	key   string
	value []byte
}

const (
	batchHeader  = 8
	recordHeader = 4 + 4
	minVault     = 1 << 20 // smaller ones are not worth writing anew

	// vaultRetry is how long a vault that was broken is not tried to be written anew.
	vaultRetry = time.Second
)

// OpenVault reads a vault, or makes a new one if f is nil. replace is called
// with each new file, and from then on the file before is of no use; its error
// keeps the old one in use.
func OpenVault(f *os.File, replace func(*os.File) error) (*Vault, error) {
	v := &Vault{replace: replace, records: make(map[string][]byte)}
	if f == nil {
		return v, v.rewrite()
	}
	v.file = &vaultFile{file: f}
	data, err := io.ReadAll(io.NewSectionReader(f, 0, 1<<40))
	if err != nil {
		return nil, fmt.Errorf("read the state: %w", err)
	}
	if err := v.load(data); err != nil {
		return nil, fmt.Errorf("read the state: %w", err)
	}
	return v, nil
}

// load takes over what is in the file. What was being written when its program
// died does not count, and is written over.
func (v *Vault) load(data []byte) error {
	for len(data)-int(v.end) >= batchHeader {
		header := data[v.end:]
		size, sum := int64(binary.LittleEndian.Uint32(header)), binary.LittleEndian.Uint32(header[4:])
		if size == 0 || size > int64(len(header)-batchHeader) {
			break
		}
		batch := header[batchHeader : batchHeader+size]
		if crc32.ChecksumIEEE(batch) != sum {
			break
		}
		for len(batch) > 0 {
			if len(batch) < recordHeader {
				return errDamaged
			}
			key, value := int64(binary.LittleEndian.Uint32(batch)), int64(binary.LittleEndian.Uint32(batch[4:]))
			if int64(len(batch)) < recordHeader+key+value {
				return errDamaged
			}
			batch = batch[recordHeader:]
			v.set(change{string(batch[:key]), append([]byte(nil), batch[key:key+value]...)})
			batch = batch[key+value:]
		}
		v.end += batchHeader + size
	}
	return nil
}

var errDamaged = errors.New("a batch does not add up")

// set changes what counts. v.mu must be held, but while loading.
func (v *Vault) set(c change) {
	if old, ok := v.records[c.key]; ok {
		v.size -= int64(recordHeader + len(c.key) + len(old))
	}
	if len(c.value) == 0 {
		delete(v.records, c.key)
		return
	}
	v.records[c.key] = c.value
	v.size += int64(recordHeader + len(c.key) + len(c.value))
}

// write writes a batch. A vault that cannot be written to, for want of memory, is written
// anew as soon as there is some: until then it is of no use.
func (v *Vault) write(changes ...change) error {
	if v == nil || len(changes) == 0 {
		return nil
	}
	v.mu.Lock()
	defer v.mu.Unlock()
	for _, c := range changes {
		v.set(c)
	}
	if v.broken != nil {
		if time.Since(v.tried) < vaultRetry {
			return v.broken
		}
		return v.mend()
	}
	if v.end > minVault && v.end > 4*v.size && v.rewrite() == nil { // else the file goes on growing, and it is tried again
		return nil
	}
	v.begin()
	for _, c := range changes {
		v.add(c)
	}
	if err := v.flush(); err != nil {
		v.broken, v.tried = fmt.Errorf("write the state: %w", err), time.Now()
	}
	return v.broken
}

// Complete returns nil if all that the Manager has recorded is there for the next program.
// If it is not, it is tried again to write it.
func (v *Vault) Complete() error {
	v.mu.Lock()
	defer v.mu.Unlock()
	return v.mend()
}

// mend writes the vault anew if it is broken. v.mu must be held.
func (v *Vault) mend() error {
	if v.broken == nil {
		return nil
	}
	v.tried = time.Now()
	if err := v.rewrite(); err != nil {
		return v.broken
	}
	v.broken = nil
	return nil
}

func (v *Vault) begin() { v.batch = append(v.batch[:0], make([]byte, batchHeader)...) }

func (v *Vault) add(c change) {
	v.batch = binary.LittleEndian.AppendUint32(v.batch, uint32(len(c.key)))
	v.batch = binary.LittleEndian.AppendUint32(v.batch, uint32(len(c.value)))
	v.batch = append(append(v.batch, c.key...), c.value...)
}

func (v *Vault) flush() error {
	batch := v.batch[batchHeader:]
	binary.LittleEndian.PutUint32(v.batch, uint32(len(batch)))
	binary.LittleEndian.PutUint32(v.batch[4:], crc32.ChecksumIEEE(batch))
	if err := v.file.put(v.batch, v.end); err != nil {
		return err
	}
	v.end += int64(len(v.batch))
	if cap(v.batch) > 64<<10 {
		v.batch = nil
	}
	return nil
}

// rewrite writes all records that count to a new file. v.mu must be held, but
// while opening.
func (v *Vault) rewrite() error {
	old, end := v.file, v.end
	f, err := newVaultFile()
	if err != nil {
		return err
	}
	v.file, v.end = f, 0
	if len(v.records) > 0 {
		v.begin()
		for key, value := range v.records {
			v.add(change{key, value})
		}
		err = v.flush()
	}
	if err == nil {
		err = v.replace(f.file)
	}
	if err != nil {
		f.close()
		v.file, v.end = old, end
		return fmt.Errorf("write the state anew: %w", err)
	}
	if old != nil {
		old.close()
	}
	return nil
}
