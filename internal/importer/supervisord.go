package importer

import (
	"cmp"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"github.com/gafferd/gaffer/internal/nearest"
)

// supervisord is a configuration of supervisord that is being read.
type supervisord struct {
	*reading
	ini      iniFile
	names    map[string]string // of expressions, the same everywhere
	groups   map[string]string // program → group
	order    map[*process][2]int
	standard *iniSection // [DEFAULT]
}

// readSupervisord reads a supervisord.conf.
func readSupervisord(r *reading, text string) {
	s := &supervisord{reading: r, names: map[string]string{"here": here(r.file)}, groups: map[string]string{}, order: map[*process][2]int{}}
	s.readINI(&s.ini, r.file, text)
	s.include()
	s.standard = s.ini.named("DEFAULT")
	s.readGroups()
	known := []string{"supervisord", "program:", "group:", "include", "unix_http_server", "inet_http_server", "supervisorctl", "eventlistener:", "fcgi-program:", "rpcinterface:", "DEFAULT"}
	for _, section := range s.ini.sections {
		kind, name, _ := strings.Cut(section.name, ":")
		switch {
		case kind == "program":
			s.program(section, strings.TrimSpace(name))
		case kind == "group" || kind == "include" || kind == "DEFAULT": // read already
		case kind == "supervisord":
			s.leftOver(section, daemonKeys, []string{"environment", "umask", "user", "directory"})
		case section.name == "unix_http_server" || section.name == "inet_http_server":
			s.leftOver(section, serverKeys, nil)
		case otherSections[kind] != "":
			s.warn(section.at, "has no counterpart: %s", otherSections[kind])
		default:
			s.warn(section.at, "is no section of supervisord's, the nearest is [%s]: left out", nearest.Name(section.name, known))
		}
	}
	s.rank()
}

// otherSections say what to do about sections that have no counterpart as a
// whole.
var otherSections = map[string]string{
	"supervisorctl": "gafferctl asks GAFFER_URL, or --connect",
	"rpcinterface":  "gafferd has an HTTP API of its own, see docs/api.md",
	"ctlplugin":     "see gafferctl help for what there is",
	"eventlistener": "follow events with gafferctl watch or webhooks, and have gafferd end with a process by essential: true; the listener is left out",
	"fcgi-program":  "gafferd hands no socket to a program: have it open its own, or put spawn-fcgi before it; it is left out",
}

// include reads the files that [include] names. Those that they would include
// are not, as for supervisord.
func (s *supervisord) include() {
	files, ok := s.ini.named("include").get("files")
	if !ok {
		return
	}
	listed, err := now(files.value, s.names)
	if err != nil {
		s.wrong(files.at, "%v", err)
		return
	}
	for _, pattern := range strings.Fields(listed) {
		if !filepath.IsAbs(pattern) {
			pattern = filepath.Join(filepath.Dir(s.file), pattern)
		}
		found, err := filepath.Glob(pattern)
		if err != nil {
			s.wrong(files.at, "%s is no pattern of files: %v", pattern, err)
		}
		if len(found) == 0 {
			s.warn(files.at, "no file is %s", pattern)
		}
		for _, file := range found {
			text, err := readFile(file)
			if err != nil {
				s.wrong(files.at, "%v", err)
				continue
			}
			s.readINI(&s.ini, file, text)
		}
	}
}

// readGroups finds out which program is in which group.
func (s *supervisord) readGroups() {
	for _, section := range s.ini.sections {
		group, ok := strings.CutPrefix(section.name, "group:")
		if !ok {
			continue
		}
		programs, ok := section.get("programs")
		if !ok {
			s.wrong(section.at, "has no programs=")
		}
		for name := range strings.SplitSeq(programs.value, ",") {
			name = strings.TrimSpace(name)
			switch {
			case name == "":
			case s.ini.named("program:"+name) == nil && s.ini.named("fcgi-program:"+name) == nil:
				s.wrong(programs.at, "names the program %s, and there is no [program:%s]", name, name)
			case s.groups[name] != "":
				s.wrong(programs.at, "names the program %s, which is in group %s already", name, s.groups[name])
			default:
				s.groups[name] = strings.TrimSpace(group)
			}
		}
		for _, k := range section.keys {
			if k.name != "programs" && k.name != "priority" {
				s.warn(k.at, "is no key of a group, the nearest is %s: left out", nearest.Name(k.name, []string{"programs", "priority"}))
			}
		}
	}
}

