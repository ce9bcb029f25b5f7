package client_test

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net/http/httptest"
	"os"
	"strings"

	"github.com/gafferd/gaffer/httpapi"
	"github.com/gafferd/gaffer/httpapi/client"
	"github.com/gafferd/gaffer/manager"
)

// daemonForExample stands for a gafferd that runs somewhere.
func daemonForExample() (address string, stop func()) {
	m := manager.New(manager.Options{Logger: slog.New(slog.DiscardHandler)})
	s := httptest.NewServer(httpapi.New(m, httpapi.Options{}).Handler())
	return s.URL, func() {
		m.Shutdown(context.Background())
		s.Close()
	}
}

func Example() {
	address, stop := daemonForExample() // or http://127.0.0.1:5000, unix:///run/gaffer.sock
	defer stop()
	ctx := context.Background()

	c, err := client.New(address)
	if err != nil {
		fmt.Println(err)
		return
	}
	web := client.Process{Name: "web", Cmd: "sleep 1000", NumProcesses: new(2)}
	if err := c.Create(ctx, web, client.Wait()); err != nil {
		fmt.Println(err)
		return
	}
	status, _ := c.Status(ctx, "web")
	fmt.Println(status.State, status.Running)

	err = c.Start(ctx, "wbe")
	if e, ok := errors.AsType[*client.Error](err); ok {
		fmt.Println(e.Status, e.Code)
	}
	// Output:
	// running 2
	// 404 not_found
}

func ExampleClient_Stream() {
	address, stop := daemonForExample()
	defer stop()
	ctx := context.Background()
	c, _ := client.New(address)
	job := client.Process{Name: "job", Cmd: "sh", Args: client.Args{List: []string{"-c", "echo one; echo two"}}, Restart: "never"}
	if err := c.Create(ctx, job, client.Wait()); err != nil {
		fmt.Println(err)
		return
	}
	// The loop survives broken connections and ends when the process has.
	for chunk, err := range c.Stream(ctx, 1, "stdout", client.StreamOptions{}) {
		if err != nil {
			fmt.Println(err)
			break
		}
		if chunk.Missed > 0 {
			fmt.Println(chunk.Missed, "bytes are no longer kept")
		}
		os.Stdout.Write(chunk.Data)
	}
	// Output:
	// one
	// two
}

func ExampleClient_Watch() {
	address, stop := daemonForExample()
	defer stop()
	ctx := context.Background()
	c, _ := client.New(address)
	if err := c.Create(ctx, client.Process{Name: "job", Cmd: "sh -c 'exit 3'", Restart: "never"}); err != nil {
		fmt.Println(err)
		return
	}
	for ev, err := range c.Watch(ctx, "exit", client.WatchOptions{}) {
		if err != nil {
			fmt.Println(err)
			break
		}
		fmt.Println(ev.Name, "exited with", ev.ExitStatus)
		break
	}
	// Output: job exited with 3
}

func ExampleClient_Input() {
	address, stop := daemonForExample()
	defer stop()
	ctx := context.Background()
	c, _ := client.New(address)
	cat := client.Process{Name: "cat", Cmd: "cat", RedirectInput: true, Restart: "never"}
	if err := c.Create(ctx, cat, client.Wait()); err != nil {
		fmt.Println(err)
		return
	}
	in, err := c.Input(ctx, 1, "stdin")
	if err != nil {
		fmt.Println(err)
		return
	}
	io.Copy(in, strings.NewReader("ECHO\n"))
	in.Close()
	for chunk, err := range c.Stream(ctx, 1, "stdout", client.StreamOptions{}) {
		if err == nil {
			os.Stdout.Write(chunk.Data)
		}
	}
	// Output: ECHO
}
