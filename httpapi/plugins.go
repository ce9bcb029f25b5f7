package httpapi

import (
	"errors"
	"fmt"
	"io/fs"
	"net/http"
	"os"
	"path"
	"regexp"
	"slices"
	"strings"
	"syscall"

	"github.com/gorilla/mux"
)

// pluginsPath is where plugins are served.
const pluginsPath = "/_plugin"

// plugins are the folders of a directory, looked up at each request: what is put
// there is served, and what is taken away is not. Each is opened as an os.Root,
// which no link and no path leads out of.
type plugins struct{ dir string }

// pluginName keeps hidden folders out, and what cannot stand in a URL as it is.
var pluginName = regexp.MustCompile(`^[A-Za-z0-9_][A-Za-z0-9_.@+-]*$`)

const (
	siteFolder = "_site"
	indexFile  = "index.html"
)

// pluginPolicy lets a plugin's pages use the API, with fetch, EventSource and
// WebSocket, and nothing else than what is here. They are of the API's origin, so
// whatever runs in them may run programs: therefore scripts are files of the
// plugin, and no text that a process prints can become one.
const pluginPolicy = "default-src 'self'; script-src 'self'; connect-src 'self'; " +
	"style-src 'self' 'unsafe-inline'; img-src 'self' data: blob:; font-src 'self' data:; media-src 'self' blob:; " +
	"object-src 'none'; base-uri 'none'; form-action 'self'; frame-ancestors 'none'"

// open is the folder that a plugin's files are served from.
func (p plugins) open(name string) (*os.Root, error) {
	if p.dir == "" || !pluginName.MatchString(name) {
		return nil, fs.ErrNotExist
	}
	all, err := os.OpenRoot(p.dir)
	if err != nil {
		return nil, err
	}
	defer all.Close()
	plugin, err := all.OpenRoot(name)
	if err != nil {
		return nil, err
	}
	site, err := plugin.OpenRoot(siteFolder)
	if err == nil {
		plugin.Close()
		return site, nil
	}
	if !errors.Is(err, fs.ErrNotExist) {
		plugin.Close()
		return nil, err
	}
	if info, err := plugin.Stat(indexFile); err != nil || !info.Mode().IsRegular() {
		plugin.Close()
		return nil, orNotExist(err)
	}
	return plugin, nil
}

// orNotExist is err, or that there is no such thing.
func orNotExist(err error) error {
	if err == nil {
		return fs.ErrNotExist
	}
	return err
}

// names are the plugins that are there now.
func (p plugins) names() ([]string, error) {
	names := []string{}
	if p.dir == "" {
		return names, nil
	}
	entries, err := os.ReadDir(p.dir)
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return nil, err
	}
	for _, e := range entries {
		if root, err := p.open(e.Name()); err == nil {
			root.Close()
			names = append(names, e.Name())
		}
	}
	slices.Sort(names)
	return names, nil
}

func (s *Server) listPlugins(w http.ResponseWriter, _ *http.Request) error {
	names, err := s.plugins.names()
	if err != nil {
		return err
	}
	return writeJSON(w, names)
}

// redirectPlugin puts the slash behind a plugin's name that the links in its
// pages count on.
func (s *Server) redirectPlugin(w http.ResponseWriter, r *http.Request) error {
	root, err := s.plugins.open(mux.Vars(r)["plugin"])
	if err != nil {
		return noPluginFile(r, err)
	}
	root.Close()
	return withSlash(w, r)
}

func withSlash(w http.ResponseWriter, r *http.Request) error {
	to := "./" + path.Base(r.URL.EscapedPath()) + "/"
	if r.URL.RawQuery != "" {
		to += "?" + r.URL.RawQuery
	}
	w.Header().Set("Location", to) // relative, so that it is right behind a proxy too
	w.WriteHeader(http.StatusTemporaryRedirect)
	return nil
}

