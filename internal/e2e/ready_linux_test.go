package e2e

import (
	"context"
	"syscall"
	"testing"

	"github.com/gafferd/gaffer/httpapi/client"
)

// TestRoomForDescriptors holds that no process of the daemon has to wait for its table of
// descriptors to grow when there are some thousand children.
func TestRoomForDescriptors(t *testing.T) {
	t.Parallel()
	var limits syscall.Rlimit
	if err := syscall.Getrlimit(syscall.RLIMIT_NOFILE, &limits); err != nil {
		t.Fatal(err)
	}
	room := int64(min(16<<10, limits.Max)) // gafferd may have as many as that
	d := start(t)
	for name, pid := range map[string]int{"keeper": d.cmd.Process.Pid, "worker": d.worker()} {
		waitFor(t, "the "+name+" has room", func() bool { return statusNumber(t, pid, "FDSize:") >= room })
	}
}

// TestReadyToBeTypedInto holds that an open websocket has what its first message needs made
// before that comes.
func TestReadyToBeTypedInto(t *testing.T) {
	t.Parallel()
	d := start(t)
	d.create("cat", properties{"cmd": "cat", "redirect_input": true})
	ctx, cancel := context.WithTimeout(context.Background(), limit)
	defer cancel()
	const in, out, errors = "keeper /memfd:gaffer-stdin (deleted)", "keeper /memfd:gaffer-stdout (deleted)", "keeper /memfd:gaffer-stderr (deleted)"
	if now := d.descriptors(); now[in]+now[out]+now[errors] > 0 {
		t.Errorf("there are files before anybody came: %v", now)
	}
	a, err := d.client().Attach(ctx, d.pids("cat")[0], client.AttachOptions{})
	if err != nil {
		t.Fatal(err)
	}
	defer a.Close()
	waitFor(t, "there are files for its input and output", func() bool {
		now := d.descriptors()
		return now[in] == 1 && now[out] == 1
	})
	if d.descriptors()[errors] > 0 {
		t.Error("there is one for an output that nobody has asked for")
	}
	if err := a.Send(ctx, []byte("hello\n")); err != nil {
		t.Fatal(err)
	}
	if chunk, err := a.Receive(ctx); err != nil || string(chunk.Data) != "hello\n" {
		t.Errorf("%q, %v", chunk.Data, err)
	}
}
