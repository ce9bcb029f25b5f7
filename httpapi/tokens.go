package httpapi

import (
	"errors"
	"net/http"
	"strconv"
	"strings"
	"time"

	"github.com/gorilla/mux"

	"github.com/gafferd/gaffer/httpapi/tokens"
)

func (s *Server) listTokens(w http.ResponseWriter, _ *http.Request) error {
	list := []object{}
	for _, t := range s.gate.Tokens.List() {
		o := object{
			{Name: "name", Value: t.Name},
			{Name: "scope", Value: t.Scope.Names()},
			{Name: "only", Value: append([]string{}, t.Only...)},
			{Name: "created_at", Value: timeOrNull(t.Created)},
			{Name: "expires_at", Value: timeOrNull(t.Expires)},
		}
		if t.Subject != "" {
			o = o.with("subject", t.Subject)
		}
		if t.Fixed {
			o = o.with("fixed", true)
		}
		list = append(list, o)
	}
	return writeJSON(w, list)
}

// addToken makes a token of the body, and tells it.
func (s *Server) addToken(w http.ResponseWriter, r *http.Request) error {
	given, err := readObject(w, r, exampleToken)
	if err != nil {
		return err
	}
	token, err := readToken(given)
	if err != nil {
		return err
	}
	secret, err := s.gate.Tokens.Add(token)
	if err != nil && !errors.Is(err, tokens.ErrNotSaved) {
		return err
	}
	answer := object{{Name: "ok", Value: true}, {Name: "name", Value: token.Name}}
	if secret != "" {
		answer = answer.with("token", secret)
	}
	return writeJSON(w, s.unlessSaved(answer, err))
}

func (s *Server) revokeToken(w http.ResponseWriter, r *http.Request) error {
	err := s.gate.Tokens.Revoke(mux.Vars(r)["token"])
	switch {
	case err == nil:
		return writeOK(w)
	case !errors.Is(err, tokens.ErrNotSaved):
		return err
	}
	return writeJSON(w, s.unlessSaved(object{{Name: "ok", Value: true}}, err))
}

// unlessSaved is an answer that tells if what was done is not on disk.
func (s *Server) unlessSaved(answer object, err error) object {
	if err == nil {
		return answer
	}
	s.log.Error("tokens are not saved", "err", err)
	return answer.with("saved", false)
}

// exampleToken is what POST /tokens takes.
const exampleToken = `{"name": "ci", "scope": "read"}, and only, expires or subject if you like`

// readToken reads what is wanted of a token, and tells of all that is wrong with
// it.
func readToken(given map[string]any) (t tokens.Token, err error) {
	var wrong mistakes
	text := func(name string, v any) string {
		s, ok := v.(string)
		if !ok {
			wrong.unwanted(name, v, "a string")
		}
		return s
	}
	known := []string{"name", "scope", "only", "expires", "subject"}
	for name, v := range given {
		switch name {
		case "name":
			t.Name = text(name, v)
		case "subject":
			t.Subject = text(name, v)
		case "scope", "only":
			list, ok := textsOf(v)
			if !ok {
				wrong.unwanted(name, v, "a string or a list of strings")
				continue
			}
			if name == "only" {
				t.Only = list
			} else if t.Scope, err = tokens.ParseScope(list...); err != nil {
				wrong.add(name, err.Error())
			}
		case "expires":
			life, ok := lifeOf(v)
			if !ok {
				wrong.unwanted(name, v, `a number of seconds above 0, or a string such as "24h" or "30d"`)
				continue
			}
			t.Expires = time.Now().Add(life)
		default:
			wrong.unknown(name, known)
		}
	}
	wrong.missing(given, known[:2])
	return t, wrong.err(exampleToken)
}

// textsOf is a list of texts, or one that has commas between them.
func textsOf(v any) (list []string, ok bool) {
	switch v := v.(type) {
	case nil:
		return nil, true
	case string:
		for part := range strings.SplitSeq(v, ",") {
			list = append(list, strings.TrimSpace(part))
		}
		return list, true
	case []any:
		for _, item := range v {
			text, ok := item.(string)
			if !ok {
				return nil, false
			}
			list = append(list, text)
		}
		return list, true
	}
	return nil, false
}

// maxLife keeps a number of seconds or days from being more than a duration holds.
const maxLife = 200 * 366 * 24 * time.Hour

// lifeOf is how long a token is to be good.
func lifeOf(v any) (life time.Duration, ok bool) {
	switch v := v.(type) {
	case int:
		life = time.Duration(min(v, int(maxLife/time.Second))) * time.Second
	case float64:
		life = time.Duration(min(v, maxLife.Seconds()) * float64(time.Second))
	case string:
		if days, found := strings.CutSuffix(v, "d"); found {
			n, err := strconv.Atoi(days)
			if err != nil || n > int(maxLife/(24*time.Hour)) {
				return 0, false
			}
			life = time.Duration(n) * 24 * time.Hour
			break
		}
		var err error
		if life, err = time.ParseDuration(v); err != nil {
			return 0, false
		}
	}
	return life, life > 0
}
