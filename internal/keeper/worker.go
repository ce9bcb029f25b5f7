//go:build linux

package keeper

import (
	"fmt"
	"maps"
	"os"
	"runtime"
	"strconv"
	"syscall"
	"time"

	"golang.org/x/sys/unix"
)

// Variable is the environment variable that tells a program that it is a worker,
// and the descriptor of its link.
const Variable = "GAFFER_KEEPER_FD"

const workerFD = 3

// underWay is far longer than a message is under way: what comes later was said later.
const underWay = time.Second

// workerIDs are the ids of workers among those of children, far above what a
// daemon counts to.
const workerIDs = uint64(1) << 63

// worker is one worker as the keeper sees it.
type worker struct {
	id      uint64
	pid     int
	pidfd   int
	link    *link
	started time.Time

	candidate bool
	greeted   bool // it has said hello
	isReady   bool
	leaves    bool // it will end, and all is done then
	code      int
	failed    string // why it is to be killed, or was

	told map[os.Signal]time.Time // when it was sent a signal, until it is known to have lived on

	// Both have to come before its end is told: its last words may matter.
	exited, closed bool

	heard    time.Time
	giveUpAt time.Time
	readyBy  time.Time // after an upgrade, until it is ready; else zero
	late     bool      // it was silent for too long, and gets one more moment
}

// startWorker makes the next worker of the program as it is now.
func (k *keeper) startWorker(now time.Time) {
	k.lives.startAt = time.Time{}
	w, err := k.fork(k.program)
	if err != nil {
		fmt.Fprintf(os.Stderr, "gafferd: keeper: cannot start a worker: %v\n", err)
		k.died(0, err.Error())
		return
	}
	k.worker = w
}

// openOwn opens a file for the keeper itself. Its descriptor is none of those that a
// worker gets, for these are in place when the worker's program is executed.
func openOwn(path string, flags int) (int, error) {
	fd, err := unix.Open(path, flags|unix.O_CLOEXEC, 0)
	if err != nil || fd > workerFD {
		return fd, err
	}
	defer unix.Close(fd)
	return unix.FcntlInt(uintptr(fd), unix.F_DUPFD_CLOEXEC, workerFD+1)
}

func (k *keeper) fork(program int) (*worker, error) {
	ours, theirs, err := socketPair()
	if err != nil {
		return nil, err
	}
	defer unix.Close(theirs)
	l, err := newLink(ours)
	if err != nil {
		return nil, err
	}
	pid, pidfd := 0, -1
	k.lives.begun++
	// Its own process group: a Ctrl-C at the terminal reaches the keeper, which
	// passes it on, and so comes once.
	attr := &syscall.ProcAttr{
		Env:   append(k.env[:len(k.env):len(k.env)], Variable+"="+strconv.Itoa(workerFD)),
		Files: []uintptr{0, 1, 2, uintptr(theirs)},
		Sys:   &syscall.SysProcAttr{Setpgid: true, PidFD: &pidfd},
	}
	withSlack(workerSlack, func() {
		pid, _, err = syscall.StartProcess("/proc/self/fd/"+strconv.Itoa(program), k.args, attr)
	})
	runtime.KeepAlive(k)
	if err != nil {
		l.close()
		return nil, err
	}
	now := time.Now()
	w := &worker{
		id: workerIDs + uint64(k.lives.begun), pid: pid, pidfd: pidfd, link: l,
		told: make(map[os.Signal]time.Time), started: now, heard: now, giveUpAt: now.Add(beatTime),
	}
	if err := k.await(pidfd, w.id); err != nil {
		w.kill(err.Error())
		k.lookLater(w.id)
	}
	go func() {
		for {
			m, err := l.receive()
			k.do(func() { k.receive(w, m, err) })
			if err != nil {
				return
			}
		}
	}()
	return w, nil
}

// hello hands everything to a worker that has come up.
func (k *keeper) hello(w *worker) {
	w.greeted = true
	if w == k.candidate {
		k.handState(w)
		return
	}
	k.handAll(w)
	k.catchUp(w)
	if k.yields() {
		w.send(message{kind: yield})
	}
}

// handAll hands over all that is kept.
func (k *keeper) handAll(w *worker) {
	w.send(message{kind: welcome, id: w.id - workerIDs, a: Version, b: int64(os.Getpid()), data: []byte(k.lives.last)})
	for _, it := range k.held {
		w.send(message{kind: held, data: []byte(it.name), files: it.files})
	}
	for id, c := range k.children {
		if !c.letGo {
			w.send(c.message(id))
		}
	}
	w.send(message{kind: begin})
}

