package e2e

import (
	"fmt"
	"os"
	"strings"
	"testing"

	"golang.org/x/sys/unix"
)

// procField is a line of a file in /proc/PID, by its first words.
func procField(t *testing.T, pid int, file, name string) string {
	t.Helper()
	text, err := os.ReadFile(fmt.Sprintf("/proc/%d/%s", pid, file))
	if err != nil {
		t.Fatal(err)
	}
	for line := range strings.Lines(string(text)) {
		if rest, ok := strings.CutPrefix(line, name); ok {
			return strings.Join(strings.Fields(rest), " ")
		}
	}
	t.Fatalf("/proc/%d/%s has no %s", pid, file, name)
	return ""
}

// TestRightsAreAsAsked starts processes with limits, rights and users of their
// own: what the kernel says of each is what was asked for, also of those that a
// later worker starts.
func TestRightsAreAsAsked(t *testing.T) {
	if os.Getuid() != 0 {
		t.Skip("only root may run programs as somebody else")
	}
	d := start(t)
	for round := range 2 {
		for name, c := range map[string]struct {
			asked  properties
			status map[string]string
		}{
			"user": {
				properties{"uid": 61236, "gid": 61237},
				map[string]string{"Uid:": "61236 61236 61236 61236", "Gid:": "61237 61237 61237 61237", "NoNewPrivs:": "1", "CapEff:": "0000000000000000", "CapPrm:": "0000000000000000"},
			},
			"capable": {
				properties{"uid": 61236, "gid": 61236, "capabilities": []string{"net_bind_service"}, "no_new_privs": false},
				map[string]string{"Uid:": "61236 61236 61236 61236", "NoNewPrivs:": "0", "CapEff:": "0000000000000400", "CapBnd:": "0000000000000400"},
			},
			"root": {
				properties{"no_new_privs": true, "capabilities": []string{}},
				map[string]string{"Uid:": "0 0 0 0", "NoNewPrivs:": "1", "CapEff:": "0000000000000000"},
			},
		} {
			name = fmt.Sprint(name, round)
			p := properties{
				"cmd": "sleep 1000", "nice": 7, "oom_score_adj": 321, "umask": "027",
				"rlimits": properties{"nofile": "100:200", "core": 0, "stack": "1048576:unlimited"},
			}
			for k, v := range c.asked {
				p[k] = v
			}
			d.create(name, p)
			pids := marked("E2E_MARK="+d.mark, "GAFFER_NAME="+name)
			if len(pids) != 1 {
				t.Fatalf("%s has the processes %v", name, pids)
			}
			pid := pids[0]
			for field, want := range c.status {
				if got := procField(t, pid, "status", field); got != want {
					t.Errorf("%s: %s is %s, want %s", name, field, got, want)
				}
			}
			if got := procField(t, pid, "status", "Umask:"); got != "0027" {
				t.Errorf("%s: umask %s", name, got)
			}
			for limit, want := range map[string]string{
				"Max open files": "100 200 files", "Max core file size": "0 0 bytes", "Max stack size": "1048576 unlimited bytes",
			} {
				if got := procField(t, pid, "limits", limit); got != want {
					t.Errorf("%s: %s is %s, want %s", name, limit, got, want)
				}
			}
			if got := procField(t, pid, "oom_score_adj", ""); got != "321" {
				t.Errorf("%s: oom_score_adj %s", name, got)
			}
			// The system call tells 20 minus the nice value.
			if got, err := unix.Getpriority(unix.PRIO_PROCESS, pid); err != nil || 20-got != 7 {
				t.Errorf("%s: nice %d, %v", name, 20-got, err)
			}
		}
		d.replaceWorker()
	}
	// What was asked of children is not the keeper's, nor the next child's.
	for _, pid := range []int{d.cmd.Process.Pid, d.worker()} {
		if got := procField(t, pid, "oom_score_adj", ""); got == "321" {
			t.Errorf("the daemon's own oom_score_adj is %s", got)
		}
		if got, err := unix.Getpriority(unix.PRIO_PROCESS, pid); err != nil || 20-got == 7 {
			t.Errorf("the daemon's own nice value is %d, %v", 20-got, err)
		}
	}
	d.create("plain", properties{"cmd": "sleep 1000"})
	for _, pid := range marked("E2E_MARK="+d.mark, "GAFFER_NAME=plain") {
		if got, want := procField(t, pid, "oom_score_adj", ""), procField(t, os.Getpid(), "oom_score_adj", ""); got != want {
			t.Errorf("a process that asks for nothing has oom_score_adj %s, and this test has %s", got, want)
		}
	}
}
