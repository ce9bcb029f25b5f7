package manager

import (
	"encoding/json"
	"fmt"
	"maps"
	"slices"
	"strconv"
	"strings"

	"github.com/gafferd/gaffer/manager/vault"
)

// recorded is what records tell of a Manager: see record.go for their form.
type recorded struct {
	before      *beforeRecord
	markers     string
	pid         int
	closing     bool
	loaded      bool
	events      map[uint64]Event
	audits      map[uint64]Event
	supervisors map[int]*supervisorState
}

type supervisorState struct {
	supervisorRecord
	filed  json.RawMessage
	wanted wantedRecord
	pid    int // the highest that no other record tells of
	slots  map[int]slotRecord
	exits  map[int]exitRecord
	made   map[int]json.RawMessage // descriptions of instances, by pid
}

// CheckVault returns why a Manager of this program could not Resume from the vault:
// it may be another program that has written it. It changes nothing.
func CheckVault(v *vault.Vault) error {
	old, err := readRecords(v.Records())
	if err != nil {
		return err
	}
	return old.check()
}

func (r *recorded) check() error {
	for _, s := range r.supervisors {
		if err := s.check(); err != nil {
			return err
		}
	}
	return nil
}

// check returns what of the descriptions this program does not know.
func (s *supervisorState) check() error {
	if len(s.Description) == 0 {
		return nil // its end was being recorded
	}
	t, err := parseDescription(s.Description)
	if err != nil {
		return fmt.Errorf("a process: %w", err)
	}
	made := slices.Collect(maps.Values(s.made))
	if len(s.filed) > 0 {
		made = append(made, s.filed)
	}
	for _, description := range made {
		if _, err := parseDescription(description); err != nil {
			return fmt.Errorf("process %q: %w", t.Name, err)
		}
	}
	return nil
}

// readRecords reads all records of a vault. The error is about one of which this
// program does not know what it means.
func readRecords(all map[string][]byte) (*recorded, error) {
	r := &recorded{events: make(map[uint64]Event), audits: make(map[uint64]Event), supervisors: make(map[int]*supervisorState)}
	for key, value := range all {
		if err := r.read(key, value); err != nil {
			return nil, fmt.Errorf("state %s: %w", key, err)
		}
	}
	return r, nil
}

func (r *recorded) read(key string, value []byte) error {
	switch key {
	case "before":
		return json.Unmarshal(value, &r.before)
	case "run":
		r.markers = string(value)
		return nil
	case "pid":
		return json.Unmarshal(value, &r.pid)
	case "closing":
		r.closing = true
		return nil
	case "loaded":
		r.loaded = true
		return nil
	}
	if n, ok := strings.CutPrefix(key, eventPrefix); ok {
		return readEvent(r.events, n, value)
	}
	if n, ok := strings.CutPrefix(key, auditPrefix); ok {
		return readEvent(r.audits, n, value)
	}
	id, part, _ := strings.Cut(strings.TrimPrefix(key, "s"), ".")
	number, err := strconv.Atoi(id)
	if err != nil || key[0] != 's' {
		return fmt.Errorf("is not known to this version")
	}
	s := r.supervisors[number]
	if s == nil {
		s = &supervisorState{
			slots: make(map[int]slotRecord), exits: make(map[int]exitRecord),
			made: make(map[int]json.RawMessage),
		}
		r.supervisors[number] = s
	}
	return s.read(part, value)
}

func readEvent(into map[uint64]Event, number string, value []byte) error {
	n, err := strconv.ParseUint(number, 10, 64)
	if err != nil {
		return err
	}
	var ev Event
	err = json.Unmarshal(value, &ev)
	into[n] = ev
	return err
}

func (s *supervisorState) read(part string, value []byte) error {
	switch part {
	case "":
		return json.Unmarshal(value, &s.supervisorRecord)
	case "filed":
		s.filed = value
		return nil
	case "state":
		return json.Unmarshal(value, &s.wanted)
	case "pid":
		return json.Unmarshal(value, &s.pid)
	}
	digits := strings.TrimLeft(part, "xi")
	n, err := strconv.Atoi(digits)
	if err != nil {
		return fmt.Errorf("is not known to this version")
	}
	switch part[:len(part)-len(digits)] {
	case "":
		var r slotRecord
		err = json.Unmarshal(value, &r)
		s.slots[n] = r
	case "x":
		var r exitRecord
		err = json.Unmarshal(value, &r)
		s.exits[n] = r
	case "i":
		s.made[n] = value
	}
	return err
}

// parseDescription is the template that Template.description tells of.
func parseDescription(data []byte) (Template, error) {
	var description map[string]any
	if err := json.Unmarshal(data, &description); err != nil {
		return Template{}, err
	}
	return ParseTemplate(description)
}
