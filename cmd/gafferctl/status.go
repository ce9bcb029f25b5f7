package main

import (
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"net/url"
	"strconv"
	"strings"
	"time"

	"github.com/fatih/color"
	"github.com/spf13/cobra"

	"github.com/gafferd/gaffer/httpapi/client"
)

func (c *cli) statusCommand() *cobra.Command {
	var all bool
	cmd := c.command("status [-a] [NAME]", "Show how everything does, or whether a process is active", 0, 1,
		func(ctx context.Context, args []string) error {
			switch {
			case len(args) == 1 && c.asJSON():
				return c.raw(ctx, "/status/"+url.PathEscape(args[0]), nil)
			case len(args) == 1:
				return c.statusOf(ctx, args[0])
			case c.asJSON() && all:
				return c.raw(ctx, "/processes", url.Values{"info": {"true"}})
			case c.asJSON():
				return c.statusJSON(ctx)
			}
			return c.statusOfAll(ctx, all)
		})
	cmd.Long = "Show how everything does, or whether a process is active.\n\n" +
		"With a name it prints active or stopped. Without one it prints, in plain output,\n" +
		"for each process and separated by tabs: name, state, running instances, wanted\n" +
		"instances, pids, seconds since the oldest instance started, and what is wrong: why\n" +
		"it could not be started or how the last instance ended, and the next try.\n\n" +
		"What was run once and has ended is left out, in JSON too, unless --all is given."
	cmd.Flags().BoolVarP(&all, "all", "a", false, "show also what was run once and has ended")
	return c.complete(ofName(cmd), names)
}

func (c *cli) statusOf(ctx context.Context, name string) error {
	status, err := c.client.Status(ctx, name)
	if err != nil {
		return err
	}
	if !status.Active {
		return c.print("stopped")
	}
	return c.print("active")
}

// isOver reports whether a process was run once and has ended. It is only listed
// for the sake of its exit and its output.
func isOver(info client.Info) bool { return info.Once && !info.Active && len(info.PIDs) == 0 }

// statusJSON prints all processes as the daemon describes them, but for those
// that are over.
func (c *cli) statusJSON(ctx context.Context) error {
	var objects []json.RawMessage
	if err := c.client.Do(ctx, http.MethodGet, "/processes", url.Values{"info": {"true"}}, nil, &objects); err != nil {
		return err
	}
	shown := []json.RawMessage{}
	for _, object := range objects {
		var info client.Info
		if err := json.Unmarshal(object, &info); err != nil {
			return err
		}
		if !isOver(info) {
			shown = append(shown, object)
		}
	}
	text, err := marshal(shown, "  ")
	if err != nil {
		return err
	}
	return c.print("%s", text)
}

func (c *cli) statusOfAll(ctx context.Context, all bool) error {
	infos, err := c.client.Infos(ctx)
	if err != nil {
		return err
	}
	instances, err := c.client.Instances(ctx)
	if err != nil {
		return err
	}
	now := time.Now()
	t := table{head: []string{"NAME", "STATE", "RUNNING", "PIDS", "UPTIME", "NOTE"}}
	over := 0
	for _, info := range infos {
		if !all && isOver(info) {
			over++
			continue
		}
		if info.LastError == "" {
			info.LastError = c.lastEnd(ctx, info)
		}
		t.rows = append(t.rows, statusRow(info, instances, now, c.asTable()))
	}
	if len(t.rows) == 0 && c.asTable() {
		err = c.print("no processes: add one with gafferctl add_process --start NAME CMDLINE")
	} else {
		err = c.table(t)
	}
	if over > 0 && err == nil && c.asTable() {
		err = c.print("not shown: %d run once that ended; gafferctl status --all shows them", over)
	}
	return err
}

// lastEnd is how the last instance ended of a process that is in trouble. It is
// not worth failing for, and empty for all others.
func (c *cli) lastEnd(ctx context.Context, info client.Info) string {
	switch info.State {
	case "backoff", "flapping", "failed":
		exits, err := c.client.Exits(ctx, info.Name)
		if err == nil && len(exits) > 0 {
			return ending(exits[len(exits)-1])
		}
	}
	return ""
}

// statusRow is one process. People see "2/3" in one column, scripts get both
// numbers.
func statusRow(info client.Info, instances []client.Instance, now time.Time, forPeople bool) []cell {
	var pids []string
	uptime := same("-")
	var oldest time.Time
	for _, i := range instances {
		if i.Name != info.Name {
			continue
		}
		pids = append(pids, strconv.Itoa(i.PID))
		if oldest.IsZero() || i.StartedAt.Before(oldest) {
			oldest = i.StartedAt
			uptime = spanCell(max(now.Sub(oldest), 0))
		}
	}
	wanted := 0
	if info.NumProcesses != nil {
		wanted = *info.NumProcesses
	}
	row := []cell{same(info.Name), stateCell(info.State)}
	if forPeople {
		row = append(row, same(fmt.Sprintf("%d/%d", info.Running, wanted)))
	} else {
		row = append(row, same(strconv.Itoa(info.Running)), same(strconv.Itoa(wanted)))
	}
	return append(row, pidsCell(pids), uptime, noteCell(info, now))
}

// whyNotStarted is why a process could not be started, where it has been named.
func whyNotStarted(name, reason string) string { return strings.TrimPrefix(reason, "start "+name+": ") }

func pidsCell(pids []string) cell {
	raw := strings.Join(pids, ",")
	if len(pids) == 0 {
		return same("-")
	}
	const most = 6 // that fit a terminal
	if len(pids) > most {
		return cell{shown: strings.Join(pids[:most], " ") + fmt.Sprintf(" … (%d)", len(pids)), raw: raw}
	}
	return cell{shown: strings.Join(pids, " "), raw: raw}
}

// noteCell says why a process does not run and when it is tried again.
func noteCell(info client.Info, now time.Time) cell {
	note := whyNotStarted(info.Name, info.LastError) // the row is of that
	if !info.NextRetryAt.IsZero() {
		next := "next try in " + spanCell(max(info.NextRetryAt.Sub(now), 0)).shown
		if note == "" {
			note = next
		} else {
			note += "; " + next
		}
	}
	note = strings.Join(strings.Fields(note), " ") // one line, no tabs
	return cell{shown: note, raw: note, paint: []color.Attribute{color.Faint}}
}

// stateColors are the colours of states; others have none.
var stateColors = map[string]color.Attribute{
	"running":  color.FgGreen,
	"starting": color.FgYellow,
	"stopping": color.FgYellow,
	"backoff":  color.FgYellow,
	"flapping": color.FgRed,
	"failed":   color.FgRed,
	"stopped":  color.Faint,
}

func stateCell(state string) cell {
	cell := same(state)
	if attribute, ok := stateColors[state]; ok {
		cell.paint = []color.Attribute{attribute}
	}
	return cell
}
