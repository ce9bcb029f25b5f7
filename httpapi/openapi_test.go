package httpapi

import (
	"encoding/json"
	"regexp"
	"testing"

	"github.com/gafferd/gaffer/manager"
)

// TestDocumentPaths holds that nothing of the router's patterns shows in the
// paths of the OpenAPI document.
func TestDocumentPaths(t *testing.T) {
	s := New(manager.New(manager.Options{}), Options{})
	var document struct{ Paths map[string]any }
	if err := json.Unmarshal(s.router.Load().document(), &document); err != nil {
		t.Fatal(err)
	}
	plain := regexp.MustCompile(`^(/([a-z0-9_.]*|\{[a-z0-9_]+\}))+$`)
	for path := range document.Paths {
		if !plain.MatchString(path) {
			t.Errorf("%s is no path of OpenAPI", path)
		}
	}
	for _, path := range []string{"/", "/processes/{process}", "/processes/{process}/_scale/{n}", "/status/{name}", "/stats/{name}/{pid}"} {
		if document.Paths[path] == nil {
			t.Errorf("%s is missing", path)
		}
	}
}
