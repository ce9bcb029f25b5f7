package httpapi

import "net/http"

// Starting is what a daemon answers that listens and does not serve yet: that it
// is there (GET /ping), and everything else with 503.
func Starting() http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.URL.Path == "/ping" && (r.Method == http.MethodGet || r.Method == http.MethodHead) {
			_ = writeBody(w, http.StatusOK, textType, []byte("OK"))
			return
		}
		w.Header().Set("Retry-After", "1")
		writeProblem(w, http.StatusServiceUnavailable, problemBody{
			Error:  "stopping",
			Reason: "the daemon waits for the one before it to stop its processes; try again in a moment",
		})
	})
}
