package webhooks

import (
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"log/slog"
	"os"
	"strings"

	"github.com/gafferd/gaffer/internal/wholefile"
)

// The folder holds the hooks that were made over the API, with their secrets,
// and for each hook a journal.
const (
	hooksFile     = "hooks.json"
	journalSuffix = ".outbox"
	savedVersion  = 1
)

type savedHooks struct {
	Version int    `json:"version"`
	Hooks   []Hook `json:"hooks"`
}

// restore begins the hooks that are saved, but for those that the configuration file
// has too now. What is damaged keeps nobody from starting: it is set aside, for somebody
// to mend, with all that was to be delivered. w.mu must be held.
func (w *Webhooks) restore() {
	saved, err := w.readSaved()
	for _, h := range saved {
		if w.named(idOf(h)) != nil {
			continue
		}
		wrong := h.check()
		if wrong == nil {
			_, wrong = w.begin(h, false)
		}
		err = errors.Join(err, wrong)
	}
	if err == nil {
		w.dropForgotten()
		return
	}
	setAside(w.folder, hooksFile, err, w.log)
	if err := w.save(); err != nil {
		w.log.Warn("the webhooks are not written to disk", "error", err)
	}
}

func (w *Webhooks) readSaved() ([]Hook, error) {
	if w.folder == nil {
		return nil, nil
	}
	data, err := w.folder.ReadFile(hooksFile)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, nil
	}
	if err != nil {
		return nil, err
	}
	var saved savedHooks
	err = json.Unmarshal(data, &saved)
	if err == nil && saved.Version != savedVersion {
		err = fmt.Errorf("version %d is not known here", saved.Version)
	}
	if err != nil {
		return nil, fmt.Errorf("it is damaged: %w", err)
	}
	return saved.Hooks, nil
}

// setAside keeps a file that cannot be used from being written over, if the disk lets it.
func setAside(folder *os.Root, name string, why error, log *slog.Logger) {
	aside := name + ".damaged"
	if err := folder.Rename(name, aside); err != nil {
		log.Error("a file of the webhooks cannot be used, and cannot be set aside", "file", name, "error", why, "because", err)
		return
	}
	log.Error("a file of the webhooks cannot be used, and is set aside", "file", name, "as", aside, "error", why)
}

// save writes the hooks that are not in the configuration file. w.mu must be held.
func (w *Webhooks) save() error {
	if w.folder == nil {
		return nil
	}
	saved := savedHooks{Version: savedVersion, Hooks: []Hook{}}
	for _, h := range w.hooks {
		if !h.inFile {
			saved.Hooks = append(saved.Hooks, h.wanted)
		}
	}
	data, err := json.MarshalIndent(saved, "", " ")
	if err != nil {
		return err
	}
	return wholefile.Replace(w.folder, hooksFile, append(data, '\n'))
}

// dropForgotten removes the journals of hooks that are not in the configuration
// file any more. w.mu must be held.
func (w *Webhooks) dropForgotten() {
	if w.folder == nil {
		return
	}
	entries, err := fs.ReadDir(w.folder.FS(), ".")
	if err != nil {
		w.log.Warn("webhooks: the state directory cannot be read", "error", err)
	}
	for _, e := range entries {
		id, ok := strings.CutSuffix(e.Name(), journalSuffix)
		if !ok || w.named(id) != nil {
			continue
		}
		w.log.Info("a webhook is gone from the configuration, and what it had to deliver with it", "webhook", id)
		if err := w.folder.Remove(e.Name()); err != nil {
			w.log.Warn("the file of a webhook that is gone cannot be removed", "webhook", id, "error", err)
		}
	}
}
