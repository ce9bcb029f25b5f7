package importer

import (
	"fmt"
	"path/filepath"
	"slices"
	"strings"

	"go.yaml.in/yaml/v4"

	"github.com/gafferd/gaffer/internal/nearest"
)

// readPM2 reads an ecosystem file of pm2's, as JSON or YAML.
//
// Its JSON is evaluated as JavaScript, and therefore often has comments, single
// quotes and commas too many. But for the comments that is YAML.
func readPM2(r *reading, text string) {
	switch ext := strings.ToLower(filepath.Ext(r.file)); ext {
	case ".js", ".cjs", ".mjs", ".ts":
		r.wrong(place{file: r.file}, `is a program, which gaffer does not run. Write what it exports as JSON, and import that: `+
			`node -p 'JSON.stringify(require(%q), null, 2)' >ecosystem.json`, "./"+filepath.Base(r.file))
		return
	case ".yaml", ".yml":
	default:
		text = withoutJSComments(text)
	}
	root := r.parseYAML(text)
	if root == nil {
		return
	}
	at := place{file: r.file, line: root.Line}
	if root.Kind == yaml.SequenceNode {
		r.pm2Apps(root, at, "")
		return
	}
	entries := r.entries(root, at)
	if slices.ContainsFunc(entries, func(e entry) bool { return e.key == "script" }) {
		r.pm2App(root, place{file: r.file, line: root.Line})
		return
	}
	for _, e := range entries {
		switch e.key {
		case "apps", "pm2":
			r.pm2Apps(e.value, e.at, e.key)
		case "deploy":
			r.warn(e.at, "has no counterpart: gafferd does not bring programs to other machines")
		default:
			r.warn(e.at, "is no key of pm2's, the nearest is %s: left out", nearest.Name(e.key, []string{"apps", "deploy"}))
		}
	}
}

// pm2Apps reads a list of apps, or the only one.
func (r *reading) pm2Apps(n *yaml.Node, at place, key string) {
	if n.Kind != yaml.SequenceNode {
		at.section, at.key = key, ""
		r.pm2App(n, at)
		return
	}
	for i, app := range n.Content {
		app = followed(app)
		r.pm2App(app, place{file: r.file, line: app.Line, section: fmt.Sprintf("%s[%d]", key, i)})
	}
}

// withoutJSComments puts spaces in the place of comments, and of tabs, so that
// everything stays where it is.
func withoutJSComments(text string) string {
	out := []byte(text)
	for i := 0; i < len(out); i++ {
		switch c := out[i]; {
		case c == '\t':
			out[i] = ' '
		case c == '"' || c == '\'':
			for i++; i < len(out) && out[i] != c && out[i] != '\n'; i++ {
				if out[i] == '\\' {
					i++
				}
			}
		case c == '/' && i+1 < len(out) && (out[i+1] == '/' || out[i+1] == '*'):
			end := len(out)
			closing := "\n"
			if out[i+1] == '*' {
				closing = "*/"
			}
			if n := strings.Index(text[i+2:], closing); n >= 0 {
				end = i + 2 + n
				if closing == "*/" {
					end += 2
				}
			}
			for ; i < end; i++ {
				if out[i] != '\n' {
					out[i] = ' '
				}
			}
			i--
		}
	}
	return string(out)
}
