package process

import (
	"context"
	"runtime"
	"strconv"
	"sync"
	"time"

	"github.com/shirou/gopsutil/v4/mem"
	ps "github.com/shirou/gopsutil/v4/process"
)

// machine prepares gopsutil, once, and is how much memory there is.
var machine = sync.OnceValue(func() uint64 {
	ps.EnableBootTimeCache(true) // else /proc/stat is read for each process
	memory, err := mem.VirtualMemory()
	if err != nil {
		return 0
	}
	return memory.Total
})

// lookAt reads what one process uses, but for its CPU share, and who started
// it. It fails when there is no such process.
func lookAt(ctx context.Context, pid int) (stats Stats, parent int, err error) {
	total := machine()
	p := &ps.Process{Pid: int32(pid)}
	ppid, err := p.PpidWithContext(ctx)
	if err != nil {
		return Stats{}, 0, err
	}
	s := Stats{PID: pid}
	read := func(err error, fields ...string) bool {
		if err != nil {
			s.Unreadable = append(s.Unreadable, fields...)
		}
		return err == nil
	}
	created, err := p.CreateTimeWithContext(ctx)
	if read(err, "CTime") {
		s.CTime = time.UnixMilli(created)
	}
	times, err := p.TimesWithContext(ctx)
	if read(err, "CPUSeconds") {
		s.CPUSeconds = times.User + times.System
	}
	memory, err := p.MemoryInfoWithContext(ctx)
	if read(err, "RSS", "VMS", "Mem") {
		s.RSS, s.VMS = memory.RSS, memory.VMS
		if total > 0 {
			s.Mem = float32(100 * float64(memory.RSS) / float64(total))
		}
	}
	s.Username, err = username(ctx, p)
	read(err, "Username")
	nice, err := p.NiceWithContext(ctx)
	if read(err, "Nice") {
		s.Nice = niceness(nice)
	}
	s.Cmdline, err = p.CmdlineWithContext(ctx)
	read(err, "Cmdline")
	s.NumFDs, err = p.NumFDsWithContext(ctx)
	read(err, "NumFDs")
	s.NumThreads, err = p.NumThreadsWithContext(ctx)
	read(err, "NumThreads")
	return s, int(ppid), nil
}

// username is the user's name, or its number when it has none.
func username(ctx context.Context, p *ps.Process) (string, error) {
	name, err := p.UsernameWithContext(ctx)
	if err == nil && name != "" {
		return name, nil
	}
	uids, err := p.UidsWithContext(ctx)
	if err != nil || len(uids) == 0 {
		return "", err
	}
	return strconv.Itoa(int(uids[0])), nil
}

// niceness undoes what gopsutil passes on from Linux, where the system call
// answers 40 … 1 for -20 … 19 to keep clear of negative results.
func niceness(n int32) int32 {
	if runtime.GOOS == "linux" {
		return 20 - n
	}
	return n
}
