package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"math"
	"net"
	"os"
	"runtime/debug"
	"strings"
	"sync/atomic"

	"golang.org/x/sys/unix"

	"github.com/gafferd/gaffer/internal/keeper"
	"github.com/gafferd/gaffer/internal/systemd"
	"github.com/gafferd/gaffer/manager"
	"github.com/gafferd/gaffer/manager/vault"
	"github.com/gafferd/gaffer/process"
)

// keeperSupported says that gafferd can be two processes here.
const keeperSupported = true

// The names under which a keeper holds what is the daemon's own.
const (
	keptStarter = "starter"
	keptLock    = "lock"
	keptPIDFile = "pidfile"
	keptConfig  = "config"
	keptKey     = "key"
	keptScratch = "scratch"
	keptListen  = "listen:" // with the place of the address in the configuration
)

// runKeeper is the whole life of the process that outlives this one's crashes.
// Nothing of the daemon has been set up by then.
func runKeeper(s *starter) int {
	debug.SetGCPercent(20)                  // there is little of it, and it should stay little
	go reserveThreads(spareThreads)         // while the first worker starts
	go reserveDescriptors(spareDescriptors) // likewise
	given := make(map[string]*os.File)
	if s != nil {
		given[keptStarter] = s.ready
	}
	return keeper.Run(os.Args, given)
}

// worker is this process as one that a keeper has started: what earlier ones
// have left, and where to leave what later ones need. nil is a daemon on its own,
// which keeps nothing and takes nothing over.
type worker struct {
	conn    *keeper.Conn
	well    atomic.Pointer[func()] // returns only while the daemon is well; nil: nobody knows yet
	beating *part
	folder  string // of scratch, once it was asked for
	known   *vault.Vault
	stays   bool // its end is not the daemon's: another one goes on
}

// connect is the worker that this process is, if it is one. It returns when it
// is this one's turn.
func connect() (*worker, error) {
	conn, err := keeper.Connect(prove)
	if conn == nil || err != nil {
		return nil, err
	}
	w := &worker{conn: conn}
	w.beating = begin(func(ctx context.Context) error {
		conn.Beat(ctx.Done(), func() {
			if well := w.well.Load(); well != nil {
				(*well)()
			}
		})
		return nil
	})
	return w, nil
}

// prove returns why this program cannot go on with what another one has left, or
// nil if it can.
func prove(state []*os.File) error {
	if len(state) == 0 {
		return nil
	}
	v, err := vault.Open(state[0], nil)
	if err != nil {
		return err
	}
	return manager.CheckVault(v)
}

// takesOver reports whether an earlier worker has left something.
func (w *worker) takesOver() bool { return w != nil && w.number() > 1 }

func (w *worker) number() int {
	n, _ := w.conn.Worker()
	return n
}

// previous says how the worker before this one ended.
func (w *worker) previous() string {
	_, why := w.conn.Worker()
	return why
}

// take is a file that an earlier worker has left; nil if there is none.
func (w *worker) take(name string) *os.File {
	if w == nil {
		return nil
	}
	files := w.conn.Take(name)
	if len(files) == 0 {
		return nil
	}
	return files[0]
}

// hold leaves a file for later workers, which the caller goes on using; nil
// takes away what was left.
func (w *worker) hold(name string, f *os.File) error {
	if w == nil {
		return nil
	}
	if f == nil {
		return w.conn.Hold(name)
	}
	return w.conn.Hold(name, f)
}

// takeText is what an earlier worker has left by holdText; nil if it has not.
func (w *worker) takeText(name string) ([]byte, error) {
	f := w.take(name)
	if f == nil {
		return nil, nil
	}
	defer f.Close()
	return io.ReadAll(io.NewSectionReader(f, 0, math.MaxInt64))
}

// holdText leaves text for later workers, in memory.
func (w *worker) holdText(name string, text []byte) error {
	if w == nil {
		return nil
	}
	fd, err := unix.MemfdCreate("gaffer-"+name, unix.MFD_CLOEXEC)
	if err != nil {
		return os.NewSyscallError("memfd_create", err)
	}
	f := os.NewFile(uintptr(fd), name)
	defer f.Close()
	if _, err := f.Write(text); err != nil {
		return err
	}
	return w.hold(name, f)
}

