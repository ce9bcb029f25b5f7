package manager

import (
	"errors"
	"io/fs"
	"sync"
	"time"

	"github.com/gafferd/gaffer/process"
	"github.com/gafferd/gaffer/streams/archive"
)

// Few instances are started one after the other, in order. When there are many,
// a few are started at the same time: a launch spends much of its time waiting
// for the kernel.
const (
	manyLaunches = 16
	launchers    = 4
)

// launchDue starts instances until none is due. Only run calls it.
func (s *supervisor) launchDue() {
	s.mu.Lock()
	many := s.slots.counts[due] >= manyLaunches
	s.mu.Unlock()
	var others sync.WaitGroup
	if many {
		for range launchers - 1 {
			others.Go(s.keepLaunching)
		}
	}
	s.keepLaunching()
	others.Wait()
}

// keepLaunching looks before each launch at what is wanted now, so that a stop
// never waits for more than the launches under way.
func (s *supervisor) keepLaunching() {
	for {
		if launch, _, _ := s.look(); !launch {
			return
		}
		select {
		case s.m.launching <- struct{}{}:
			done := sync.OnceFunc(func() { <-s.m.launching })
			hung := time.AfterFunc(longLaunch, done)
			s.launch()
			hung.Stop()
			done()
		case <-s.wake:
		}
	}
}

// launch starts the instance of the slot that is next, if one still is.
func (s *supervisor) launch() {
	sl, inst, expected := s.prepare()
	if sl == nil {
		return
	}
	s.m.saver.reserve(inst.pid)
	file := s.createArchive(inst)
	options := s.optionsFor(inst, file)
	options.Expected = expected
	var err error
	if inst.proc, err = process.Start(inst.spec, options); err == nil {
		s.m.options.Logger.Debug("started", "process", s.name, "pid", inst.pid, "os_pid", inst.proc.OSPid())
	}
	s.attempted(sl, inst, file, err)
}

// attempted notes how the start of an instance has gone. err is why it has no process.
func (s *supervisor) attempted(sl *slot, inst *instance, file *archive.File, err error) {
	if err != nil {
		s.m.options.Logger.Warn("start failed", "process", s.name, "pid", inst.pid, "error", err)
	} else {
		s.archiveOutput(file, inst)
	}
	s.mu.Lock()
	defer s.unlock()
	if err != nil {
		s.refuse(sl, inst, err)
	} else {
		s.launched(sl, inst)
	}
	s.settled(sl)
}

// prepare is the slot that is next, nil if there is none, its new instance, and the
// streams to which the instance before had written.
func (s *supervisor) prepare() (sl *slot, inst *instance, written []string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	sl = s.slots.nextDue()
	if sl == nil {
		return nil, nil, nil
	}
	sl.starting = slotStart{s.generation, time.Now()}
	s.setState(sl, starting)
	if s.spec == nil {
		spec := s.template.Spec // which is kept, unlike the rest of the template
		s.spec = &spec
	}
	inst = &instance{pid: sl.pid, index: sl.index, generation: s.generation, owner: s, spec: s.spec}
	s.journal.note(madeKey(inst.pid), s.description())
	s.commit() // there may be a program from now on
	return sl, inst, s.lastWritten(sl)
}

// launched notes that the instance of sl runs. One that is detached is on its
// own from here. s.mu must be held.
func (s *supervisor) launched(sl *slot, inst *instance) {
	s.trouble = ""
	sl.failed, sl.refused = false, false
	if inst.spec.Detach {
		s.setState(sl, finished)
		s.journal.note(madeKey(inst.pid), nil)
		s.discarded = append(s.discarded, inst)
		s.publish(EventSpawn, inst)
		return
	}
	s.m.pids.add(inst) // who hears of it finds it
	sl.instance = inst
	s.setState(sl, running)
	s.publish(EventSpawn, inst)
	s.watch(sl, inst)
}

// watch sees to it that the end of an instance has its consequences.
func (s *supervisor) watch(sl *slot, inst *instance) {
	s.instances.Add(1)
	inst.proc.OnDone(func() {
		defer s.instances.Done()
		s.exited(sl, inst)
	})
}

// optionsFor are what an instance is given beside its description.
func (s *supervisor) optionsFor(inst *instance, file *archive.File) process.Options {
	return process.Options{
		Launcher: s.m.options.Launcher,
		PID:      inst.pid,
		Index:    inst.index,
		Marker:   s.m.marker(inst.pid),
		Environ:  s.m.options.Environ,
		Memory:   s.m.memory,
		Sequence: s.m.sequence,
		NewLog:   s.newLog(inst, file),
		Unkept:   func(label string, err error) { s.unkept(inst, label, err) },
		Unread:   func(label string, lost int, err error) { s.unread(inst, label, lost, err) },
	}
}

// refuse notes that the instance of sl could not be started. It leaves a
// record as one that ran and ended does. s.mu must be held.
func (s *supervisor) refuse(sl *slot, inst *instance, err error) {
	now := time.Now()
	status := 126
	if errors.Is(err, fs.ErrNotExist) {
		status = 127
	}
	current := inst.generation == s.generation // else this is what was wanted before, and says nothing about what is wanted now
	if current {
		s.trouble = err.Error()
		if s.wants(sl) { // else the operation has not asked for it
			s.underway.refused(err)
		}
		sl.failed, sl.refused = true, true
	}
	s.m.pids.add(inst)
	s.ended(sl, inst, process.Exit{StartedAt: now, EndedAt: now, ExitStatus: status, Reason: err.Error()})
	if current {
		s.underway.caughtUp(sl) // tried, which is all an operation waits for
	}
}
