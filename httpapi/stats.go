package httpapi

import (
	"encoding/json"
	"fmt"
	"math"
	"slices"
	"strconv"
	"strings"

	"github.com/gafferd/gaffer/manager"
	"github.com/gafferd/gaffer/process"
)

// unreadable stands in gaffer's keys for what may not be read; ours are null.
const unreadable = "N/A"

// measured is a number that may not have been readable.
type measured struct {
	value float64
	ok    bool
}

// MarshalJSON implements json.Marshaler.
func (m measured) MarshalJSON() ([]byte, error) {
	if !m.ok {
		return json.Marshal(unreadable)
	}
	return json.Marshal(m.value)
}

// usageObject is one entry of the stats, with gaffer's keys and then ours. id
// is 0 for a child of an instance. hide is for command lines.
func usageObject(id int, st process.Stats, hide *strings.Replacer) object {
	can := func(what string) bool { return !slices.Contains(st.Unreadable, what) }
	gaffers := func(what string, v any) any {
		if !can(what) {
			return unreadable
		}
		return v
	}
	ours := func(what string, v any) any {
		if !can(what) {
			return nil
		}
		return v
	}
	children := []object{}
	for _, child := range st.Children {
		children = append(children, usageObject(0, child, hide))
	}
	var o object
	if id > 0 {
		o = o.with("id", id)
	}
	return append(o, object{
		{Name: "pid", Value: st.PID},
		{Name: "cpu", Value: measured{round(st.CPU), can("CPU")}},
		{Name: "mem", Value: measured{round(float64(st.Mem)), can("Mem")}},
		{Name: "mem_info1", Value: gaffers("RSS", humanBytes(st.RSS))},
		{Name: "mem_info2", Value: gaffers("VMS", humanBytes(st.VMS))},
		{Name: "ctime", Value: gaffers("CPUSeconds", humanTime(st.CPUSeconds))},
		{Name: "username", Value: gaffers("Username", st.Username)},
		{Name: "nice", Value: gaffers("Nice", st.Nice)},
		{Name: "cmdline", Value: gaffers("Cmdline", hide.Replace(st.Cmdline))},
		{Name: "children", Value: children},
		{Name: "rss", Value: ours("RSS", st.RSS)},
		{Name: "vms", Value: ours("VMS", st.VMS)},
		{Name: "cpu_seconds", Value: ours("CPUSeconds", st.CPUSeconds)},
		{Name: "num_fds", Value: ours("NumFDs", st.NumFDs)},
		{Name: "num_threads", Value: ours("NumThreads", st.NumThreads)},
	}...)
}

// statsObject is what a process uses: its instances, and in all. What could not
// be read of one instance is not known of all.
func statsObject(name string, all []manager.InstanceStats, v *visitor) object {
	entries := []object{}
	var cpu, mem []measured
	for _, one := range all {
		entries = append(entries, usageObject(one.PID, one.Stats, v.hidden(one.Env)))
		cpu = append(cpu, measured{one.CPU, !slices.Contains(one.Unreadable, "CPU")})
		mem = append(mem, measured{float64(one.Mem), !slices.Contains(one.Unreadable, "Mem")})
	}
	o := object{{Name: "name", Value: name}, {Name: "stats", Value: entries}}
	for _, of := range []struct {
		key    string
		values []measured
	}{{"cpu", cpu}, {"mem", mem}} {
		sum, most, least := aggregate(of.values)
		o = o.with(of.key, sum).with("max_"+of.key, most).with("min_"+of.key, least)
	}
	return o
}

func aggregate(values []measured) (sum, most, least measured) {
	sum.ok = true
	for i, v := range values {
		if !v.ok {
			return measured{}, measured{}, measured{}
		}
		sum.value += v.value
		if i == 0 {
			most.value, least.value = v.value, v.value
		}
		most.value, least.value = max(most.value, v.value), min(least.value, v.value)
	}
	sum.value, most.value, least.value = round(sum.value), round(most.value), round(least.value)
	most.ok, least.ok = true, true
	return sum, most, least
}

func round(v float64) float64 { return math.Round(v*10) / 10 }

// humanBytes is a size as gaffer wrote it: 512B, 9M.
func humanBytes(n uint64) string {
	const units = "KMGTPE"
	if n < 1024 {
		return strconv.FormatUint(n, 10) + "B"
	}
	unit := 0
	for n >>= 10; n >= 1024 && unit < len(units)-1; n >>= 10 {
		unit++
	}
	return strconv.FormatUint(n, 10) + units[unit:unit+1]
}

// humanTime is a processor time as gaffer wrote it, minutes:seconds.hundredths.
func humanTime(seconds float64) string {
	hundredths := int64(seconds * 100)
	return fmt.Sprintf("%d:%02d.%02d", hundredths/6000, hundredths/100%60, hundredths%100)
}