// priority is a number that orders groups or programs.
func (s *supervisord) priority(section *iniSection) int {
	k, ok := section.get("priority")
	if !ok {
		return lastPriority
	}
	return s.whole(k)
}

// lastPriority is that of what has none.
const lastPriority = 999

// rank gives processes priorities. supervisord goes by that of the group first,
// and by that of the program within it.
func (s *supervisord) rank() {
	var all [][2]int
	plain := true // programs alone decide
	for _, p := range s.processes {
		at := s.order[p]
		all = append(all, at)
		plain = plain && at[0] == at[1]
	}
	slices.SortFunc(all, func(a, b [2]int) int { return cmp.Or(cmp.Compare(a[0], b[0]), cmp.Compare(a[1], b[1])) })
	all = slices.Compact(all)
	for _, p := range s.processes {
		at := s.order[p]
		switch n := slices.Index(all, at); {
		case n == len(all)-1 && at == [2]int{lastPriority, lastPriority}: // those without one are last
		case plain:
			p.set("priority", at[1], p.at)
		default:
			p.set("priority", n, p.at)
		}
	}
}

// leftOver warns of the keys of a section that nothing became of.
func (s *supervisord) leftOver(section *iniSection, remedies map[string]remedy, read []string) {
	for _, k := range section.keys {
		switch {
		case slices.Contains(read, k.name):
		case strings.HasSuffix(k.name, "_logfile") && terminals[k.value]:
			s.warn(k.at, "has no counterpart: gafferd -vv prints what all processes print, each line after the name of its instance")
		default:
			s.noCounterpart(k.at, k.name, k.value, remedies, read, "supervisord")
		}
	}
}

// terminals are files that are no files: where the daemon itself prints.
var terminals = map[string]bool{
	"/dev/stdout": true, "/dev/stderr": true, "/dev/fd/1": true, "/dev/fd/2": true, "/proc/self/fd/1": true, "/proc/self/fd/2": true,
}

const (
	rotation  = "the log goes to gafferd --log-file; have logrotate move it away and send SIGUSR1"
	apiAccess = "gafferd's API is another one; say where it listens in endpoints"
)

// daemonKeys are those of [supervisord] that say nothing about programs.
var daemonKeys = map[string]remedy{
	"logfile":          {"start gafferd with --log-file", "/dev/null /dev/stdout /dev/fd/1"},
	"logfile_maxbytes": {rotation, "0"},
	"logfile_backups":  {rotation, "0"},
	"loglevel":         {"gafferd -v logs more", "info"},
	"pidfile":          {"start gafferd with --pidfile", ""},
	"nodaemon":         {"start gafferd with --daemon", "true yes on 1"},
	"silent":           {"send the standard error of gafferd elsewhere", "false no off 0"},
	"minfds":           {"raise the limit before gafferd starts: ulimit -n, or LimitNOFILE= of its unit", ""},
	"minprocs":         {"raise the limit before gafferd starts: ulimit -u, or LimitNPROC= of its unit", ""},
	"nocleanup":        {logFolder, "false no off 0"},
	"childlogdir":      {logFolder, ""},
	"strip_ansi":       {"gafferd keeps output as it is; many programs leave colours out when NO_COLOR is set", "false no off 0"},
	"identifier":       {"instances of gafferd are told apart by where they listen", "supervisor"},
}

// serverKeys are those of the servers of supervisord's API.
var serverKeys = map[string]remedy{
	"file":     {apiAccess + ", such as bind: unix:/run/gaffer.sock", ""},
	"chmod":    {apiAccess + ", with a mode", ""},
	"chown":    {"a socket of gafferd's has the user and group that it runs as", ""},
	"port":     {apiAccess + ", such as bind: 127.0.0.1:5000", ""},
	"username": {"gafferd knows no passwords; docs/configuration.md tells how to say who may use its API", ""},
	"password": {"gafferd knows no passwords; docs/configuration.md tells how to say who may use its API", ""},
}

// hostName is what %(host_node_name)s is here.
func hostName() string {
	name, _ := os.Hostname()
	return name
}
