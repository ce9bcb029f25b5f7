package vault

import (
	"bytes"
	"encoding/binary"
	"hash/crc32"
)

// A file is one batch after the other. Numbers in it have 32 bits, little-endian:
//
//	batch:  length of its records, their CRC-32, records
//	record: length of the key, length of the value, key, value
//
// The file ends where no batch is that adds up. There it has zeros, or a batch
// whose program died while it wrote.
const (
	batchHeader  = 4 + 4
	recordHeader = 4 + 4
)

// Change is a record that is set, or removed if it has no value.
type Change struct {
	Key   string
	Value []byte
}

// size is how many bytes it takes in a batch.
func (c Change) size() int64 { return int64(recordHeader + len(c.Key) + len(c.Value)) }

// batch is a batch that is being made: newBatch, then add for each change, then
// seal.
type batch []byte

// newBatch begins a batch in memory that is not in use any more.
func newBatch(room batch) batch { return append(room[:0], make([]byte, batchHeader)...) }

func (b batch) add(c Change) batch {
	b = binary.LittleEndian.AppendUint32(b, uint32(len(c.Key)))
	b = binary.LittleEndian.AppendUint32(b, uint32(len(c.Value)))
	return append(append(b, c.Key...), c.Value...)
}

// seal fills in the header.
func (b batch) seal() {
	records := b[batchHeader:]
	binary.LittleEndian.PutUint32(b, uint32(len(records)))
	binary.LittleEndian.PutUint32(b[4:], crc32.ChecksumIEEE(records))
}

// firstBatch returns the records of the batch with which data begins, and the
// length of it all. n is 0 if data begins with none.
func firstBatch(data []byte) (records []byte, n int) {
	if len(data) < batchHeader {
		return nil, 0
	}
	size, sum := int64(binary.LittleEndian.Uint32(data)), binary.LittleEndian.Uint32(data[4:])
	if size == 0 || size > int64(len(data)-batchHeader) { // zeros are a batch without records, by their sum
		return nil, 0
	}
	n = batchHeader + int(size)
	if records = data[batchHeader:n]; crc32.ChecksumIEEE(records) != sum {
		return nil, 0
	}
	return records, n
}

// firstRecord returns a copy of the record with which records begin, and what
// follows it.
func firstRecord(records []byte) (c Change, rest []byte, ok bool) {
	if len(records) < recordHeader {
		return Change{}, nil, false
	}
	key, value := int64(binary.LittleEndian.Uint32(records)), int64(binary.LittleEndian.Uint32(records[4:]))
	records = records[recordHeader:]
	if key+value > int64(len(records)) {
		return Change{}, nil, false
	}
	return Change{string(records[:key]), bytes.Clone(records[key : key+value])}, records[key+value:], true
}
