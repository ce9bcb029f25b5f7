package webhooks

import (
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"net/url"
	"strings"

	"github.com/gafferd/gaffer/manager"
)

// Hook says which events to send where.
type Hook struct {
	Event  string `json:"event"` // as manager.ParseDottedPattern reads it: "exit", "proc.web.exit", "." for all
	URL    string `json:"url"`   // http or https
	Secret string `json:"secret,omitempty"`
}

// idOf is the same for the same hook in each life of the daemon, and tells
// nothing of the URL.
func idOf(h Hook) string {
	sum := sha256.Sum256([]byte(h.Event + "\x00" + h.URL))
	return "wh-" + hex.EncodeToString(sum[:6])
}

// check reports what is wrong about a hook.
func (h Hook) check() error {
	if _, err := manager.ParseDottedPattern(h.Event); err != nil {
		return err
	}
	u, err := url.Parse(h.URL)
	if err != nil || u.Scheme != "http" && u.Scheme != "https" || u.Hostname() == "" || u.Fragment != "" || strings.ContainsAny(h.URL, " \t") {
		return fmt.Errorf("url is %w: write http://host/path or https://host/path", ErrBadURL)
	}
	return nil
}