// servePlugin serves a file of a plugin, or the index of a folder.
func (s *Server) servePlugin(w http.ResponseWriter, r *http.Request) error {
	vars := mux.Vars(r)
	root, err := s.plugins.open(vars["plugin"])
	if err != nil {
		return noPluginFile(r, err)
	}
	defer root.Close()
	name, isFolder := strings.CutSuffix(vars["path"], "/")
	if isFolder || name == "" {
		name = path.Join(name, indexFile)
	}
	if !servable(name) {
		return noPluginFile(r, fs.ErrNotExist)
	}
	info, err := root.Stat(name)
	if err == nil && info.IsDir() {
		if info, err = root.Stat(path.Join(name, indexFile)); err == nil && info.Mode().IsRegular() {
			return withSlash(w, r)
		}
	}
	if err != nil {
		return noPluginFile(r, err)
	}
	// What became a pipe since must not keep the request waiting.
	f, err := root.OpenFile(name, os.O_RDONLY|syscall.O_NONBLOCK, 0)
	if err != nil {
		return noPluginFile(r, err)
	}
	defer f.Close()
	if info, err = f.Stat(); err != nil || !info.Mode().IsRegular() {
		return noPluginFile(r, orNotExist(err))
	}
	h := w.Header()
	h.Set("Content-Type", fileType(name))
	h.Set("Content-Security-Policy", pluginPolicy)
	h.Set("X-Frame-Options", "DENY") // what frame-ancestors is to old browsers
	h.Set("Referrer-Policy", "no-referrer")
	h.Set("Cross-Origin-Resource-Policy", "same-origin")
	h.Set("Cache-Control", "no-cache") // kept, and asked about each time
	h.Set("ETag", fmt.Sprintf(`"%x-%x"`, info.ModTime().UnixNano(), info.Size()))
	u := &unhurried{ResponseWriter: w}
	http.ServeContent(u, r, name, info.ModTime(), f)
	if u.refused == 0 {
		return nil
	}
	etag := h.Get("ETag")
	for _, name := range []string{"ETag", "Last-Modified", "Referrer-Policy", "Content-Type", "Content-Length"} {
		h.Del(name)
	}
	setCommon(h) // those of any other error
	switch u.refused {
	case http.StatusPreconditionFailed:
		return fmt.Errorf("%w: the file is another one by now: its ETag is %s", errPrecondition, etag)
	case http.StatusRequestedRangeNotSatisfiable:
		return fmt.Errorf("%w: the file has %d bytes, and nothing at %s", errBadRange, info.Size(), shorten(r.Header.Get("Range")))
	}
	return fmt.Errorf("serve %s: status %d", name, u.refused)
}

// unhurried is an answer of any length: each write of it has its own time. A refusal is
// held back, which is to look as all others do.
type unhurried struct {
	http.ResponseWriter
	refused int // the status; 0: it was not
}

// WriteHeader implements http.ResponseWriter.
func (u *unhurried) WriteHeader(status int) {
	if status >= 400 {
		u.refused = status
		return
	}
	u.ResponseWriter.WriteHeader(status)
}

// Write implements http.ResponseWriter.
func (u *unhurried) Write(p []byte) (int, error) {
	if u.refused > 0 {
		return len(p), nil
	}
	if a, ok := u.ResponseWriter.(*answer); ok {
		a.extend()
	}
	return u.ResponseWriter.Write(p)
}

// servable keeps hidden files in, such as .git and .env.
func servable(name string) bool {
	return fs.ValidPath(name) && !strings.HasPrefix(name, ".") && !strings.Contains(name, "/.")
}

// noPluginFile tells a client no more than that there is nothing to be had.
func noPluginFile(r *http.Request, err error) error {
	if errors.Is(err, syscall.EMFILE) || errors.Is(err, syscall.ENFILE) {
		return err
	}
	return fmt.Errorf("%w: there is no such plugin or no such file in it at %s; GET %s lists the plugins",
		errNoResource, shorten(r.URL.Path), pluginsPath)
}
