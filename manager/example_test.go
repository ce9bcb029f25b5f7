package manager_test

import (
	"context"
	"fmt"
	"io"

	"github.com/gafferd/gaffer/manager"
)

// A program that keeps another one running, in a few lines.
func ExampleManager() {
	m := manager.New(manager.Options{})
	hello := manager.NewTemplate("hello", "echo hello world")
	hello.Restart = manager.RestartNever
	if _, err := m.Create(hello); err != nil {
		fmt.Println(err)
		return
	}

	exit, _ := manager.ParsePattern("exit")
	events := m.Events().Subscribe(exit, 0)
	ev, _, err := events.Next(context.Background(), 0)
	if err != nil {
		fmt.Println(err)
		return
	}
	log, err := m.Log(ev.PID, "stdout")
	if err != nil {
		fmt.Println(err)
		return
	}
	output, _ := log.Read(0, 1<<10)
	fmt.Printf("%s %d: %s", ev.Name, ev.ExitStatus, output)

	fmt.Println(m.Shutdown(context.Background()))
	_, _, err = events.Next(context.Background(), 0)
	fmt.Println(err == io.EOF)
	// Output:
	// hello 0: hello world
	// <nil>
	// true
}

// A file is loaded, somebody scales one of its processes, and the file changes.
func ExampleManager_Apply() {
	m := manager.New(manager.Options{})
	defer m.Shutdown(context.Background())
	web, worker := manager.NewTemplate("web", "sleep 100"), manager.NewTemplate("worker", "sleep 100")
	m.Load([]manager.Template{web, worker})
	m.Scale("worker", 3)

	web.Cmd = "sleep 200"
	plan, _, err := m.Apply([]manager.Template{web, worker, manager.NewTemplate("cron", "sleep 300")})
	if err != nil {
		fmt.Println(err)
		return
	}
	fmt.Println("added", plan.Added)
	for _, c := range plan.Changed {
		fmt.Println("changed", c.Name, c.Properties)
	}
	scaled, _ := m.Status("worker")
	fmt.Println("worker has", scaled.NumProcesses)
	// Output:
	// added [cron]
	// changed web [{cmd sleep 100 sleep 200}]
	// worker has 3
}

func ExampleParseTemplate() {
	_, err := manager.ParseTemplate(map[string]any{
		"name":        "web",
		"cmd":         "./web",
		"numproceses": 2,
		"shell":       "yes",
	})
	fmt.Println(err)
	// Output:
	// shell: got "yes" (a string), want true or false
	// numproceses: is not a known property, the nearest is "numprocesses"
}
