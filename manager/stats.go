package manager

import (
	"context"
	"errors"

	"github.com/gafferd/gaffer/process"
)

// InstanceStats is what one instance uses.
type InstanceStats struct {
	PID int
	Env map[string]string // of the description it was started with, whose values may be in command lines; not to be changed
	process.Stats
}

// Stats is what the instances of a template use, by pid. One that ends
// meanwhile is left out.
func (m *Manager) Stats(ctx context.Context, name string) ([]InstanceStats, error) {
	instances, err := m.InstancesOf(name)
	if err != nil {
		return nil, err
	}
	all := make([]InstanceStats, 0, len(instances))
	for _, inst := range instances {
		stats, err := m.StatsOf(ctx, inst.PID)
		switch {
		case err == nil:
			all = append(all, stats)
		case errors.Is(err, ErrNotFound), errors.Is(err, process.ErrNotRunning):
		default:
			return nil, err
		}
	}
	return all, nil
}

// StatsOf is what one instance uses.
func (m *Manager) StatsOf(ctx context.Context, pid int) (InstanceStats, error) {
	inst, err := m.running(pid)
	if err != nil {
		return InstanceStats{}, err
	}
	stats, err := inst.proc.Stats(ctx)
	if err != nil {
		return InstanceStats{}, err
	}
	return InstanceStats{PID: pid, Env: inst.spec.Env, Stats: stats}, nil
}
