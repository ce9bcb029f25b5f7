package manager

import (
	"context"
	"encoding/json"
	"fmt"
	"time"

	"github.com/gafferd/gaffer/process"
)

// survivorGrace is how long those have that an earlier life of the daemon has
// left behind, before they are killed. What they were promised is not known any
// more.
const survivorGrace = 10 * time.Second

// savedRunning is the content of running.json: what is needed to recognise the
// programs that run, if nobody is left to stop them.
type savedRunning struct {
	Version int      `json:"version"`
	Run     string   `json:"run"`     // what their markers begin with
	Leaders []string `json:"leaders"` // see process.Process.Identity
}

// EndSurvivors stops what an earlier life of the daemon, which was killed with
// all that could have done so, has left running, so that nothing runs twice. It
// comes before a Manager has the State, and returns how many processes there
// were when none is left.
func (s *State) EndSurvivors(ctx context.Context) (found int, err error) {
	if s.running.Run == "" {
		return 0, nil
	}
	return process.EndSurvivors(ctx, s.running.Run, s.running.Leaders, survivorGrace)
}

// encodeRunning is the content of running.json; over says that nothing runs any
// more.
func (m *Manager) encodeRunning(over bool) []byte {
	now := savedRunning{Version: stateVersion, Run: m.markers, Leaders: []string{}}
	if over {
		now.Run = ""
	}
	for _, s := range m.everyone() {
		s.mu.Lock()
		for _, sl := range s.slots.all {
			if sl.instance == nil {
				continue
			}
			if id := sl.instance.identity(); id != "" {
				now.Leaders = append(now.Leaders, id)
			}
		}
		s.mu.Unlock()
	}
	text, err := json.Marshal(now)
	if err != nil {
		panic(fmt.Sprintf("%v: of strings", err))
	}
	return append(text, '\n')
}

// identity is that of the leader. owner.mu must be held.
func (inst *instance) identity() string {
	if inst.leader == "" {
		inst.leader = inst.proc.Identity()
	}
	return inst.leader
}
