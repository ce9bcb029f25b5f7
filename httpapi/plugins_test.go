package httpapi

import (
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
)

// pluginFiles are put below a directory; what is a link has "-> " before its
// target.
func pluginFiles(t *testing.T, dir string, files map[string]string) {
	t.Helper()
	for name, content := range files {
		file := filepath.Join(dir, name)
		if err := os.MkdirAll(filepath.Dir(file), 0o755); err != nil {
			t.Fatal(err)
		}
		var err error
		if target, ok := strings.CutPrefix(content, "-> "); ok {
			err = os.Symlink(target, file)
		} else {
			err = os.WriteFile(file, []byte(content), 0o644)
		}
		if err != nil {
			t.Fatal(err)
		}
	}
}

func TestPlugins(t *testing.T) {
	dir := t.TempDir()
	d := newDaemon(t, Options{PluginsDir: filepath.Join(dir, "plugins")})
	if got := d.want(200, "GET", "/_plugin", "").body; got != "[]\n" {
		t.Errorf("without a directory the plugins are %q", got)
	}
	d.want(404, "GET", "/_plugin/status/", "")
	pluginFiles(t, dir, map[string]string{
		"secret":                              "secret",
		"plugins/secret":                      "secret",
		"plugins/status/secret":               "secret",
		"plugins/status/_site/index.html":     "<title>status</title>",
		"plugins/status/_site/app.js":         "1",
		"plugins/status/_site/a b.css":        "b {}",
		"plugins/status/_site/sub/index.html": "sub",
		"plugins/status/_site/bare/x.txt":     "x",
		"plugins/status/_site/.env":           "secret",
		"plugins/status/_site/.git/x":         "secret",
		"plugins/status/_site/inside.js":      "-> app.js",
		"plugins/status/_site/out":            "-> ../secret",
		"plugins/status/_site/far":            "-> " + filepath.Join(dir, "secret"),
		"plugins/status/_site/data.bin":       "<html>",
		"plugins/single/index.html":           "single",
		"plugins/none/readme":                 "no page",
		"plugins/.hidden/index.html":          "secret",
		"plugins/linked":                      "-> " + filepath.Join(dir, "elsewhere"),
		"elsewhere/index.html":                "secret",
		"plugins/site-out/_site":              "-> " + filepath.Join(dir, "elsewhere"),
		"plugins/site-out/index.html":         "secret",
	})
	if err := syscall.Mkfifo(filepath.Join(dir, "plugins/status/_site/fifo"), 0o644); err != nil {
		t.Fatal(err)
	}
	if got := d.want(200, "GET", "/_plugin", "").body; got != `["single","status"]`+"\n" {
		t.Errorf("the plugins are %s", got)
	}
	for path, want := range map[string]struct{ kind, body string }{
		"/_plugin/status/":            {"text/html; charset=utf-8", "<title>status</title>"},
		"/_plugin/status/index.html":  {"text/html; charset=utf-8", "<title>status</title>"},
		"/_plugin/status/app.js":      {"text/javascript; charset=utf-8", "1"},
		"/_plugin/status/inside.js":   {"text/javascript; charset=utf-8", "1"},
		"/_plugin/status/a%20b.css":   {"text/css; charset=utf-8", "b {}"},
		"/_plugin/status/sub/":        {"text/html; charset=utf-8", "sub"},
		"/_plugin/status/data.bin":    {"application/octet-stream", "<html>"},
		"/_plugin/single/":            {"text/html; charset=utf-8", "single"},
		"/_plugin/single/?token-less": {"text/html; charset=utf-8", "single"},
	} {
		got := d.want(200, "GET", path, "")
		if got.header.Get("Content-Type") != want.kind || got.body != want.body {
			t.Errorf("%s is %s %q, want %s %q", path, got.header.Get("Content-Type"), got.body, want.kind, want.body)
		}
		for header, want := range map[string]string{
			"X-Content-Type-Options": "nosniff", "Content-Security-Policy": "frame-ancestors 'none'", "Cache-Control": "no-cache",
		} {
			if !strings.Contains(got.header.Get(header), want) {
				t.Errorf("%s comes with %s %q, want %q in it", path, header, got.header.Get(header), want)
			}
		}
	}
	for _, path := range []string{
		"/_plugin/", "/_plugin/none/", "/_plugin/none", "/_plugin/absent/", "/_plugin/.hidden/", "/_plugin/linked/", "/_plugin/site-out/",
		"/_plugin/secret", "/_plugin/secret/", "/_plugin/status/secret", "/_plugin/status/.env", "/_plugin/status/.git/x",
		"/_plugin/status/out", "/_plugin/status/far", "/_plugin/status/fifo", "/_plugin/status/bare/", "/_plugin/status/bare",
		"/_plugin/status/app.js/", "/_plugin/status/../../secret", "/_plugin/status/%2e%2e/secret", "/_plugin/status/..%2fsecret",
		"/_plugin/status/sub%2f..%2f..%2fsecret", "/_plugin/%2e%2e/", "/_plugin/..%2f/", "/_plugin/status//app.js", "/_plugin/status/%2e/app.js",
		"/_plugin/status/a%00b", "/_plugin/status/..%5csecret", "/_plugin/status/%2fetc%2fpasswd",
	} {
		if got := d.do("GET", path, ""); got.status != 404 || got.code(t) != "resource_not_found" {
			t.Errorf("%s: %d %q, want 404", path, got.status, got.body)
		}
	}
	if got := d.do("POST", "/_plugin/status/app.js", "{}"); got.status != 405 || got.header.Get("Allow") != "GET, HEAD, OPTIONS" {
		t.Errorf("POST: %d, Allow %s", got.status, got.header.Get("Allow"))
	}
	if got := d.do("GET", "/_plugin/status/", "", "Origin", "https://elsewhere.example"); got.status != 403 {
		t.Errorf("another site's page gets %d", got.status)
	}

	if err := os.RemoveAll(filepath.Join(dir, "plugins", "single")); err != nil {
		t.Fatal(err)
	}
	d.want(404, "GET", "/_plugin/single/", "")
}

