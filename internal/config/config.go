package config

import (
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"
	"time"

	"github.com/gafferd/gaffer/manager"
)

// Config is what a configuration file says, checked and complete. Paths in it
// are absolute.
type Config struct {
	Endpoints []Endpoint         // those in use; none when the file leaves it to the default
	Templates []manager.Template // in the order of the file, which is not the order of starting
	Webhooks  []Webhook
	Settings  Settings
	Warnings  []*Problem // what is odd about the file, or not served by this build

	// Places are where the templates are, by their names: problems without a text.
	Places map[string]Problem `json:"-"`
}

// Endpoint is one of the servers' front doors. It may have several addresses.
type Endpoint struct {
	Name     string
	Bind     []Address
	Backlog  int    // 0 is the system's
	Mode     int    // of unix sockets; 0 is 0600
	CertFile string // TLS on the TCP addresses when it is there
	KeyFile  string // empty: the key is in CertFile
	CACert   string // clients must show a certificate that it signed
}

// Webhook is a place to tell of events.
type Webhook struct {
	Pattern string // as manager.ParseDottedPattern takes it
	URL     string // http or https
	Secret  string // what deliveries are signed with; "" for none
}

// Settings are those that concern the daemon as a whole.
type Settings struct {
	AllowOrigins []string
	AllowHosts   []string

	PluginsDir string        // absolute; "" for none
	StateDir   string        // absolute; "" for none
	RunHistory time.Duration // how long what was run once is listed after its end; 0 for the default
	LogSize    int64         // bytes of log that are kept of each process in StateDir; 0 for the default
	LogAge     time.Duration // and for how long; 0 for the default

	// Bytes of memory for each output and for all of them; 0 for the default, as
	// manager.Options has it.
	OutputWindow, OutputMemory int64

	// What clients may take; 0 for the default, as httpapi.Limits and
	// manager.Options have it.
	MaxBody                                            int64
	HeaderTimeout, IdleTimeout                         time.Duration
	MaxConnections, MaxPeerConnections, MaxPeerStreams int
	MaxTokenGuesses, MaxProcesses, MaxNumProcesses     int

	TokenFile     string // absolute; "" for none
	RequireToken  bool
	TrustLoopback bool
	AuditLog      string // absolute; "" for none
}

// maxSize is far above any file that a person or a generator would write.
const maxSize = 4 << 20

// Load reads a configuration file and those that it includes.
//
// An error names everything that is wrong: it joins a *Problem for each
// mistake, in the order of the lines. A file that cannot be read is an error of
// package os.
func Load(file string) (*Config, error) {
	var ps problems
	_, c, err := load(file, &ps)
	return c, err
}

// Preflight is Load that also warns of what the processes name and this machine
// has not. Load leaves that to their start: it may be there by then, and a
// database of users may take long to answer.
func Preflight(file string) (*Config, error) {
	var ps problems
	doc, c, err := load(file, &ps)
	if err != nil {
		return nil, err
	}
	warnOfMissing(doc, c, &ps)
	c.Warnings = sorted(ps.warnings)
	return c, nil
}

func load(file string, ps *problems) (document, *Config, error) {
	doc, err := readAll(file, ps)
	if err != nil {
		return doc, nil, fmt.Errorf("read the configuration: %w", err)
	}
	c := build(doc, ps)
	c.Warnings = sorted(ps.warnings)
	if err := ps.err(); err != nil {
		return doc, nil, err
	}
	return doc, c, nil
}

// Check reads a gaffer.yaml that is in no file yet, and returns all that is wrong
// with it. file is what problems call it, and env its environment.
func Check(text, file string, env func(name string) (value string, set bool)) []*Problem {
	var ps problems
	build(document{readYAML(text, file, env, &ps)}, &ps)
	return sorted(ps.errors)
}

// readAll reads a file and, one level deep, what it includes.
func readAll(file string, ps *problems) (document, error) {
	sections, err := readFile(file, ps)
	if err != nil {
		return document{}, err
	}
	doc := document{sections: sections}
	read := map[string]bool{absolute(file, workingDir()): true}
	for _, s := range sections {
		if s.kind != "gaffer" {
			continue
		}
		for _, key := range []string{"include", "include_dir"} {
			for _, name := range included(s, key, ps) {
				if path := absolute(name, workingDir()); read[path] {
					continue // include_dir may well hold the file itself
				} else {
					read[path] = true
				}
				_, at := get[[]any](s, key)
				more, err := readIncluded(name, ps)
				if err != nil {
					ps.add(at.at, s, at.name, "%v", err)
				}
				doc.sections = append(doc.sections, withoutGaffer(more, ps)...)
			}
		}
	}
	return doc, nil
}

// included are the files that one of the two include keys of [gaffer] names.
func included(s section, key string, ps *problems) []string {
	values, at := get[[]any](s, key)
	var files []string
	for _, v := range values {
		name := fmt.Sprint(v)
		if !filepath.IsAbs(name) {
			name = filepath.Join(filepath.Dir(s.at.file), name) // not s.dir: it is shown to the user
		}
		if key == "include" {
			files = append(files, name)
			continue
		}
		entries, err := os.ReadDir(name)
		if err != nil {
			ps.add(at.at, s, at.name, "%v", err)
		}
		for _, entry := range entries {
			hidden := strings.HasPrefix(entry.Name(), ".") // an editor's, mostly
			if !hidden && !entry.IsDir() && (isYAML(entry.Name()) || strings.EqualFold(filepath.Ext(entry.Name()), ".ini")) {
				files = append(files, filepath.Join(name, entry.Name()))
			}
		}
	}
	return files
}

// withoutGaffer refuses [gaffer] in an included file: which file won would
// depend on their order.
func withoutGaffer(sections []section, ps *problems) []section {
	kept := sections[:0]
	for _, s := range sections {
		if s.kind == "gaffer" {
			ps.add(s.at, s, "", "stands in an included file: move it to the file that includes this one")
			continue
		}
		kept = append(kept, s)
	}
	return kept
}

// readIncluded is readFile for what others may put into a folder: to open a pipe
// would wait for somebody who writes to it.
func readIncluded(name string, ps *problems) ([]section, error) {
	if info, err := os.Stat(name); err == nil && !info.Mode().IsRegular() {
		return nil, &os.PathError{Op: "read", Path: name, Err: errors.New("not a regular file")}
	}
	return readFile(name, ps)
}

func readFile(name string, ps *problems) ([]section, error) {
	f, err := os.Open(name)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	content, err := io.ReadAll(io.LimitReader(f, maxSize+1))
	if err != nil {
		return nil, err
	}
	if len(content) > maxSize {
		return nil, &os.PathError{Op: "read", Path: name, Err: errors.New("larger than 4 MiB, which no configuration is")}
	}
	if isYAML(name) {
		return readYAML(string(content), name, os.LookupEnv, ps), nil
	}
	return readINI(string(content), name, os.LookupEnv, ps), nil
}

// isYAML tells the spelling of a file from its name.
func isYAML(name string) bool {
	switch strings.ToLower(filepath.Ext(name)) {
	case ".yaml", ".yml":
		return true
	}
	return false
}

// workingDir is what relative paths on the command line are relative to. Where
// it cannot be told they stay relative, which the kernel takes the same way.
func workingDir() string {
	dir, _ := os.Getwd()
	return dir
}
