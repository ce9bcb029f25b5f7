package httpapi

import (
	"fmt"
	"net/http"
	"slices"

	"github.com/gorilla/mux"

	"github.com/gafferd/gaffer/httpapi/webhooks"
	"github.com/gafferd/gaffer/manager"
)

var errNoWebhooks = fmt.Errorf("%w: this server sends no events", errNoResource)

func (s *Server) listWebhooks(w http.ResponseWriter, r *http.Request) error {
	if s.webhooks == nil {
		return errNoWebhooks
	}
	return writeJSON(w, slices.DeleteFunc(s.webhooks.List(), func(hook webhooks.Status) bool {
		return allowHook(r, hook.Event) != nil
	}))
}

// allowHook refuses a webhook that is told of more than the visitor may know.
func allowHook(r *http.Request, event string) error {
	v := visitorOf(r)
	if !v.limited() {
		return nil
	}
	pattern, err := manager.ParseDottedPattern(event)
	switch {
	case err != nil:
		return err
	case pattern.Process() == "":
		return fmt.Errorf("%w: the token %q is for %q alone, and this webhook is about all processes", errForbidden, v.token.Name, v.token.Only)
	}
	return v.covers(pattern.Process())
}

// webhook is the one in the path.
func (s *Server) webhook(r *http.Request) (webhooks.Status, error) {
	if s.webhooks == nil {
		return webhooks.Status{}, errNoWebhooks
	}
	status, err := s.webhooks.Get(mux.Vars(r)["id"])
	if err == nil {
		err = allowHook(r, status.Event)
	}
	return status, err
}

func (s *Server) showWebhook(w http.ResponseWriter, r *http.Request) error {
	status, err := s.webhook(r)
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
	if err := allowHook(r, hook.Event); err != nil {
		return err
	}
	id, err := s.webhooks.Add(hook)
	if err != nil {
		return err
	}
	return writeJSON(w, object{{Name: "ok", Value: true}, {Name: "id", Value: id}})
}

func (s *Server) removeWebhook(w http.ResponseWriter, r *http.Request) error {
	if _, err := s.webhook(r); err != nil {
		return err
	}
	if err := s.webhooks.Remove(mux.Vars(r)["id"]); err != nil {
		return err
	}
	return writeOK(w)
}

// readHook reads a webhook from a request's body, and tells of all that is wrong
// with it.
func readHook(w http.ResponseWriter, r *http.Request) (hook webhooks.Hook, err error) {
	const example = `{"event": "exit", "url": "https://host/path", "secret": "optional"}`
	given, err := readObject(w, r, example)
	if err != nil {
		return hook, err
	}
	fields := map[string]*string{"event": &hook.Event, "url": &hook.URL, "secret": &hook.Secret}
	known := []string{"event", "url", "secret"}
	var wrong mistakes
	for name, v := range given {
		text, isText := v.(string)
		switch to := fields[name]; {
		case to == nil:
			wrong.unknown(name, known)
		case !isText && name == "secret":
			wrong.add(name, "want a string")
		case !isText:
			wrong.unwanted(name, v, "a string")
		default:
			*to = text
		}
	}
	wrong.missing(given, known[:2])
	return hook, wrong.err(example)
}
