//go:build linux

package keeper

import (
	"encoding/binary"
	"errors"
	"fmt"

	"github.com/gafferd/gaffer/process/spawn"
)

// What a program is started with goes to the keeper as fields: a tag, a length,
// and so many bytes. Tags are part of the protocol. A keeper refuses those that
// it does not know, rather than to start a program without what was asked for.
const (
	tagPath   = 1
	tagDir    = 2
	tagArg    = 3 // once for each
	tagEnv    = 4 // once for each
	tagFile   = 5 // once for each; number 0: /dev/null, 1: the next descriptor of the message
	tagCgroup = 6 // the next descriptor, before those of files
	tagFlags  = 7
	tagUmask  = 8
	tagUID    = 9
	tagGID    = 10
	tagGroup  = 11 // once for each

	tagResource    = 12 // once for each: its number, and the soft and hard limits
	tagOOMScoreAdj = 13
	tagNice        = 14
	tagNoNewPrivs  = 15
	tagCaps        = 16 // both sets
)

const (
	flagSetsid  = 1 << 0
	flagSetpgid = 1 << 1
	flagSlow    = 1 << 2 // which a keeper that does not know it ignores
)

// encode appends a to b. Descriptors are not in it: only which there are. A
// negative one is /dev/null.
func encode(b []byte, a *spawn.Attr) []byte {
	text := func(tag byte, s string) {
		b = append(b, tag)
		b = binary.AppendUvarint(b, uint64(len(s)))
		b = append(b, s...)
	}
	number := func(tag byte, n uint64) {
		var buf [binary.MaxVarintLen64]byte
		text(tag, string(buf[:binary.PutUvarint(buf[:], n)]))
	}
	text(tagPath, a.Path)
	text(tagDir, a.Dir)
	for _, s := range a.Args {
		text(tagArg, s)
	}
	for _, s := range a.Env {
		text(tagEnv, s)
	}
	if a.Cgroup.Set {
		number(tagCgroup, 1)
	}
	for _, fd := range a.Files {
		number(tagFile, uint64(btoi(fd >= 0)))
	}
	number(tagFlags, uint64(btoi(a.Setsid)*flagSetsid|btoi(a.Setpgid)*flagSetpgid|btoi(a.Slow)*flagSlow))
	if a.Umask.Set {
		number(tagUmask, uint64(a.Umask.N))
	}
	if a.SetUser {
		number(tagUID, uint64(a.UID))
		number(tagGID, uint64(a.GID))
		for _, g := range a.Groups {
			number(tagGroup, uint64(g))
		}
	}
	return encodeLimits(b, &a.Limits)
}

// encodeLimits appends numbers, each of which may be negative.
func encodeLimits(b []byte, l *spawn.Limits) []byte {
	numbers := func(tag byte, list ...uint64) {
		var value []byte
		for _, n := range list {
			value = binary.AppendUvarint(value, n)
		}
		b = append(append(b, tag, byte(len(value))), value...)
	}
	for _, r := range l.Resources {
		numbers(tagResource, uint64(r.Number), r.Soft, r.Hard)
	}
	if l.OOMScoreAdj.Set {
		numbers(tagOOMScoreAdj, uint64(int64(l.OOMScoreAdj.N)))
	}
	if l.Nice.Set {
		numbers(tagNice, uint64(int64(l.Nice.N)))
	}
	if l.NoNewPrivs {
		numbers(tagNoNewPrivs)
	}
	if l.LimitCaps {
		numbers(tagCaps, l.Caps, l.Bounding)
	}
	return b
}

func btoi(b bool) int {
	if b {
		return 1
	}
	return 0
}

// decode is the reverse of encode. next gives the descriptors one after the
// other; null is that of /dev/null.
func decode(b []byte, next func() (int, error), null int) (a spawn.Attr, err error) {
	text := string(b) // one for all
	for len(b) > 0 {
		tag := b[0]
		size, n := binary.Uvarint(b[1:])
		if n <= 0 || size > uint64(len(b)-1-n) {
			return a, errors.New("a field is cut off")
		}
		value := b[1+n : 1+n+int(size)]
		words := text[1+n : 1+n+int(size)]
		b, text = b[1+n+int(size):], text[1+n+int(size):]
		number, size1 := binary.Uvarint(value)
		second, size2 := binary.Uvarint(value[max(size1, 0):])
		third, _ := binary.Uvarint(value[max(size1, 0)+max(size2, 0):])
		switch tag {
		case tagPath:
			a.Path = words
		case tagDir:
			a.Dir = words
		case tagArg:
			a.Args = append(a.Args, words)
		case tagEnv:
			a.Env = append(a.Env, words)
		case tagCgroup:
			fd, err := next()
			if err != nil {
				return a, err
			}
			a.Cgroup = spawn.To(fd)
		case tagFile:
			fd := null
			if number == 1 {
				if fd, err = next(); err != nil {
					return a, err
				}
			}
			a.Files = append(a.Files, fd)
		case tagFlags:
			a.Setsid, a.Setpgid, a.Slow = number&flagSetsid != 0, number&flagSetpgid != 0, number&flagSlow != 0
		case tagUmask:
			a.Umask = spawn.To(int(number))
		case tagUID:
			a.SetUser, a.UID = true, uint32(number)
		case tagGID:
			a.SetUser, a.GID = true, uint32(number)
		case tagGroup:
			a.Groups = append(a.Groups, uint32(number))
		case tagResource:
			a.Limits.Resources = append(a.Limits.Resources, spawn.Resource{Number: int(number), Soft: second, Hard: third})
		case tagOOMScoreAdj:
			a.Limits.OOMScoreAdj = spawn.To(int(number))
		case tagNice:
			a.Limits.Nice = spawn.To(int(number))
		case tagNoNewPrivs:
			a.Limits.NoNewPrivs = true
		case tagCaps:
			a.Limits.LimitCaps, a.Limits.Caps, a.Limits.Bounding = true, number, second
		default:
			return a, fmt.Errorf("this gafferd was upgraded, and its keeper cannot do what is asked for (field %d): restart gafferd", tag)
		}
	}
	return a, nil
}