func TestPluginRedirects(t *testing.T) {
	dir := t.TempDir()
	pluginFiles(t, dir, map[string]string{"a@b/index.html": "page", "a@b/sub/index.html": "sub"})
	d := newDaemon(t, Options{PluginsDir: dir})
	d.client.CheckRedirect = func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }
	for path, want := range map[string]string{
		"/_plugin/a@b":       "./a@b/",
		"/_plugin/a@b?x=1":   "./a@b/?x=1",
		"/_plugin/a@b/sub":   "./sub/",
		"/_plugin/a%40b/sub": "./sub/",
	} {
		if got := d.do("GET", path, ""); got.status != 307 || got.header.Get("Location") != want {
			t.Errorf("%s: %d to %q, want 307 to %q", path, got.status, got.header.Get("Location"), want)
		}
	}
	d.client.CheckRedirect = nil
	if got := d.want(200, "GET", "/_plugin/a@b/sub", ""); got.body != "sub" {
		t.Errorf("the way ends at %q", got.body)
	}
}

func TestPluginIsKept(t *testing.T) {
	dir := t.TempDir()
	pluginFiles(t, dir, map[string]string{"p/index.html": "page"})
	d := newDaemon(t, Options{PluginsDir: dir})
	first := d.want(200, "GET", "/_plugin/p/", "")
	for _, header := range []string{"If-None-Match", "If-Modified-Since"} {
		value := first.header.Get(map[string]string{"If-None-Match": "ETag", "If-Modified-Since": "Last-Modified"}[header])
		if got := d.do("GET", "/_plugin/p/", "", header, value); value == "" || got.status != 304 || got.body != "" {
			t.Errorf("%s: %q: %d %q, want 304", header, value, got.status, got.body)
		}
	}
	if got := d.do("GET", "/_plugin/p/", "", "Range", "bytes=1-2"); got.status != 206 || got.body != "ag" {
		t.Errorf("a range: %d %q", got.status, got.body)
	}
	for header, value := range map[string]string{"Range": "bytes=100-200", "If-Match": `"zz"`, "If-Unmodified-Since": "Mon, 02 Jan 2006 15:04:05 GMT"} {
		got, status, code := d.do("GET", "/_plugin/p/", "", header, value), 412, "conflict"
		if header == "Range" {
			status, code = 416, "bad_value"
		}
		if got.status != status || got.code(t) != code || got.header.Get("Content-Type") != "application/json" {
			t.Errorf("%s: %+v, want %d %s", header, got, status, code)
		}
	}
	if got := d.want(200, "HEAD", "/_plugin/p/", ""); got.body != "" || got.header.Get("Content-Length") != "4" {
		t.Errorf("HEAD: %q, length %s", got.body, got.header.Get("Content-Length"))
	}
	pluginFiles(t, dir, map[string]string{"p/index.html": "another"})
	if got := d.do("GET", "/_plugin/p/", "", "If-None-Match", first.header.Get("ETag")); got.body != "another" {
		t.Errorf("a page that was replaced: %d %q", got.status, got.body)
	}
}

// A long file may take its time, as long as there is progress.
func TestPluginFileIsNotCutOff(t *testing.T) {
	dir := t.TempDir()
	const size = 1 << 20
	pluginFiles(t, dir, map[string]string{"p/index.html": "p", "p/big.wasm": strings.Repeat("x", size)})
	d := newDaemon(t, Options{PluginsDir: dir, Access: Access{Everyone: true}})
	w := &timed{ResponseRecorder: *httptest.NewRecorder()}
	d.server.Handler().ServeHTTP(w, httptest.NewRequest("GET", "http://localhost/_plugin/p/big.wasm", nil))
	if w.Code != 200 || w.Body.Len() != size || w.untimed > 0 {
		t.Errorf("%d with %d bytes, and %d writes in the time of one before", w.Code, w.Body.Len(), w.untimed)
	}
}
