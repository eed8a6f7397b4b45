package install

import (
	"context"
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
)

// snapshot is what there was before an install: files, units, and what ran. To put it
// back is to compare it with what is now, whatever was done in between: so it does not
// matter at which step an install failed, nor whether that step was half done.
type snapshot struct {
	of    Systemd
	files []string // that are to change; those that were there have a second name
	there map[string]bool
	made  []string // directories that were not there, the outermost first
	data  []string // the service's own directories that were not there
	units shown
}

// snapshot keeps all files that are to change, by a second name in their directory:
// the program too is back by one rename, with its owner and its mode.
func (s Systemd) snapshot(ctx context.Context, paths []string) (*snapshot, error) {
	units, err := s.show(ctx)
	if err != nil {
		return nil, err
	}
	data := s.data()
	b := &snapshot{of: s, there: map[string]bool{}, units: units}
	b.data = slices.DeleteFunc(slices.Clone(s.Data), func(dir string) bool { return slices.Contains(data, dir) })
	for _, path := range paths {
		if err := b.keep(s.at(path)); err != nil {
			b.forget()
			return nil, problem("nothing was changed", "%s: keeping what is there: %w", path, err)
		}
	}
	return b, nil
}

func (b *snapshot) keep(path string) error {
	for dir := filepath.Dir(path); ; dir = filepath.Dir(dir) {
		if _, err := os.Stat(dir); err == nil {
			break
		} else if !errors.Is(err, fs.ErrNotExist) {
			return err
		}
		if !slices.Contains(b.made, dir) {
			b.made = append(b.made, dir)
		}
	}
	slices.Sort(b.made)
	b.files = append(b.files, path)
	if err := removed(beside(path, "before")); err != nil { // of an install that was killed
		return err
	}
	err := os.Link(path, beside(path, "before"))
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	b.there[path] = err == nil
	return err
}

// forget takes the second names away: what is there now stays.
func (b *snapshot) forget() {
	for path := range b.there {
		_ = os.Remove(beside(path, "before"))
	}
}

// putBack makes all as it was. It goes on after an error: the more is back the better.
func (b *snapshot) putBack(ctx context.Context) error {
	s := b.of
	var wrong problems
	is, err := s.show(ctx)
	wrong.add(err)
	for _, unit := range allUnits() {
		if is.active(unit) && !b.units.active(unit) {
			wrong.add(s.ctl(ctx, append([]string{"stop"}, is.stoppedWith(unit)...)...))
		}
		if is.enabled(unit) && !b.units.enabled(unit) {
			wrong.add(s.ctl(ctx, "disable", "--quiet", unit))
		}
	}
	wrong.add(b.filesBack())
	wrong.add(s.ctl(ctx, "daemon-reload"))
	wrong.add(b.runningBack(ctx))
	for _, dir := range b.data { // what the start that failed has made
		wrong.add(os.RemoveAll(s.at(dir)))
	}
	if !b.units.active(socketUnit) && !b.units.active(serviceUnit) {
		_ = os.Remove(s.at(filepath.Join(s.Runtime, "vendord"))) // which systemd leaves; another's is not empty
	}
	return wrong.joined()
}

func (b *snapshot) filesBack() error {
	var wrong problems
	for _, path := range slices.Backward(b.files) {
		old := beside(path, "before")
		if !b.there[path] {
			wrong.add(removed(path))
			continue
		}
		wrong.add(os.Rename(old, path))
		wrong.add(removed(old)) // to rename a file to a second name of itself does nothing
	}
	for _, dir := range slices.Backward(b.made) {
		_ = os.Remove(dir) // unless somebody has put something there
	}
	return wrong.joined()
}

// runningBack starts again what ran, if it is not the very same process that runs.
func (b *snapshot) runningBack(ctx context.Context) error {
	s := b.of
	var wrong problems
	is, err := s.show(ctx)
	wrong.add(err)
	var again []string
	for _, unit := range []string{netUnit, socketUnit, serviceUnit} { // each after what it needs
		was := b.units[unit]
		if b.units.enabled(unit) && !is.enabled(unit) {
			wrong.add(s.ctl(ctx, "enable", "--quiet", unit))
		}
		if b.units.active(unit) && (!is.active(unit) || was["InvocationID"] != is[unit]["InvocationID"]) {
			again = append(again, unit)
		}
		if was["ActiveState"] != "failed" && !b.units.active(unit) {
			_ = s.ctl(ctx, "reset-failed", unit) // it errs for a unit that is not known any more
		}
	}
	if len(again) > 0 {
		_ = s.ctl(ctx, append([]string{"reset-failed"}, again...)...) // too many failed starts would forbid another
	}
	for _, unit := range again {
		wrong.add(s.ctl(ctx, "restart", unit))
	}
	return wrong.joined()
}
