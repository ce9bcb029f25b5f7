// Command app is a program that runs processes and gives its manager an app of
// its own: it says which of them fail, from the first event to the last.
//
//	go run ./examples/app
package main

import (
	"context"
	"fmt"
	"log"

	"github.com/gafferd/gaffer/manager"
)

// alarm is an app: it is started and stopped with a manager.
type alarm struct{ done chan struct{} }

// Start implements manager.App.
func (a *alarm) Start(m *manager.Manager) error {
	exits, err := manager.ParsePattern(manager.EventExit)
	if err != nil {
		return err
	}
	events := m.Events().Subscribe(exits, m.Events().Last())
	go func() {
		defer close(a.done)
		for {
			ev, _, err := events.Next(context.Background(), 0)
			if err != nil {
				return // the manager has shut down, and this was the last event
			}
			if ev.ExitStatus != 0 {
				fmt.Printf("%s.%d failed with status %d\n", ev.Name, ev.Index, ev.ExitStatus)
			}
		}
	}()
	return nil
}

// Stop implements manager.App.
func (a *alarm) Stop(context.Context) error {
	<-a.done
	return nil
}

func main() {
	if err := run(context.Background()); err != nil {
		log.Fatal(err)
	}
}

func run(ctx context.Context) error {
	m := manager.New(manager.Options{})
	defer m.Shutdown(ctx)
	if err := m.StartApps(&alarm{done: make(chan struct{})}); err != nil {
		return err
	}
	exits, err := manager.ParsePattern(manager.EventExit)
	if err != nil {
		return err
	}
	ended := m.Events().Subscribe(exits, 0)
	for name, command := range map[string]string{"good": "exit 0", "bad": "exit 3"} {
		t := manager.NewTemplate(name, command)
		t.Shell, t.Restart = true, manager.RestartNever
		if _, err := m.Create(t); err != nil {
			return err
		}
		if _, _, err := ended.Next(ctx, 0); err != nil {
			return err
		}
	}
	return nil
}
