package layout

import (
	"go/parser"
	"go/token"
	"io/fs"
	"maps"
	"os"
	"path"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"
)

const module = "github.com/gafferd/gaffer"

// room is what one package may import.
type room struct {
	pkg  string   // a package, or all below a folder: "examples/…"
	ours []string // the packages of this module that it may import
	not  []string // packages from elsewhere that it must never hear of
}

// rooms is the order of the house, top floor last. A new package needs a line.
var rooms = []room{
	{"internal/keeper", []string{"process/spawn"}, []string{"net/http", "encoding/json"}},
	{"internal/cmdline", []string{"internal/nearest"}, []string{"net/http", "encoding/json"}},
	{"internal/nearest", nil, []string{"net/http", "encoding/json"}},
	{"internal/plainjson", nil, []string{"net/http"}},
	{"internal/version", nil, nil},
	{"internal/systemd", nil, []string{"net/http", "encoding/json"}},
	{"internal/wholefile", nil, []string{"net/http", "encoding/json"}},
	{"streams", nil, []string{"net/http", "encoding/json"}},
	{"streams/archive", []string{"streams"}, []string{"net/http", "encoding/json"}},
	{"process/spawn", nil, []string{"net/http", "encoding/json"}},
	{"process", []string{"internal/keeper", "process/spawn", "streams"}, []string{"net/http", "encoding/json"}},
	{"manager/vault", nil, []string{"net/http", "encoding/json"}},
	{"manager", []string{"manager/vault", "process", "streams", "streams/archive", "internal/nearest", "internal/plainjson", "internal/wholefile"}, []string{"net/http"}},
	{"httpapi/webhooks", []string{"manager", "internal/wholefile"}, nil},
	{"httpapi/tokens", []string{"internal/wholefile"}, []string{"net/http"}},
	{"httpapi", []string{"httpapi/tokens", "httpapi/webhooks", "manager", "process", "streams", "internal/nearest", "internal/plainjson"}, nil},
	{"httpapi/client", nil, nil},
	{"internal/config", []string{"manager", "process", "internal/nearest"}, []string{"net/http"}},
	{"internal/console", []string{"manager", "streams"}, []string{"net/http"}},
	{"internal/procfile", []string{"manager", "internal/nearest"}, []string{"net/http"}},
	{"internal/importer", []string{"manager", "internal/config", "internal/nearest"}, []string{"net/http"}},
	{"cmd/gaffer", []string{"httpapi/client", "manager", "process", "internal/cmdline", "internal/config", "internal/console", "internal/importer", "internal/manual", "internal/nearest", "internal/procfile", "internal/version", "internal/wholefile"}, nil},
	{"cmd/gafferctl", []string{"httpapi/client", "internal/cmdline", "internal/manual", "internal/nearest", "internal/version"}, nil},
	{"cmd/gafferd", []string{"httpapi", "httpapi/tokens", "httpapi/webhooks", "manager", "manager/vault", "process", "streams", "internal/cmdline", "internal/config", "internal/console", "internal/keeper", "internal/manual", "internal/systemd", "internal/version"}, nil},
	{"examples/…", []string{"httpapi", "httpapi/client", "httpapi/tokens", "httpapi/webhooks", "manager", "process", "streams"}, nil},
	{"internal/badlink", nil, nil}, // for tests
	{"internal/bench", nil, nil},   // it measures the built binary, from outside
	{"internal/e2e", nil, nil},
	{"internal/layout", nil, nil},
	{"internal/manual", []string{"internal/version"}, nil},
}

