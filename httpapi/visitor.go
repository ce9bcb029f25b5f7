package httpapi

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"maps"
	"net/http"
	"slices"
	"strings"

	"github.com/gafferd/gaffer/httpapi/tokens"
	"github.com/gafferd/gaffer/manager"
)

// visitor is who has sent a request, once the gate has let him in.
type visitor struct {
	name  string        // for people: uid 1000, token ci
	token *tokens.Token // nil for one who may do everything
}

// needs refuses what takes another scope.
func (v *visitor) needs(scope tokens.Scope) error {
	if v.token == nil || v.token.Scope.Has(scope) {
		return nil
	}
	return fmt.Errorf("%w: this needs a token with scope %s, and %q has %s", errForbidden, scope, v.token.Name, v.token.Scope)
}

// may reports whether needs would not refuse.
func (v *visitor) may(scope tokens.Scope) bool { return v.needs(scope) == nil }

func (v *visitor) limited() bool { return v.token != nil && len(v.token.Only) > 0 }

// sees reports whether the visitor may know of a process.
func (v *visitor) sees(process string) bool { return v.token == nil || v.token.Covers(process) }

// covers refuses a process that the visitor may not know of, whether there is one
// of that name or not.
func (v *visitor) covers(process string) error {
	if v.sees(process) {
		return nil
	}
	return fmt.Errorf("%w: the token %q is for %q alone, which does not cover the process", errForbidden, v.token.Name, v.token.Only)
}

// reaches refuses a group of whose processes the visitor can know none.
func (v *visitor) reaches(group string) error {
	if v.token == nil || v.token.Reaches(group) {
		return nil
	}
	return fmt.Errorf("%w: the token %q is for %q alone, which does not cover the group", errForbidden, v.token.Name, v.token.Only)
}

// among leaves of names those that the visitor may know.
func (v *visitor) among(names []string) []string {
	seen := []string{}
	for _, name := range names {
		if v.sees(name) {
			seen = append(seen, name)
		}
	}
	return seen
}

// instances are those running that the visitor may know of.
func (v *visitor) instances(m *manager.Manager) []manager.Instance {
	return slices.DeleteFunc(m.Instances(), func(i manager.Instance) bool { return !v.sees(i.Name) })
}

// description is what a template says, with the values of its environment for an
// admin alone. What others are shown cannot be sent back by mistake.
func (v *visitor) description(t manager.Template) object {
	o := object(t.Properties())
	if v.may(tokens.Admin) {
		return o
	}
	hidden := map[string]any{}
	for key := range t.Env {
		hidden[key] = nil
	}
	for i := range o {
		if o[i].Name == "env" {
			o[i].Value = hidden
		}
	}
	return o
}

// hidden replaces the values of an environment in command lines by the variables'
// names; "" is in every text, and so it stays. For an admin nothing is replaced.
func (v *visitor) hidden(env map[string]string) *strings.Replacer {
	if v.may(tokens.Admin) {
		return strings.NewReplacer()
	}
	keys := slices.SortedFunc(maps.Keys(env), func(a, b string) int {
		return cmp.Or(len(env[b])-len(env[a]), strings.Compare(a, b))
	})
	var pairs []string
	for _, key := range keys {
		if value := env[key]; value != "" {
			pairs = append(pairs, value, "$"+key)
		}
	}
	return strings.NewReplacer(pairs...)
}

// only is sees for a visitor who does not see everything, else nil.
func (v *visitor) only() func(process string) bool {
	if !v.limited() {
		return nil
	}
	return v.sees
}

type visitorKey struct{}

// withVisitor is a request of v's, until leave is called. Its context ends, with an
// ErrUnknown of package tokens, when v's token does.
func withVisitor(r *http.Request, v *visitor) (_ *http.Request, leave func()) {
	ctx, leave := context.WithValue(r.Context(), visitorKey{}, v), func() {}
	if v.token != nil {
		var end context.CancelCauseFunc
		ctx, end = context.WithCancelCause(ctx)
		stop := v.onEnd(end)
		leave = func() {
			stop()
			end(nil)
		}
	}
	return r.WithContext(ctx), leave
}

// onEnd is that of the visitor's token, which may be none.
func (v *visitor) onEnd(f func(error)) (stop func() bool) {
	if v.token == nil {
		return func() bool { return true }
	}
	return v.token.OnEnd(f)
}

// ended is why the visitor's token is not good any more, nil while it is.
func (v *visitor) ended() error {
	if v == nil || v.token == nil {
		return nil
	}
	return v.token.Ended()
}

// lockedOut is err, or if the request could not go on for that, ended.
func (v *visitor) lockedOut(err error) error {
	if why := v.ended(); why != nil && errors.Is(err, context.Canceled) {
		return why
	}
	return err
}

// nobodyAtAll is a sender whom the gate has let in without asking who it is: that of a
// preflight.
var nobodyAtAll = &visitor{name: "nobody", token: &tokens.Token{Name: "nobody"}}

// visitorOf is who has sent a request. One that did not come through the gate is
// nobody's.
func visitorOf(r *http.Request) *visitor {
	if v, ok := r.Context().Value(visitorKey{}).(*visitor); ok {
		return v
	}
	return nobodyAtAll
}
