package httpapi

import (
	"fmt"
	"net/http"

	"github.com/gorilla/mux"

	"github.com/gafferd/gaffer/manager"
)

func (s *Server) listGroups(w http.ResponseWriter, r *http.Request) error {
	v := visitorOf(r)
	groups := []string{}
	for _, group := range s.manager.Groups() {
		names, err := s.manager.Group(group)
		if err == nil && len(v.among(names)) > 0 { // else deleted just now
			groups = append(groups, group)
		}
	}
	return writeJSON(w, groups)
}

func (s *Server) listGroup(w http.ResponseWriter, r *http.Request) error {
	group := mux.Vars(r)["group"]
	names, err := s.manager.Group(group)
	if err != nil {
		return err
	}
	if names = visitorOf(r).among(names); len(names) == 0 {
		return fmt.Errorf("group %q %w", shorten(group), manager.ErrNotFound)
	}
	return writeJSON(w, names)
}
