package httpapi

import (
	"fmt"
	"net/http"
	"slices"
	"strings"

	"github.com/gorilla/mux"

	"github.com/gafferd/gaffer/httpapi/webhooks"
	"github.com/gafferd/gaffer/internal/nearest"
)

var errNoWebhooks = fmt.Errorf("%w: this server sends no events", errNoResource)

func (s *Server) listWebhooks(w http.ResponseWriter, _ *http.Request) error {
	if s.webhooks == nil {
		return errNoWebhooks
	}
	return writeJSON(w, s.webhooks.List())
}

func (s *Server) showWebhook(w http.ResponseWriter, r *http.Request) error {
	if s.webhooks == nil {
		return errNoWebhooks
	}
	status, err := s.webhooks.Get(mux.Vars(r)["id"])
	if err != nil {
		return err
	}
	return writeJSON(w, status)
}

func (s *Server) addWebhook(w http.ResponseWriter, r *http.Request) error {
	if s.webhooks == nil {
		return errNoWebhooks
	}
	hook, err := readHook(w, r)
	if err != nil {
		return err
	}
	id, err := s.webhooks.Add(hook)
	if err != nil {
		return err
	}
	return writeJSON(w, object{{Name: "ok", Value: true}, {Name: "id", Value: id}})
}

func (s *Server) removeWebhook(w http.ResponseWriter, r *http.Request) error {
	if s.webhooks == nil {
		return errNoWebhooks
	}
	if err := s.webhooks.Remove(mux.Vars(r)["id"]); err != nil {
		return err
	}
	return writeOK(w)
}

// readHook reads a webhook from a request's body.
func readHook(w http.ResponseWriter, r *http.Request) (hook webhooks.Hook, err error) {
	body, err := readBody(w, r)
	if err != nil {
		return hook, err
	}
	if err := checkContentType(r); err != nil {
		return hook, err
	}
	given, err := decodeObject(body)
	if err != nil {
		return hook, err
	}
	fields := map[string]*string{"event": &hook.Event, "url": &hook.URL, "secret": &hook.Secret}
	known := []string{"event", "url", "secret"}
	var wrong []string
	for name, v := range given {
		text, isText := v.(string)
		switch to := fields[name]; {
		case to == nil:
			wrong = append(wrong, fmt.Sprintf("%q is not known, the nearest is %q", shorten(name), nearest.Name(name, known)))
		case !isText:
			wrong = append(wrong, name+" is no text")
		default:
			*to = text
		}
	}
	for _, name := range known[:2] {
		if _, ok := given[name]; !ok {
			wrong = append(wrong, name+" is missing")
		}
	}
	if len(wrong) > 0 {
		slices.Sort(wrong)
		return hook, fmt.Errorf(`%w: %s; send {"event": "exit", "url": "https://host/path", "secret": "optional"}`, errBadValue, strings.Join(wrong, "; "))
	}
	return hook, nil
}
