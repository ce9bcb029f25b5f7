package manual

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/spf13/cobra"
)

func TestWrite(t *testing.T) {
	t.Setenv("SOURCE_DATE_EPOCH", "0")
	nothing := func(*cobra.Command, []string) {}
	root := &cobra.Command{Use: "prog", Short: "Do things", Run: nothing}
	root.AddCommand(&cobra.Command{Use: "sub THING", Short: "Do a thing", Run: nothing})
	page := filepath.Join(t.TempDir(), "prog.md")
	if err := os.WriteFile(page, []byte("# Title\n\nThe **text**.\n"), 0o644); err != nil {
		t.Fatal(err)
	}
	share := t.TempDir()
	if err := Write(share, "8", root); err != nil {
		t.Fatal(err)
	}
	if err := WritePage(share, "5", "prog.ini", "configuration of prog", page); err != nil {
		t.Fatal(err)
	}
	if err := WriteFile(share, "prog/prog.json", []byte("{}")); err != nil {
		t.Fatal(err)
	}
	for file, parts := range map[string][]string{
		"prog/prog.json":                      {"{}"},
		"man/man8/prog.8":                     {`"Jan 1970" "gaffer `, "prog - Do things", "prog-sub(8)"},
		"man/man8/prog-sub.8":                 {"prog-sub - Do a thing", "THING"},
		"man/man5/prog.ini.5":                 {"prog.ini - configuration of prog", `The \fBtext\fP`},
		"bash-completion/completions/prog":    {"__complete"},
		"zsh/site-functions/_prog":            {"#compdef prog"},
		"fish/vendor_completions.d/prog.fish": {"__complete"},
	} {
		text, err := os.ReadFile(filepath.Join(share, filepath.FromSlash(file)))
		if err != nil {
			t.Error(err)
		}
		plain := strings.ReplaceAll(string(text), `\-`, "-")
		for _, part := range parts {
			if !strings.Contains(plain, part) {
				t.Errorf("%q is missing in %s:\n%s", part, file, text)
			}
		}
		if strings.Contains(plain, "Auto generated") {
			t.Errorf("%s says when it was made", file)
		}
	}
}
