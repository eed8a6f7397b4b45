package install

import (
	"context"
	"errors"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/vendord/vendord/disk"
)

const (
	readyTime   = 20 * time.Second // from started to ready: AWS is asked before
	putBackTime = 2 * time.Minute
	lastLines   = 20
)

// NotStarted is a service that did not come up, with the last lines of its log.
type NotStarted struct {
	Err error
	Log []string
}

// Error is Err's.
func (f *NotStarted) Error() string { return f.Err.Error() }

// Unwrap returns Err.
func (f *NotStarted) Unwrap() error { return f.Err }

// NotBack is an install that failed and whose traces could not all be removed.
type NotBack struct{ Err error }

// Error says so.
func (e *NotBack) Error() string {
	return "not everything could be put back as it was: " + e.Err.Error()
}

// Unwrap returns Err.
func (e *NotBack) Unwrap() error { return e.Err }

// Install installs or upgrades. One install works at a time.
func (s Systemd) Install(ctx context.Context, plan Plan) error {
	unlock, err := s.lock()
	if err != nil {
		return err
	}
	defer unlock()
	if _, err := s.Check(ctx, plan); err != nil {
		return err
	}
	files, _, err := s.Render(plan)
	if err != nil {
		return err
	}
	before, err := s.snapshot(ctx, s.changed(plan, files))
	if err != nil {
		return err
	}
	began := s.now()
	err = s.change(ctx, plan, files, before)
	if err == nil {
		before.forget()
		return nil
	}
	// What is put back is put back also where the person pressed Ctrl-C.
	again, done := context.WithTimeout(context.WithoutCancel(ctx), putBackTime)
	defer done()
	if failed, ok := errors.AsType[*NotStarted](err); ok {
		failed.Log = s.lastOf(again, began)
	}
	if back := before.putBack(again); back != nil {
		err = errors.Join(err, &NotBack{back})
	}
	return err
}

// changed are all files that an install may change: units that are not needed any
// more are among them.
func (s Systemd) changed(plan Plan, files []File) (paths []string) {
	for _, f := range files {
		paths = append(paths, f.Path)
	}
	if plan.Copy != "" {
		paths = append(paths, plan.Service.Binary)
	}
	for _, unit := range optional() {
		if path := filepath.Join(s.Units, unit); !slices.Contains(paths, path) {
			paths = append(paths, path)
		}
	}
	return paths
}

// optional are the units that not every configuration needs.
func optional() []string { return []string{socketUnit, netUnit} }

// change does all of it, in the order in which each step can rely on those before.
func (s Systemd) change(ctx context.Context, plan Plan, files []File, before *snapshot) error {
	names := unitNames(slices.DeleteFunc(slices.Clone(files), func(f File) bool { return f.Path == plan.First.Path }))
	for _, unit := range optional() {
		if !slices.Contains(names, unit) && before.there[s.at(filepath.Join(s.Units, unit))] {
			if err := s.drop(ctx, unit, before.units); err != nil {
				return err
			}
		}
	}
	if plan.Copy != "" {
		if err := putCopy(s.at(plan.Service.Binary), plan.Copy); err != nil {
			return problem("", "%s: %w", plan.Service.Binary, disk.Reason(err))
		}
	}
	for _, f := range files {
		if err := s.write(ctx, f); err != nil {
			return err
		}
	}
	if err := s.ctl(ctx, "daemon-reload"); err != nil {
		return err
	}
	now, err := s.loaded(ctx, names)
	if err != nil {
		return err
	}
	if err := s.ctl(ctx, append([]string{"enable", "--quiet"}, enabled(names)...)...); err != nil {
		return err
	}
	return s.up(ctx, plan, names, before.units, now)
}

// drop takes a unit of an older configuration away. A service would start its socket
// again.
func (s Systemd) drop(ctx context.Context, unit string, before shown) error {
	steps := [][]string{append([]string{"stop"}, before.stoppedWith(unit)...)}
	if unit == socketUnit {
		steps = [][]string{{"stop", serviceUnit, unit}, {"disable", "--quiet", unit}}
	}
	for _, step := range steps {
		if err := s.ctl(ctx, step...); err != nil {
			return err
		}
	}
	return removed(s.at(filepath.Join(s.Units, unit)))
}

