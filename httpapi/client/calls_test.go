package client_test

import (
	"context"
	"errors"
	"io"
	"net/http"
	"net/http/httptest"
	"reflect"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/gafferd/gaffer/httpapi/client"
)

// Each call is one request; its answer comes back as a value.
func TestCalls(t *testing.T) {
	off, three := false, 3
	type call func(ctx context.Context, c *client.Client) (any, error)
	none := func(f func(ctx context.Context, c *client.Client) error) call {
		return func(ctx context.Context, c *client.Client) (any, error) { return nil, f(ctx, c) }
	}
	tests := []struct {
		request string // as sent, with its body behind it
		answer  string
		call    call
		want    any
	}{
		{"GET /processes", `["web","job"]`, func(ctx context.Context, c *client.Client) (any, error) { return c.Processes(ctx) }, []string{"web", "job"}},
		{"GET /processes?running=true", `[1,2]`, func(ctx context.Context, c *client.Client) (any, error) { return c.Running(ctx) }, []int{1, 2}},
		{"GET /pids", `[{"pid":1,"name":"web","os_pid":77}]`, func(ctx context.Context, c *client.Client) (any, error) { return c.Entries(ctx) },
			[]client.Entry{{PID: 1, Name: "web", OSPid: 77}}},
		{"GET /processes/shop:web/_pids", `{"ok":true,"pids":[4]}`, func(ctx context.Context, c *client.Client) (any, error) { return c.PIDs(ctx, "shop:web") }, []int{4}},
		{"HEAD /processes/web", ``, func(ctx context.Context, c *client.Client) (any, error) { return c.Exists(ctx, "web") }, true},
		{"GET /processes/web", `{"name":"web","cmd":"x","args":"-a -b","umask":"022","uid":1000,"stop_signal":"TERM","os_env":false}`,
			func(ctx context.Context, c *client.Client) (any, error) { return c.Process(ctx, "web") },
			client.Process{Name: "web", Cmd: "x", Args: client.Args{Line: "-a -b"}, Umask: new(client.Umask(0o22)), UID: "1000", StopSignal: "TERM", OSEnv: &off}},
		{"GET /processes/7", `{"name":"web","cmd":"x","args":["a"],"pid":7,"os_pid":700,"state":"running","streams":["stdout"]}`,
			func(ctx context.Context, c *client.Client) (any, error) { return c.Instance(ctx, 7) },
			client.Instance{Process: client.Process{Name: "web", Cmd: "x", Args: client.Args{List: []string{"a"}}}, PID: 7, OSPid: 700, State: "running", Streams: []string{"stdout"}}},
		{`POST /processes {"name":"web","cmd":"x","args":["a b"],"umask":"077","numprocesses":3,"start":false,"backoff":{"initial":0},"redirect_output":[]}`, `{"ok":true}`,
			none(func(ctx context.Context, c *client.Client) error {
				return c.Create(ctx, client.Process{Name: "web", Cmd: "x", Args: client.Args{List: []string{"a b"}}, Umask: new(client.Umask(0o77)),
					NumProcesses: &three, Start: &off, Backoff: &client.Backoff{}, RedirectOutput: []string{}})
			}), nil},
		{`PUT /processes/web?wait=true {"cmd":"y","args":"a b"}`, `{"ok":true}`, none(func(ctx context.Context, c *client.Client) error {
			return c.Update(ctx, "web", client.Process{Name: "web", Cmd: "y", Args: client.Args{Line: "a b"}}, client.Wait())
		}), nil},
		{"DELETE /processes/web", `{"ok":true}`, none(func(ctx context.Context, c *client.Client) error { return c.Delete(ctx, "web") }), nil},
		{"POST /_reload?wait=true", `{"ok":true,"added":["a"],"changed":["b"],"removed":["c"],"restarted":["b"],"changes":{"b":[{"property":"cmd","from":"x","to":"y"}]},"webhooks":{"removed":[{"id":"wh-1","event":"exit","url":"http://a/…"}]},"needs_restart":["state_dir"]}`,
			func(ctx context.Context, c *client.Client) (any, error) { return c.Reload(ctx, client.Wait()) },
			client.Reload{Added: []string{"a"}, Changed: []string{"b"}, Removed: []string{"c"}, Restarted: []string{"b"},
				Changes:  map[string][]client.Difference{"b": {{Property: "cmd", From: "x", To: "y"}}},
				Webhooks: client.WebhookChanges{Removed: []client.WebhookChange{{ID: "wh-1", Event: "exit", URL: "http://a/…"}}}, NeedsRestart: []string{"state_dir"}}},
		{"POST /_reload?plan=true", `{"ok":true,"added":["a"]}`, func(ctx context.Context, c *client.Client) (any, error) { return c.PlanReload(ctx) }, client.Reload{Added: []string{"a"}}},
		{"POST /processes/web/_start?wait=true", `{"ok":true}`, none(func(ctx context.Context, c *client.Client) error { return c.Start(ctx, "web", client.Wait()) }), nil},
		{"POST /processes/web/_stop?wait=1.5", `{"ok":true}`, none(func(ctx context.Context, c *client.Client) error {
			return c.Stop(ctx, "web", client.WaitFor(1500*time.Millisecond))
		}), nil},
		{"POST /processes/web/_restart", `{"ok":true}`, none(func(ctx context.Context, c *client.Client) error { return c.Restart(ctx, "web") }), nil},
		{"POST /processes/7/_stop", `{"ok":true}`, none(func(ctx context.Context, c *client.Client) error { return c.StopInstance(ctx, 7) }), nil},
		{"POST /processes/web/_add/2", `{"ok":true,"numprocesses":5}`, func(ctx context.Context, c *client.Client) (any, error) { return c.Add(ctx, "web", 2) }, 5},
		{"POST /processes/web/_sub/1", `{"ok":true,"numprocesses":0}`, func(ctx context.Context, c *client.Client) (any, error) { return c.Sub(ctx, "web", 1) }, 0},
		{"POST /processes/web/_scale/3", `{"ok":true,"numprocesses":3}`, func(ctx context.Context, c *client.Client) (any, error) { return c.Scale(ctx, "web", 3) }, 3},
		{"POST /processes/web/_signal/hup", `{"ok":true}`, none(func(ctx context.Context, c *client.Client) error { return c.Signal(ctx, "web", "hup") }), nil},
		{"POST /processes/7/_signal/9", `{"ok":true}`, none(func(ctx context.Context, c *client.Client) error { return c.SignalInstance(ctx, 7, "9") }), nil},
		{"GET /status/web", `{"active":true,"running":1,"max_processes":2,"numprocesses":2,"state":"running"}`,
			func(ctx context.Context, c *client.Client) (any, error) { return c.Status(ctx, "web") },
			client.Status{Active: true, Running: 1, MaxProcesses: 2, NumProcesses: 2, State: "running"}},
		{"GET /processes/web/_exits", `[{"pid":1,"exit_status":2,"stderr":["boom"]}]`,
			func(ctx context.Context, c *client.Client) (any, error) { return c.Exits(ctx, "web") },
			[]client.Exit{{PID: 1, ExitStatus: 2, Stderr: []string{"boom"}}}},
		{"GET /groups", `["a","b"]`, func(ctx context.Context, c *client.Client) (any, error) { return c.Groups(ctx) }, []string{"a", "b"}},
		{"GET /groups/a", `["a:x"]`, func(ctx context.Context, c *client.Client) (any, error) { return c.Group(ctx, "a") }, []string{"a:x"}},
		{"POST /groups/a/_start", `{"ok":true}`, none(func(ctx context.Context, c *client.Client) error { return c.StartGroup(ctx, "a") }), nil},
		{"POST /groups/a/_stop", `{"ok":true}`, none(func(ctx context.Context, c *client.Client) error { return c.StopGroup(ctx, "a") }), nil},
		{"POST /groups/a/_restart", `{"ok":true}`, none(func(ctx context.Context, c *client.Client) error { return c.RestartGroup(ctx, "a") }), nil},
		{"DELETE /groups/a", `{"ok":true}`, none(func(ctx context.Context, c *client.Client) error { return c.DeleteGroup(ctx, "a") }), nil},
		{"GET /stats/web", `{"name":"web","cpu":"N/A","mem":1.5,"stats":[{"id":1,"pid":70,"rss":4096,"num_fds":null}]}`,
			func(ctx context.Context, c *client.Client) (any, error) { return c.Stats(ctx, "web") },
			client.Stats{Name: "web", Mem: client.Reading{Value: 1.5, Valid: true}, Stats: []client.Usage{{ID: 1, PID: 70, RSS: new(uint64(4096))}}}},
		{"GET /stats", `[]`, func(ctx context.Context, c *client.Client) (any, error) { return c.AllStats(ctx) }, []client.Stats{}},
		{"GET /stats/web/1", `{"id":1}`, func(ctx context.Context, c *client.Client) (any, error) { return c.InstanceStats(ctx, "web", 1) }, client.Usage{ID: 1}},
		{"GET /version", `{"name":"gaffer","version":"1"}`, func(ctx context.Context, c *client.Client) (any, error) { return c.Version(ctx) }, client.Version{Name: "gaffer", Version: "1"}},
		{"GET /ping", `OK`, none(func(ctx context.Context, c *client.Client) error { return c.Ping(ctx) }), nil},
		{"GET /streams/1/stdout?feed=longpoll&since=3", "two\n", func(ctx context.Context, c *client.Client) (any, error) {
			return c.Poll(ctx, 1, "stdout", client.PollOptions{Since: 3})
		}, client.Page{Data: []byte("two\n"), Next: 7}},
		{"GET /processes/a%20b%2Fc%3F", `{}`, func(ctx context.Context, c *client.Client) (any, error) { return c.Process(ctx, "a b/c?") }, client.Process{}},
	}
	for _, tt := range tests {
		var got string
		address := serve(t, http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			body, _ := io.ReadAll(r.Body)
			got = strings.TrimSpace(r.Method + " " + r.RequestURI + " " + string(body))
			w.Header().Set("Gaffer-Offset", "7")
			io.WriteString(w, tt.answer)
		}))
		value, err := tt.call(t.Context(), connect(t, address))
		if err != nil || got != tt.request {
			t.Errorf("%s: sent %s: %v", tt.request, got, err)
		}
		if !reflect.DeepEqual(value, tt.want) {
			t.Errorf("%s: %s", tt.request, cmp.Diff(tt.want, value))
		}
	}
}

