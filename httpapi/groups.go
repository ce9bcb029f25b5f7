package httpapi

import (
	"net/http"

	"github.com/gorilla/mux"
)

func (s *Server) listGroups(w http.ResponseWriter, _ *http.Request) error {
	return writeJSON(w, append([]string{}, s.manager.Groups()...))
}

func (s *Server) listGroup(w http.ResponseWriter, r *http.Request) error {
	names, err := s.manager.Group(mux.Vars(r)["group"])
	if err != nil {
		return err
	}
	return writeJSON(w, append([]string{}, names...))
}
