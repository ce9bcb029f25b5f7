package importer

import (
	"maps"
	"slices"
	"strconv"
	"strings"

	"github.com/kballard/go-shellquote"
)

// program reads one [program:x], which may come to several processes.
func (s *supervisord) program(section *iniSection, name string) {
	p := &program{supervisord: s, section: section, name: name, group: s.groups[name]}
	if s.standard != nil {
		for _, k := range s.standard.keys {
			if _, ok := section.get(k.name); !ok {
				section.keys = append(section.keys, k)
			}
		}
	}
	if name == "" {
		s.wrong(section.at, "has no name: write [program:NAME]")
		return
	}
	if _, ok := section.get("command"); !ok {
		s.wrong(section.at.of("command", section.at.line), "is missing: say which program to run")
	}
	p.names = maps.Clone(s.names)
	p.names["program_name"], p.names["host_node_name"] = name, hostName()
	p.names["group_name"] = name
	if p.group != "" {
		p.names["group_name"] = p.group
	}
	p.instances()
	s.leftOver(section, programKeys, programRead)
	for _, k := range section.keys {
		if strings.Contains(k.value, "%(host_node_name)") && slices.Contains(programRead, k.name) {
			s.warn(k.at, "names the machine, and %s is written for it, which is this one: change it for another", hostName())
		}
	}
}

// program is a [program:x] that is being read.
type program struct {
	*supervisord
	section     *iniSection
	name, group string
	names       map[string]string
}

// programRead are the keys of a program that become something.
var programRead = []string{
	"command", "process_name", "numprocs", "numprocs_start", "priority", "autostart", "autorestart", "startsecs", "startretries",
	"exitcodes", "stopsignal", "stopwaitsecs", "user", "redirect_stderr", "environment", "directory", "umask",
}

// programKeys are those that do not.
var programKeys = map[string]remedy{
	"stopasgroup":             {"gafferd always sends the signal to everything that a process has started", "true yes on 1"},
	"killasgroup":             {"gafferd always kills everything that a process has started", "true yes on 1"},
	"serverurl":               {"programs find gafferd where you tell them, by GAFFER_URL say", "auto"},
	"stdout_logfile":          {logFolder, "auto none"},
	"stdout_logfile_maxbytes": {logFolder, "0"},
	"stdout_logfile_backups":  {logFolder, "0"},
	"stdout_capture_maxbytes": {"custom_streams are how a program says more than its output", "0"},
	"stdout_events_enabled":   {"follow the output with GET /streams, see docs/api.md", "false no off 0"},
	"stdout_syslog":           {"have a log shipper read the files in state_dir", "false no off 0"},
	"stderr_logfile":          {logFolder, "auto none"},
	"stderr_logfile_maxbytes": {logFolder, "0"},
	"stderr_logfile_backups":  {logFolder, "0"},
	"stderr_capture_maxbytes": {"custom_streams are how a program says more than its output", "0"},
	"stderr_events_enabled":   {"follow the output with GET /streams, see docs/api.md", "false no off 0"},
	"stderr_syslog":           {"have a log shipper read the files in state_dir", "false no off 0"},
}

// maxNumbered is how many processes one program may come to.
const maxNumbered = 1000

// instances makes one process of the program, or one for each of its numbers if
// they are told apart by more than their names.
func (p *program) instances() {
	count, first := any(1), 0
	numprocs, hasCount := p.section.get("numprocs")
	if hasCount {
		count = p.number(numprocs)
	}
	if k, ok := p.section.get("numprocs_start"); ok {
		first = p.whole(k)
	}
	numbered := iniKey{}
	for _, name := range []string{"command", "environment", "directory"} {
		if k, ok := p.section.get(name); ok && strings.Contains(k.value, "%(process_num)") {
			numbered = k
		}
	}
	n, isNumber := count.(int)
	switch {
	case isNumber && (n < 0 || n > 10_000):
		p.wrong(numprocs.at, "got %d, want 0 to 10000", n)
	case isNumber && n == 1:
		p.one(first, p.processName(first), nil)
	case numbered.name == "":
		if k, ok := p.section.get("process_name"); ok {
			p.warn(k.at, "has no counterpart: the instances of %s have numbers from 1", p.name)
		}
		p.one(first, p.name, count)
	case !isNumber:
		p.wrong(numbered.at, "has %%(process_num), and numprocs is a variable: say how many there are")
	case n > maxNumbered:
		p.wrong(numprocs.at, "got %d processes that are told apart by their number, want at most %d", n, maxNumbered)
	default:
		for i := range n {
			p.one(first+i, p.processName(first+i), nil)
		}
	}
}

// processName is what supervisord calls one process of the program.
func (p *program) processName(number int) string {
	k, ok := p.section.get("process_name")
	if !ok {
		if n, _ := p.section.get("numprocs"); n.value != "" && n.value != "1" {
			return p.name + "_" + strconv.Itoa(number)
		}
		return p.name
	}
	p.names["process_num"] = strconv.Itoa(number)
	name, err := now(k.value, p.names)
	if err != nil {
		p.wrong(k.at, "%v", err)
	}
	return name
}

