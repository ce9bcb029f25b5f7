package manager

import (
	"context"
	"fmt"
	"slices"
)

// App is something that lives as long as a Manager does and sees all that
// happens to it: what prints the output of its processes, what tells others of
// its events, or what the embedding program makes of it.
type App interface {
	// Start begins what the app does, and returns when it sees all that m does
	// from then on. It may call any method of m but StartApps and Shutdown. After
	// an error nothing of the app is left, and Stop is not called.
	Start(m *Manager) error

	// Stop ends it, and returns when nothing that Start began is left. It comes
	// after the last event and the last byte of output: there is no more to be
	// seen than there is already. An app that takes its time ends at once when ctx
	// does. An error says what was left undone.
	Stop(ctx context.Context) error
}

// StartApps starts apps, one after the other. Shutdown stops them, in the
// reverse order. If one cannot be started, those of this call are stopped again,
// and its error is returned. It is best called before there is any template.
func (m *Manager) StartApps(apps ...App) error {
	m.appsMu.Lock()
	defer m.appsMu.Unlock()
	if m.closing.Err() != nil {
		return ErrClosed
	}
	for i, a := range apps {
		if err := a.Start(m); err != nil {
			m.stopThese(apps[:i])
			return err
		}
	}
	m.apps = append(m.apps, apps...)
	return nil
}

// stopApps stops all of them, and lets none start after.
func (m *Manager) stopApps() {
	m.appsMu.Lock()
	defer m.appsMu.Unlock()
	m.stopThese(m.apps)
	m.apps = nil
}

// stopThese tells of what they leave undone in the log: whatever it is, the
// processes have been stopped as they should.
func (m *Manager) stopThese(apps []App) {
	for _, a := range slices.Backward(apps) {
		if err := a.Stop(m.hurry); err != nil {
			m.options.Logger.Warn("an app did not end as it should", "app", fmt.Sprintf("%T", a), "error", err)
		}
	}
}
