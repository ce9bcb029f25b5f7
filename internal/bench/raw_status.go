package main

import (
	"encoding/json"
	"flag"
	"fmt"
	"net/http"
)

// rawProcess is one of the objects in a daemon's list of processes.
type rawProcess struct {
	Name            string            `json:"name"`
	Cmd             string            `json:"cmd"`
	Args            []string          `json:"args"`
	Env             map[string]string `json:"env"`
	OSEnv           bool              `json:"os_env"`
	UID             *string           `json:"uid"`
	GID             *string           `json:"gid"`
	Cwd             *string           `json:"cwd"`
	Umask           *string           `json:"umask"`
	Rlimits         map[string]string `json:"rlimits"`
	Nice            *int              `json:"nice"`
	OOMScoreAdj     *int              `json:"oom_score_adj"`
	NoNewPrivs      *bool             `json:"no_new_privs"`
	Capabilities    []string          `json:"capabilities"`
	Shell           bool              `json:"shell"`
	Detach          bool              `json:"detach"`
	NumProcesses    int               `json:"numprocesses"`
	Start           bool              `json:"start"`
	Priority        *int              `json:"priority"`
	GracefulTimeout float64           `json:"graceful_timeout"`
	StopSignal      string            `json:"stop_signal"`
	Restart         string            `json:"restart"`
	Backoff         struct {
		Initial float64 `json:"initial"`
		Max     float64 `json:"max"`
		Reset   float64 `json:"reset"`
	} `json:"backoff"`
	Flapping       *struct{} `json:"flapping"`
	RedirectOutput []string  `json:"redirect_output"`
	RedirectInput  bool      `json:"redirect_input"`
	CustomStreams  []string  `json:"custom_streams"`
	Backpressure   bool      `json:"backpressure"`
	Essential      bool      `json:"essential"`
	State          string    `json:"state"`
	Active         bool      `json:"active"`
	Running        int       `json:"running"`
	PIDs           []int     `json:"pids"`
	NextRetryAt    *string   `json:"next_retry_at"`
}

// rawStatus is net/http and encoding/json over a slice, made once.
func rawStatus(args []string) error {
	flags := flag.NewFlagSet("raw status", flag.ContinueOnError)
	addr := flags.String("addr", "127.0.0.1:0", "where to listen")
	count := flags.Int("n", 0, "how many processes are in the list")
	if err := flags.Parse(args); err != nil {
		return err
	}
	all := make([]rawProcess, *count)
	for i := range all {
		all[i] = rawProcess{
			Name: fmt.Sprintf("idle%d", i), Cmd: "sleep", Args: []string{"1000000"}, Env: map[string]string{}, OSEnv: true,
			NumProcesses: 1, Start: true, GracefulTimeout: 10, StopSignal: "TERM", Restart: "always",
			RedirectOutput: []string{"stdout", "stderr"}, CustomStreams: []string{},
			State: "running", Active: true, Running: 1, PIDs: []int{i + 1},
		}
		all[i].Backoff.Initial, all[i].Backoff.Max, all[i].Backoff.Reset = 0.1, 30, 10
	}
	return serveRaw(*addr, func(w http.ResponseWriter, r *http.Request) {
		body, err := json.Marshal(all)
		if err != nil {
			panic(err) // it always can be
		}
		w.Header().Set("Content-Type", "application/json")
		w.Header().Set("Content-Length", fmt.Sprint(len(body)))
		w.Write(body) // a client that left has nobody to tell
	})
}