// scratch is a folder in memory for what has to outlive this worker and not the
// daemon; nil if nothing outlives it. The caller closes it.
func (w *worker) scratch() (*os.Root, error) {
	if w == nil {
		return nil, nil
	}
	path, err := w.takeText(keptScratch)
	if err != nil {
		return nil, err
	}
	w.folder = string(path)
	if w.folder == "" {
		if w.folder, err = os.MkdirTemp("/dev/shm", "gafferd-"); err != nil {
			w.folder, err = os.MkdirTemp("", "gafferd-")
		}
		if err != nil {
			return nil, err
		}
		if err := w.holdText(keptScratch, []byte(w.folder)); err != nil {
			return nil, err
		}
	}
	return os.OpenRoot(w.folder)
}

// listener is the one that an earlier worker has opened for an address, if any.
// The file of a unix socket is the daemon's, not this worker's: it stays when the
// listener is closed.
func (w *worker) listener(name string) (net.Listener, error) {
	f := w.take(keptListen + name)
	if f == nil {
		return nil, nil
	}
	defer f.Close() // the listener has a descriptor of its own
	l, err := net.FileListener(f)
	if err != nil {
		return nil, fmt.Errorf("take over the listener %s: %w", name, err)
	}
	return l, nil
}

// holdListener leaves a listener for later workers.
func (w *worker) holdListener(name string, l net.Listener) error {
	if w == nil {
		return nil
	}
	filer, ok := l.(interface{ File() (*os.File, error) })
	if !ok {
		return fmt.Errorf("listener %s has no descriptor", name)
	}
	f, err := filer.File()
	if err != nil {
		return err
	}
	defer f.Close()
	return w.hold(keptListen+name, f)
}

// dropListener takes away a listener that was left.
func (w *worker) dropListener(name string) error { return w.hold(keptListen+name, nil) }

// sockets are those that systemd has opened, for the keeper as it knows it.
func (w *worker) sockets() ([]systemd.Socket, error) {
	if w == nil {
		return systemd.Sockets()
	}
	files := make([]*os.File, len(w.conn.Held(keeper.Sockets)))
	for i := range files {
		files[i] = w.take(fmt.Sprint(keeper.Sockets, i))
	}
	return systemd.SocketsOf(files)
}

// notifier tells systemd how the daemon is doing.
func (w *worker) notifier() (*systemd.Notifier, error) {
	n, err := systemd.NewNotifier()
	if w != nil {
		n.SendBy(w.conn.Notify)
	}
	return n, err
}

// vault is where the manager's knowledge is kept; nil if it is not.
func (w *worker) vault() (v *vault.Vault, err error) {
	if w == nil {
		return nil, nil
	}
	w.known, err = vault.Open(w.take(keeper.State), func(f *os.File) error { return w.hold(keeper.State, f) })
	return w.known, err
}

// launcher starts processes: as the keeper's children, if there is one.
func (w *worker) launcher() (launcher, error) {
	if w == nil {
		// The daemon starts children in no other way, so every orphan is its own.
		return process.NewLocalLauncher(process.LauncherOptions{Subreaper: true, OwnsChildren: true})
	}
	return process.NewKeptLauncher(w.conn), nil
}

// ready tells the keeper that this worker does its work, and how to see that it
// goes on doing so.
func (w *worker) ready(well func()) error {
	if w == nil {
		return nil
	}
	w.well.Store(&well)
	return w.conn.Ready()
}

// pid is the daemon's process id, as the world knows it.
func (w *worker) pid() int {
	if w == nil {
		return os.Getpid()
	}
	return w.conn.KeeperPID()
}

// outputs has later workers print where this one does now.
func (w *worker) outputs(in, out *os.File) error {
	if w == nil {
		return nil
	}
	return w.conn.Outputs(in, out)
}

// replaced is closed when another worker waits for this one's end.
func (w *worker) replaced() <-chan struct{} {
	if w == nil {
		return nil
	}
	return w.conn.Yield()
}

// orphaned is closed when the keeper is dead.
func (w *worker) orphaned() <-chan struct{} {
	if w == nil {
		return nil
	}
	return w.conn.Gone()
}

// upgrade has this worker replaced by the program at path. It returns when that
// one is there and waits for this one's end.
func (w *worker) upgrade(path string) error {
	if err := w.known.Complete(); err != nil { // the other would not know of all that runs
		return err
	}
	return w.conn.Upgrade(path)
}

// executable is what this program is made of, or was if it has been replaced.
func executable() (string, error) {
	path, err := os.Executable()
	return strings.TrimSuffix(path, " (deleted)"), err
}

// leave ends the daemon with this worker.
func (w *worker) leave(code int) {
	if w == nil {
		return
	}
	w.beating.stop()
	if w.folder != "" {
		os.RemoveAll(w.folder)
	}
	w.conn.Leave(code) // fails when the keeper is gone, which has ended too then
}

var errKeeperGone = errors.New("the keeper is gone (killed?): everything was stopped, and how processes ended since is not known")
