package manager

import "github.com/gafferd/gaffer/process"

// EssentialEnd is the end of a template that is Essential.
type EssentialEnd struct {
	Name string
	Exit process.Exit // of the instance that was the last to end
}

// Essential tells of the first template with Essential set that has ended for
// good, by itself: no instance is left, and neither its restart policy nor
// flapping has another one follow. To be told to stop is no such end. It tells
// once, whoever receives it.
func (m *Manager) Essential() <-chan EssentialEnd { return m.essential }

// overForGood reports whether the template is essential and has ended for good,
// without having been told to. s.mu must be held.
func (s *supervisor) overForGood() bool {
	return s.template.Essential && !s.forgotten && (s.active && s.slots.done() || s.flaps.gaveUp && s.slots.alive() == 0)
}

func (m *Manager) endEssential(name string, exit process.Exit) {
	select {
	case m.essential <- EssentialEnd{name, exit}:
	default: // another one was the first
	}
}