// one makes a process.
func (p *program) one(number int, name string, count any) {
	p.names["process_num"] = strconv.Itoa(number)
	group := p.group
	if group == "" && name != p.name {
		group = p.name
	}
	made := &process{name: grouped(group, name), at: p.section.at}
	p.environment(made)
	p.command(made) // which asks what is in the environment
	if count != nil {
		k, _ := p.section.get("numprocs")
		made.set("numprocesses", count, k.at)
	}
	p.plain(made)
	p.lifetime(made)
	p.processes = append(p.processes, made)
	at := p.supervisord.priority(p.section)
	p.order[made] = [2]int{at, at}
	if p.group != "" {
		p.order[made] = [2]int{p.supervisord.priority(p.ini.named("group:" + p.group)), at}
	}
}

// pieces are those of a key's value, nil after a mistake.
func (p *program) pieces(k iniKey) []piece {
	pieces, err := expand(k.value, p.names)
	if err != nil {
		p.wrongOnce(k.at, err.Error())
	}
	return pieces
}

// wrongOnce reports a mistake that each instance has.
func (p *program) wrongOnce(at place, text string) {
	for _, m := range p.mistakes {
		if m.File == at.file && m.Line == at.line && m.Text == text {
			return
		}
	}
	p.wrong(at, "%s", text)
}

func (p *program) command(made *process) {
	k, _ := p.section.get("command")
	line := made.command(p.pieces(k))
	if strings.Contains(line, "\n") {
		if words, err := shellquote.Split(line); err == nil {
			line = shellquote.Join(words...)
		}
	}
	made.set("cmd", line, k.at)
	if !slices.ContainsFunc(p.warnings, func(w *problem) bool { return w.Line == k.at.line && w.File == k.at.file }) {
		p.warnOfDollars(k.at, made, k.value)
	}
}

// environment is that of the program, over that of [supervisord].
func (p *program) environment(made *process) {
	env := map[string]string{}
	at := place{}
	for _, section := range []*iniSection{p.ini.named("supervisord"), p.section} {
		k, ok := section.get("environment")
		if !ok {
			continue
		}
		at = k.at
		keys, values, err := pairs(k.value)
		if err != nil {
			p.wrongOnce(k.at, err.Error())
		}
		for _, key := range keys {
			pieces, err := expand(values[key], p.names)
			text, ok := value(pieces)
			if err == nil && !ok {
				p.wrongOnce(k.at, "has a variable behind a $ in "+key+", which gaffer.yaml has no way to say: put it together in the program")
			}
			if err != nil {
				p.wrongOnce(k.at, key+": "+err.Error())
			}
			env[key] = text
		}
	}
	if len(env) > 0 {
		made.set("env", env, at)
	}
}

// plain are the properties that are the same under another name. Those of
// [supervisord] itself are its programs' too.
func (p *program) plain(made *process) {
	daemon := p.ini.named("supervisord")
	for _, same := range []struct{ key, property string }{
		{"directory", "cwd"}, {"user", "uid"}, {"umask", "umask"}, {"stopsignal", "stop_signal"}, {"stopwaitsecs", "graceful_timeout"},
	} {
		k, ok := p.section.get(same.key)
		if !ok && same.key != "stopsignal" && same.key != "stopwaitsecs" {
			k, ok = daemon.get(same.key)
		}
		if !ok {
			continue
		}
		text, sayable := value(p.pieces(k))
		switch {
		case !sayable:
			p.wrongOnce(k.at, "has a variable behind a $, which gaffer.yaml has no way to say")
		case same.key == "stopwaitsecs":
			made.set(same.property, p.number(k), k.at)
		case same.key == "directory" && (text == "~" || strings.HasPrefix(text, "~/")):
			made.set(same.property, "${HOME}"+text[1:], k.at)
		default:
			made.set(same.property, text, k.at)
		}
	}
	if k, ok := p.section.get("redirect_stderr"); ok && p.flag(k) {
		made.set("redirect_output", []string{"stdout", "stdout"}, k.at)
	}
	if k, ok := p.section.get("autostart"); ok && !p.flag(k) {
		made.set("start", false, k.at)
	}
}

func (p *program) flag(k iniKey) bool {
	v, ok := truth(k.value)
	if !ok {
		p.wrongOnce(k.at, "got "+strconv.Quote(k.value)+", want true or false")
	}
	return v
}

// number is a whole number, or a variable that will be one.
func (s *supervisord) number(k iniKey) any {
	if pieces, err := expand(k.value, s.names); err == nil && len(pieces) == 3 && pieces[1].variable {
		text, _ := value(pieces)
		return text
	}
	return s.whole(k)
}

// whole is a number that has to be known now. To be none is a mistake, unless there is
// one in its line already.
func (s *supervisord) whole(k iniKey) int {
	n, err := strconv.Atoi(k.value)
	if err != nil && !slices.ContainsFunc(s.mistakes, func(m *problem) bool { return m.Line == k.at.line && m.File == k.at.file }) {
		s.wrong(k.at, "got %q, want a whole number", k.value)
	}
	return n
}