func TestWaitingInVain(t *testing.T) {
	c := connect(t, serve(t, http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		io.WriteString(w, `{"ok": true, "done": false}`)
	})))
	if err := c.Stop(t.Context(), "web", client.WaitFor(time.Second)); !errors.Is(err, client.ErrNotDone) {
		t.Errorf("got %v, want ErrNotDone", err)
	}
}

func TestErrors(t *testing.T) {
	address := serve(t, http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		switch r.URL.Path {
		case "/status/web":
			refuse(w, http.StatusNotFound, "not_found", "there is no process web")
		case "/status/moved":
			http.Redirect(w, r, "/status/web", http.StatusFound)
		default:
			http.Error(w, "<html>", http.StatusForbidden)
		}
	}))
	c := connect(t, address)
	_, err := c.Status(t.Context(), "web")
	if e, ok := errors.AsType[*client.Error](err); !ok || e.Status != 404 || e.Code != "not_found" || err.Error() != "there is no process web (not_found)" {
		t.Errorf("got %v", err)
	}
	if err := c.Ping(t.Context()); err == nil || err.Error() != "unexpected answer 403 Forbidden: is it gafferd that listens there?" {
		t.Errorf("got %v", err)
	}
	if _, err := c.Status(t.Context(), "moved"); client.Code(err) != "" || err == nil {
		t.Errorf("a redirection: got %v, want an error", err)
	}
	if ok, err := c.Exists(t.Context(), "web"); ok || err == nil {
		t.Errorf("exists, forbidden: got %v, %v", ok, err)
	}
	gone := httptest.NewServer(http.NotFoundHandler())
	gone.Close()
	err = connect(t, gone.URL).Ping(t.Context())
	if !errors.Is(err, client.ErrUnreachable) || !strings.HasPrefix(err.Error(), "cannot reach gafferd at "+gone.URL+": ") || strings.Count(err.Error(), gone.URL) != 1 {
		t.Errorf("got %v", err)
	}
}
