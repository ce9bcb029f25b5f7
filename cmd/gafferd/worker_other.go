//go:build !linux

package main

import (
	"errors"
	"net"
	"os"

	"github.com/gafferd/gaffer/internal/systemd"
	"github.com/gafferd/gaffer/manager/vault"
	"github.com/gafferd/gaffer/process"
)

// keeperSupported says that gafferd can be two processes here. Elsewhere than on
// Linux it is one, and a worker is always nil.
const keeperSupported = false

const (
	keptStarter = ""
	keptLock    = ""
	keptPIDFile = ""
	keptConfig  = ""
	keptKey     = ""
)

type worker struct{ stays bool }

func runKeeper(*starter) int                              { panic("no keeper") }
func connect() (*worker, error)                           { return nil, nil }
func (w *worker) takesOver() bool                         { return false }
func (w *worker) previous() string                        { return "" }
func (w *worker) number() int                             { return 1 }
func (w *worker) take(string) *os.File                    { return nil }
func (w *worker) hold(string, *os.File) error             { return nil }
func (w *worker) takeText(string) ([]byte, error)         { return nil, nil }
func (w *worker) holdText(string, []byte) error           { return nil }
func (w *worker) scratch() (*os.Root, error)              { return nil, nil }
func (w *worker) listener(string) (net.Listener, error)   { return nil, nil }
func (w *worker) holdListener(string, net.Listener) error { return nil }
func (w *worker) dropListener(string) error               { return nil }
func (w *worker) sockets() ([]systemd.Socket, error)      { return systemd.Sockets() }
func (w *worker) notifier() (*systemd.Notifier, error)    { return systemd.NewNotifier() }
func (w *worker) vault() (*vault.Vault, error)            { return nil, nil }
func (w *worker) launcher() (launcher, error) {
	return process.NewLocalLauncher(process.LauncherOptions{})
}
func (w *worker) ready(func()) error             { return nil }
func (w *worker) pid() int                       { return os.Getpid() }
func (w *worker) outputs(in, out *os.File) error { return nil }
func (w *worker) replaced() <-chan struct{}      { return nil }
func (w *worker) orphaned() <-chan struct{}      { return nil }
func (w *worker) upgrade(string) error           { return errKeeperGone }
func (w *worker) leave(int)                      {}

func executable() (string, error) { return os.Executable() }

var errKeeperGone = errors.New("there is no keeper")
