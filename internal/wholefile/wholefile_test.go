package wholefile

import (
	"os"
	"testing"
)

func TestReplace(t *testing.T) {
	root, err := os.OpenRoot(t.TempDir())
	if err != nil {
		t.Fatal(err)
	}
	defer root.Close()
	if err := root.Mkdir("below", 0o700); err != nil {
		t.Fatal(err)
	}
	for _, name := range []string{"file", "below/file"} {
		for _, content := range []string{"a longer one", "short"} {
			if err := Replace(root, name, []byte(content)); err != nil {
				t.Fatalf("%s: %v", name, err)
			}
			if got, err := root.ReadFile(name); string(got) != content {
				t.Errorf("%s: read %q, %v; want %q", name, got, err, content)
			}
		}
		if info, err := root.Stat(name); err != nil || info.Mode() != 0o600 {
			t.Errorf("%s: %v, %v", name, info.Mode(), err)
		}
		if _, err := root.Stat(name + ".new"); !os.IsNotExist(err) {
			t.Errorf("%s.new is left: %v", name, err)
		}
	}
	if err := Replace(root, "none/file", nil); !os.IsNotExist(err) {
		t.Errorf("in a folder that is not there: %v", err)
	}
}