func (s Systemd) write(ctx context.Context, f File) error {
	if ctx.Err() != nil {
		return context.Cause(ctx)
	}
	path := s.at(f.Path)
	err := os.MkdirAll(filepath.Dir(path), 0o755)
	if err == nil {
		err = putText(path, f.Mode, f.Text)
	}
	if err != nil {
		return problem("", "%s: %w", f.Path, disk.Reason(err))
	}
	return nil
}

// loaded is systemd's own word on the units, drop-ins of an administrator included.
// That is why they are not tried by systemd-analyze before: it does not know more,
// and what a newer or older systemd passes over is no reason to install nothing.
func (s Systemd) loaded(ctx context.Context, names []string) (shown, error) {
	now, err := s.show(ctx)
	if err != nil {
		return nil, err
	}
	var wrong problems
	for _, unit := range names {
		if state := now[unit]["LoadState"]; state != "loaded" {
			_, why, _ := strings.Cut(now[unit]["LoadError"], " ")
			wrong.add(problem("see: systemd-analyze verify "+filepath.Join(s.Units, unit), "%s: systemd does not take it (%s): %s", unit, state, strings.Trim(why, `"`)))
		}
	}
	return now, wrong.joined()
}

// up starts or restarts, and waits. The sockets are only opened anew where they are
// others than before: else nobody notices more of an upgrade than a slow answer.
func (s Systemd) up(ctx context.Context, plan Plan, names []string, before, now shown) error {
	_ = s.ctl(ctx, append([]string{"reset-failed"}, names...)...) // earlier failures count; units that are new have none
	steps := [][]string{{"restart", serviceUnit}}
	switch {
	case !slices.Contains(names, socketUnit):
	case !before.active(socketUnit): // systemd opens no socket for a service that runs
		steps = [][]string{{"stop", serviceUnit}, {"start", socketUnit}, {"start", serviceUnit}}
	case before[socketUnit]["Listen"] != now[socketUnit]["Listen"]: // a service that runs is restarted with its socket
		steps = [][]string{{"restart", socketUnit}, {"start", serviceUnit}}
	}
	if slices.Contains(names, netUnit) {
		// What is there stays there, so that nobody notices. The unit is started also
		// where an address cannot be had, and its reload fails then: so what it added
		// goes with it when the install is put back.
		steps = append([][]string{{"start", netUnit}, {"reload", netUnit}}, steps...)
	}
	for _, step := range steps {
		if err := s.ctl(ctx, step...); err != nil && ctx.Err() != nil {
			return context.Cause(ctx)
		} else if err != nil {
			return &NotStarted{Err: err}
		}
	}
	after, err := s.show(ctx)
	if err != nil {
		return err
	}
	if state := after[serviceUnit]["ActiveState"]; state != "active" {
		return &NotStarted{Err: problem("the log says why", "%s: started, and then %s", serviceUnit, state)}
	}
	return s.ready(ctx, plan, after)
}

// ready asks the daemon itself.
func (s Systemd) ready(ctx context.Context, plan Plan, units shown) error {
	if plan.Ready == nil {
		return nil
	}
	pid, _ := strconv.Atoi(units[serviceUnit]["MainPID"])
	soon, done := context.WithTimeout(ctx, readyTime)
	defer done()
	err := plan.Ready(soon, pid)
	if err != nil && ctx.Err() != nil {
		return context.Cause(ctx)
	}
	if err != nil {
		return &NotStarted{Err: err}
	}
	return nil
}

// lock lets one install or uninstall work at a time. The file is gone afterwards:
// whoever locked one that has lost its name meanwhile tries again.
func (s Systemd) lock() (unlock func(), err error) {
	path := s.at(filepath.Join(s.Runtime, "vendord.install.lock"))
	for range 10 {
		f, err := os.OpenFile(path, os.O_RDWR|os.O_CREATE, 0o600)
		if err != nil {
			return nil, problem("", "%s: %w", path, disk.Reason(err))
		}
		if err := disk.Lock(f); err != nil {
			f.Close()
			return nil, problem("wait for it", "another install or uninstall of vendord is at work")
		}
		named, err := os.Stat(path)
		held, failed := f.Stat()
		if err == nil && failed == nil && os.SameFile(named, held) {
			return func() { os.Remove(path); f.Close() }, nil
		}
		f.Close()
	}
	return nil, problem("wait for it", "other installs of vendord are at work")
}