// handState shows a candidate the state, to see whether it can read it.
func (k *keeper) handState(w *worker) {
	w.send(message{kind: welcome, id: w.id - workerIDs, a: Version, b: int64(os.Getpid())})
	for _, it := range k.held {
		if it.name == State {
			w.send(message{kind: held, data: []byte(it.name), files: it.files})
		}
	}
	w.send(message{kind: yield})
}

// ready notes that a worker does its work, or that a candidate could.
func (k *keeper) ready(w *worker) {
	w.isReady, w.readyBy = true, time.Time{}
	if w != k.candidate {
		k.lives.served = true
		k.settle()
		return
	}
	w.giveUpAt = time.Time{} // it waits for the other's end
	if k.worker == nil {
		k.handOver()
		return
	}
	if k.worker.greeted { // else it is told when it has
		k.worker.send(message{kind: yield})
	}
}

// exited notes that a worker has ended. Something that it has left behind may
// have its end of the link: the last words have a moment to come then.
func (k *keeper) exited(w *worker) {
	w.exited = true
	if w.closed {
		k.workerEnded(w)
		return
	}
	w.giveUpAt = time.Now().Add(time.Second)
}

// silent notes that the messages of a worker have ended. If it has not, it has
// a moment to do so.
func (k *keeper) silent(w *worker) {
	w.closed = true
	switch {
	case w.exited:
		k.workerEnded(w)
	case w.failed == "":
		w.giveUpAt, w.late = time.Now().Add(time.Second), true
	}
}

// workerEnded follows the end of a worker.
func (k *keeper) workerEnded(w *worker) {
	var status unix.WaitStatus
	for {
		if _, err := unix.Wait4(w.pid, &status, 0, nil); err != unix.EINTR {
			break
		}
	}
	unix.Close(w.pidfd)
	w.link.close()
	if w == k.candidate {
		k.candidateFailed(w.reason(status))
		return
	}
	k.worker = nil
	code := status.ExitStatus()
	if status.Signaled() {
		code = 128 + int(status.Signal())
	}
	switch {
	case w.leaves:
		k.end(w.code)
	case !k.lives.served && len(k.children) == 0:
		k.end(code) // it never began: what is wrong it has said
	case k.yields():
		k.lives.last = "upgraded"
		k.unheeded(w)
		k.handOver()
	default:
		k.unheeded(w)
		k.revert()
		k.died(time.Since(w.started), w.reason(status))
	}
}

// died plans what follows a worker's death.
func (k *keeper) died(lived time.Duration, reason string) {
	k.lives.last = reason
	k.lives.died(time.Now(), lived)
	if k.stopping == nil {
		return
	}
	k.lives.startNow()
	if k.lives.early > maxEarly {
		k.abandon()
	}
}

// reason says how a worker ended.
func (w *worker) reason(status unix.WaitStatus) string {
	switch {
	case w.failed != "":
		return w.failed
	case status.Signaled():
		return "killed by signal " + strconv.Itoa(int(status.Signal()))
	case w.candidate && !w.greeted:
		return fmt.Sprintf("it ended with exit status %d and took over nothing: is it a gafferd?", status.ExitStatus())
	default:
		return "exit status " + strconv.Itoa(status.ExitStatus())
	}
}

// send sends a message. A worker that does not take it is killed.
func (w *worker) send(m message) {
	if w.failed != "" {
		return
	}
	if err := w.link.send(m); err != nil {
		w.kill("it takes no messages: " + err.Error())
	}
}

func (w *worker) kill(why string) {
	w.failed = why
	w.giveUpAt = time.Time{}
	unix.Kill(w.pid, unix.SIGKILL) // it cannot have another's pid: nobody has waited for it
}

func (w *worker) signal(s os.Signal) { unix.Kill(w.pid, s.(syscall.Signal)) }

// beat notes that the worker is alive.
func (w *worker) beat(now time.Time) {
	w.heard, w.late = now, false
	maps.DeleteFunc(w.told, func(_ os.Signal, at time.Time) bool { return now.Sub(at) > underWay })
	if !w.candidate && w.failed == "" {
		w.giveUpAt = now.Add(beatTime)
	}
}

// giveUp kills a worker that was silent. One that may have been stopped together
// with the keeper has a moment to speak first.
func (w *worker) giveUp(now time.Time) {
	if w.exited {
		w.giveUpAt = time.Time{}
		w.link.close() // which ends the messages
		return
	}
	if !w.late && !w.candidate {
		w.late, w.giveUpAt = true, now.Add(time.Second)
		return
	}
	w.kill("no heartbeat")
}

// hangs kills a worker that has not come up, though it may say that it is alive.
func (w *worker) hangs(time.Time) {
	w.readyBy = time.Time{}
	w.kill("not ready in time")
}

// well reports whether the worker was heard of lately.
func (w *worker) well(now time.Time) bool { return w.isReady && now.Sub(w.heard) < beatTime }
