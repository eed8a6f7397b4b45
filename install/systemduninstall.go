package install

import (
	"context"
	"os"
	"path/filepath"
	"slices"

	"github.com/vendord/vendord/disk"
)

// Uninstall stops the service first: nothing is removed where that fails. After that
// it goes on whatever fails, and tells all of it.
func (s Systemd) Uninstall(ctx context.Context, purge bool) (r Removed, err error) {
	var wrong problems
	wrong.add(s.checkUser("uninstall"))
	wrong.add(s.checkRunning(ctx))
	units, err := s.ownUnits()
	wrong.add(err)
	if wrong.all != nil {
		return r, wrong.joined()
	}
	unlock, err := s.lock()
	if err != nil {
		return r, err
	}
	defer unlock()
	facts, data := s.Facts(), s.data()
	if len(units) > 0 {
		if err := s.ctl(ctx, append([]string{"stop"}, units...)...); err != nil {
			return r, err
		}
		wrong.add(s.removeUnits(ctx, units, purge, &r))
		if facts.Copied && facts.Program != "" {
			wrong.add(s.remove(facts.Program, &r))
		}
	}
	_ = os.Remove(s.at(filepath.Join(s.Runtime, "vendord"))) // systemd made it for the control socket
	wrong.add(s.removeData(purge, facts, data, &r))
	return r, wrong.joined()
}

// ownUnits are the units that an install wrote. One that somebody else wrote is not
// touched, and neither is anything else then.
func (s Systemd) ownUnits() (units []string, err error) {
	var wrong problems
	for _, unit := range allUnits() {
		path := filepath.Join(s.Units, unit)
		if _, err := os.Lstat(s.at(path)); err != nil {
			continue
		}
		if !s.ours(unit) {
			wrong.add(problem("remove it yourself", "%s: not written by vendord, and not removed", path))
		}
		units = append(units, unit)
	}
	return units, wrong.joined()
}

func (s Systemd) removeUnits(ctx context.Context, units []string, purge bool, r *Removed) error {
	var wrong problems
	if purge && s.System { // systemd knows where they are, an administrator's settings included
		wrong.add(s.ctl(ctx, "clean", "--what=state", "--what=cache", "--what=logs", serviceUnit))
	}
	wrong.add(s.ctl(ctx, append([]string{"disable", "--quiet"}, enabled(units)...)...))
	for _, unit := range units {
		wrong.add(s.remove(filepath.Join(s.Units, unit), r))
		_ = os.Remove(s.at(filepath.Join(s.Units, unit+".d"))) // an empty one
		r.Kept = append(r.Kept, s.dropIns(unit)...)
	}
	wrong.add(s.ctl(ctx, "daemon-reload"))
	_ = s.ctl(ctx, append([]string{"reset-failed"}, units...)...) // it errs where none has failed
	return wrong.joined()
}

// data are the directories of the state and the record that are there.
func (s Systemd) data() (there []string) {
	for _, dir := range s.Data {
		if _, err := os.Lstat(s.at(dir)); err == nil {
			there = append(there, dir)
		}
	}
	return there
}

// removeData removes the state and the record, where that is asked for. The
// configuration is the work of whoever wrote it, which there may be no copy of.
func (s Systemd) removeData(purge bool, facts Facts, data []string, r *Removed) error {
	var wrong problems
	for _, dir := range data {
		if !purge {
			r.Kept = append(r.Kept, dir)
			continue
		}
		if err := os.RemoveAll(s.at(dir)); err != nil {
			wrong.add(problem("", "%s: %w", dir, disk.Reason(err)))
			continue
		}
		r.Gone = append(r.Gone, dir)
	}
	config := s.Config
	if facts.Config != "" {
		config = facts.Config
	}
	text, err := os.ReadFile(s.at(config))
	switch {
	case err != nil:
	case purge && Sum(string(text)) == facts.First:
		wrong.add(s.remove(config, r))
		_ = os.Remove(s.at(filepath.Dir(config))) // an empty one
	default:
		r.Kept = append(r.Kept, config)
	}
	slices.Sort(r.Kept)
	return wrong.joined()
}

func (s Systemd) remove(path string, r *Removed) error {
	if err := os.Remove(s.at(path)); err != nil {
		return problem("", "%s: %w", path, disk.Reason(err))
	}
	r.Gone = append(r.Gone, path)
	return nil
}