func TestImportsRunOneWay(t *testing.T) {
	arrows := imports(t, filepath.Join("..", ".."))
	for _, from := range slices.Sorted(maps.Keys(arrows)) {
		r, ok := roomOf(from)
		if !ok {
			t.Errorf("package %s is not in the table of rooms: say there what it may import", from)
			continue
		}
		for to, file := range arrows[from] {
			if sub, ours := strings.CutPrefix(to, module+"/"); ours && !slices.Contains(r.ours, sub) {
				t.Errorf("%s → %s (%s): may import only %v of ours", from, sub, file, r.ours)
			}
			if slices.Contains(r.not, to) {
				t.Errorf("%s → %s (%s): is not its business", from, to, file)
			}
		}
	}
}

// TestTableIsCurrent fails for a line that has outlived its package.
func TestTableIsCurrent(t *testing.T) {
	for _, r := range rooms {
		dir := filepath.Join("..", "..", strings.TrimSuffix(r.pkg, "/…"))
		if _, err := os.Stat(dir); err != nil {
			t.Errorf("package %s: %v", r.pkg, err)
		}
	}
}

func roomOf(pkg string) (room, bool) {
	i := slices.IndexFunc(rooms, func(r room) bool {
		below, wild := strings.CutSuffix(r.pkg, "…")
		return r.pkg == pkg || wild && strings.HasPrefix(pkg, below)
	})
	if i < 0 {
		return room{}, false
	}
	return rooms[i], true
}

// imports reads what every package in the tree below root imports, and in which
// file: for each platform, so it does not ask the go command, and without tests,
// which may look in from outside.
func imports(t *testing.T, root string) map[string]map[string]string {
	arrows := make(map[string]map[string]string)
	err := filepath.WalkDir(root, func(file string, d fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		if d.IsDir() {
			if name := d.Name(); file != root && (strings.HasPrefix(name, ".") || name == "testdata" || name == "node_modules") {
				return fs.SkipDir
			}
			return nil
		}
		if !strings.HasSuffix(file, ".go") || strings.HasSuffix(file, "_test.go") {
			return nil
		}
		parsed, err := parser.ParseFile(token.NewFileSet(), file, nil, parser.ImportsOnly)
		if err != nil {
			return err
		}
		rel, err := filepath.Rel(root, file)
		if err != nil {
			return err
		}
		rel = filepath.ToSlash(rel)
		pkg := path.Dir(rel)
		if arrows[pkg] == nil {
			arrows[pkg] = make(map[string]string)
		}
		for _, spec := range parsed.Imports {
			to, err := strconv.Unquote(spec.Path.Value)
			if err != nil {
				return err
			}
			arrows[pkg][to] = rel
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	if len(arrows) == 0 {
		t.Fatal("found no package at all")
	}
	return arrows
}

// TestSecurityPageNamesTests fails for a test that docs/security.md counts on and
// that is not there, and for a threat without one.
func TestSecurityPageNamesTests(t *testing.T) {
	root := filepath.Join("..", "..")
	there := map[string]bool{}
	err := filepath.WalkDir(root, func(file string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() || !strings.HasSuffix(file, "_test.go") {
			return err
		}
		text, err := os.ReadFile(file)
		for _, found := range regexp.MustCompile(`(?m)^func (Test\w+)\(`).FindAllStringSubmatch(string(text), -1) {
			there[found[1]] = true
		}
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	page, err := os.ReadFile(filepath.Join(root, "docs", "security.md"))
	if err != nil {
		t.Fatal(err)
	}
	threats := 0
	for line := range strings.Lines(string(page)) {
		cells := strings.Split(strings.TrimSpace(line), "|")
		if len(cells) != 5 || strings.Contains(line, "---") || strings.Contains(line, "held by") {
			continue
		}
		threats++
		named := regexp.MustCompile("`(Test\\w+)`").FindAllStringSubmatch(cells[3], -1)
		if len(named) == 0 {
			t.Errorf("no test holds this: %s", cells[1])
		}
		for _, name := range named {
			if !there[name[1]] {
				t.Errorf("docs/security.md: there is no %s", name[1])
			}
		}
	}
	if threats < 15 {
		t.Errorf("%d threats were found on the page", threats)
	}
}
