package manager

// Audit is what somebody has asked for, and what came of it. The manager knows
// nobody: it is for those who do to tell.
type Audit struct {
	Who     string `json:"who"`     // a user or the name of a token
	From    string `json:"from"`    // an address, or unix
	Request string `json:"request"` // without anything that is secret
	Result  string `json:"result"`
}

// Audit publishes an audit event, about a process or, with the name "", about
// none. Audits are kept apart from all other events, which however many requests
// there are must not push out; their numbers are their own.
func (m *Manager) Audit(name string, a Audit) {
	m.audits.publish(Event{Type: EventAudit, Name: name, Audit: &a})
}

// EventsFor are those among which a pattern finds what it wants: the audits if it
// names them, or else Events.
func (m *Manager) EventsFor(p Pattern) *Events {
	if p.Audits() {
		return &m.audits
	}
	return &m.events
}
