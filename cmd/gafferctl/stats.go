package main

import (
	"cmp"
	"context"
	"fmt"
	"net/url"
	"strconv"
	"time"

	"github.com/spf13/cobra"

	"github.com/gafferd/gaffer/httpapi/client"
)

func (c *cli) statsCommand() *cobra.Command {
	cmd := c.command("stats [NAME]", "Show what processes use", 0, 1,
		func(ctx context.Context, args []string) error {
			path := "/stats"
			if len(args) == 1 {
				path += "/" + url.PathEscape(args[0])
			}
			if c.asJSON() {
				return c.raw(ctx, path, nil)
			}
			var all []client.Stats
			var err error
			if len(args) == 1 {
				all = make([]client.Stats, 1)
				all[0], err = c.client.Stats(ctx, args[0])
			} else {
				all, err = c.client.AllStats(ctx)
			}
			if err != nil {
				return err
			}
			return c.table(statsTable(all))
		})
	cmd.Long = "Show what processes use, one running instance a line.\n\n" +
		"Plain output is, separated by tabs: name, pid, os pid, percent of a processor,\n" +
		"percent of the memory, bytes of memory, seconds of processor time, threads, open\n" +
		"files, user. A dash stands for what may not be read."
	return c.complete(ofName(cmd), names)
}

func statsTable(all []client.Stats) table {
	t := table{head: []string{"NAME", "PID", "OS PID", "CPU%", "MEM%", "MEMORY", "TIME", "THREADS", "FILES", "USER"}}
	for _, process := range all {
		for _, u := range process.Stats {
			t.rows = append(t.rows, []cell{
				same(process.Name), same(strconv.Itoa(u.ID)), same(strconv.Itoa(u.PID)),
				percentCell(u.CPU), percentCell(u.Mem), bytesCell(u.RSS), timeCell(u.CPUSeconds),
				intCell(u.NumThreads), intCell(u.NumFDs), same(cmp.Or(u.Username, "-")),
			})
		}
	}
	return t
}

func percentCell(r client.Reading) cell {
	if !r.Valid {
		return same("-")
	}
	return cell{shown: fmt.Sprintf("%.1f", r.Value), raw: strconv.FormatFloat(r.Value, 'f', -1, 64)}
}

func timeCell(seconds *float64) cell {
	if seconds == nil {
		return same("-")
	}
	return spanCell(time.Duration(*seconds * float64(time.Second)))
}

func intCell(n *int) cell {
	if n == nil {
		return same("-")
	}
	return same(strconv.Itoa(*n))
}
