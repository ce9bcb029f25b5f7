package httpapi

import (
	"cmp"
	"fmt"
	"net/http"

	"github.com/gorilla/mux"

	"github.com/gafferd/gaffer/httpapi/tokens"
)

// subject is what a route is about, which a token that is limited to some
// processes has to be for.
type subject int

const (
	aboutNothing    subject = iota // nothing that a limited token could not be told
	aboutName                      // the process in the path
	aboutPID                       // the instance in the path
	aboutGroup                     // the group in the path: the handler passes over what the token is not for
	aboutApp                       // likewise the app
	aboutList                      // what the handler lists: it leaves out what the token is not for
	aboutBody                      // what the body says: the handler looks
	aboutEverything                // all processes: not for a limited token
)

// rule is what a request for a route needs.
type rule struct {
	method string
	path   string
	scope  tokens.Scope // 0: whoever may come in at all
	about  subject
}

// audited reports whether requests for the route are told of, because they want to
// control or change something or to read what is secret. What others add and only
// read is neither.
func (need *rule) audited() bool {
	added := ruleOf(rules, need.method, need.path) == nil
	return need.scope&(tokens.Control|tokens.Admin) != 0 && !(added && need.method == get)
}

// rules say who may do what, for each route: what is not here cannot be reached.
// HEAD needs what GET needs; OPTIONS tells nothing that is not in the OpenAPI
// document. A handler that an embedding program adds is about everything, and
// needs the scope of its RouteDoc.
var rules = []rule{
	{get, "/", 0, aboutNothing},
	{get, "/ping", 0, aboutNothing},
	{get, "/version", 0, aboutNothing},
	{get, "/openapi.json", 0, aboutNothing},

	{get, "/processes", tokens.Read, aboutList},
	{post, "/processes", tokens.Admin, aboutBody},
	{get, "/processes/" + aName, tokens.Read, aboutName},
	{put, "/processes/" + aName, tokens.Admin, aboutName},
	{del, "/processes/" + aName, tokens.Admin, aboutName},
	{get, "/processes/" + aName + "/_pids", tokens.Read, aboutName},
	{get, "/processes/" + aName + "/_exits", tokens.Read, aboutName},
	{post, "/processes/" + aName + "/_start", tokens.Control, aboutName},
	{post, "/processes/" + aName + "/_stop", tokens.Control, aboutName},
	{post, "/processes/" + aName + "/_restart", tokens.Control, aboutName},
	{post, "/processes/" + aName + "/_add", tokens.Control, aboutName},
	{post, "/processes/" + aName + "/_add/{n}", tokens.Control, aboutName},
	{post, "/processes/" + aName + "/_sub", tokens.Control, aboutName},
	{post, "/processes/" + aName + "/_sub/{n}", tokens.Control, aboutName},
	{post, "/processes/" + aName + "/_scale/{n}", tokens.Control, aboutName},
	{post, "/processes/" + aName + "/_signal/{signal}", tokens.Control, aboutName},

	{get, "/processes/" + aPid, tokens.Read, aboutPID},
	{del, "/processes/" + aPid, tokens.Control, aboutPID}, // it stops the instance, as the next does
	{post, "/processes/" + aPid + "/_stop", tokens.Control, aboutPID},
	{post, "/processes/" + aPid + "/_signal/{signal}", tokens.Control, aboutPID},

	{get, "/status/" + aName, tokens.Read, aboutName},
	{get, "/pids", tokens.Read, aboutList},
	{get, "/stats", tokens.Read, aboutList},
	{get, "/stats/" + aName, tokens.Read, aboutName},
	{get, "/stats/" + aName + "/" + aPid, tokens.Read, aboutName},

	{get, "/groups", tokens.Read, aboutList},
	{get, "/groups/{group}", tokens.Read, aboutGroup},
	{del, "/groups/{group}", tokens.Admin, aboutGroup},
	{post, "/groups/{group}/_start", tokens.Control, aboutGroup},
	{post, "/groups/{group}/_stop", tokens.Control, aboutGroup},
	{post, "/groups/{group}/_restart", tokens.Control, aboutGroup},

	{get, "/watch", tokens.Read, aboutList},
	{get, "/watch/{p1}", tokens.Read, aboutList}, // audit events: Admin
	{get, "/watch/{p1}/{p2}", tokens.Read, aboutList},
	{get, "/watch/{p1}/{p2}/{p3}", tokens.Read, aboutList},

	{get, "/streams/" + aPid + "/{stream}", tokens.Read, aboutPID},
	{post, "/streams/" + aPid + "/{stream}", tokens.Write, aboutPID},
	{get, "/wstreams/" + aPid, tokens.Read, aboutPID}, // without readonly: Write too
	{get, "/apps/{app}/logs", tokens.Read, aboutApp},
	{get, "/v1/apps/{app}/logs", tokens.Read, aboutApp},

	{post, "/run", tokens.Admin, aboutBody},
	{post, "/_reload", tokens.Admin, aboutEverything},
	{post, "/_upgrade", tokens.Admin, aboutEverything},
	{get, "/webhooks", tokens.Admin, aboutList}, // the URLs are often secrets themselves
	{post, "/webhooks", tokens.Admin, aboutBody},
	{get, "/webhooks/{id}", tokens.Admin, aboutList},
	{del, "/webhooks/{id}", tokens.Admin, aboutList},
	{get, "/tokens", tokens.Admin, aboutEverything},
	{post, "/tokens", tokens.Admin, aboutEverything},
	{del, "/tokens/{token}", tokens.Admin, aboutEverything},

	{get, pluginsPath, tokens.Read, aboutNothing},
	{get, pluginsPath + "/{plugin}", tokens.Read, aboutNothing},
	{get, pluginsPath + "/{plugin}/{path:.*}", tokens.Read, aboutNothing},
}

// ruleOf is the rule for a route; nil if there is none.
func ruleOf(rules []rule, method, path string) *rule {
	for i := range rules {
		if rules[i].method == method && rules[i].path == path {
			return &rules[i]
		}
	}
	return nil
}

// addedRule is the rule for a route that an embedding program adds.
func addedRule(method, path string, doc RouteDoc) rule {
	return rule{method, path, cmp.Or(doc.Scope, tokens.Admin), aboutEverything}
}

// allow refuses a request for something that its visitor may not do.
func (s *Server) allow(r *http.Request, need *rule) error {
	v := visitorOf(r)
	if v.token == nil {
		return nil // of those who may do everything
	}
	if err := v.needs(need.scope); err != nil {
		return err
	}
	vars := mux.Vars(r)
	switch need.about {
	case aboutName:
		return v.covers(vars["name"])
	case aboutPID:
		pid, err := pidOf(r)
		if err != nil {
			return err
		}
		name, _ := s.manager.NameOf(pid) // "" if there is none, which the handler tells those for whom any could be
		return v.covers(name)
	case aboutGroup:
		return v.reaches(vars["group"])
	case aboutApp:
		return v.reaches(vars["app"])
	case aboutEverything:
		if v.limited() {
			return fmt.Errorf("%w: the token %q is for %q alone, and this is about everything", errForbidden, v.token.Name, v.token.Only)
		}
	}
	return nil
}
