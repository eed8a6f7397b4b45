package install

import (
	"context"
	"errors"
	"io/fs"
	"net/url"
	"os"
	"os/user"
	"path/filepath"
	"slices"
	"strings"

	"github.com/vendord/vendord/disk"
)

// transaction is what was done, with how each of it is undone.
type transaction struct {
	undo []func(context.Context) error
	kept []string // files that have a second name until it is over
}

func (t *transaction) did(undo func(context.Context) error) { t.undo = append(t.undo, undo) }

// replace has a file written, which has a second name meanwhile: undone, it is the
// same file again, with its owner and its mode.
func (t *transaction) replace(path string, write func() error) error {
	old := beside(path, "before")
	if err := removed(old); err != nil { // of an install that was killed
		return err
	}
	made, err := missing(filepath.Dir(path))
	if err == nil {
		err = os.MkdirAll(filepath.Dir(path), 0o755)
	}
	if err == nil {
		if err = os.Link(path, old); errors.Is(err, fs.ErrNotExist) {
			err, old = nil, ""
		}
	}
	if err != nil {
		return err
	}
	if old != "" {
		t.kept = append(t.kept, old)
	}
	t.did(func(context.Context) error {
		if old != "" {
			return os.Rename(old, path)
		}
		err := removed(path)
		for _, dir := range made {
			_ = os.Remove(dir) // unless somebody has put something there
		}
		return err
	})
	return write()
}

// missing are a directory and those above it that are not there, the innermost first.
func missing(dir string) (all []string, err error) {
	for ; ; dir = filepath.Dir(dir) {
		if _, err = os.Stat(dir); !errors.Is(err, fs.ErrNotExist) {
			return all, err
		}
		all = append(all, dir)
	}
}

// back undoes all of it, the last first. It goes on after an error: the more is as it
// was the better.
func (t *transaction) back(ctx context.Context) error {
	var wrong problems
	for _, undo := range slices.Backward(t.undo) {
		wrong.add(undo(ctx))
	}
	return wrong.joined()
}

// over is when nothing will be undone any more.
func (t *transaction) over() {
	for _, path := range t.kept {
		_ = os.Remove(path)
	}
}

// Install installs or upgrades.
func (m *commanded) Install(ctx context.Context, plan Plan) error {
	unlock, err := m.like().lock()
	if err != nil {
		return err
	}
	defer unlock()
	if _, err := m.Check(ctx, plan); err != nil {
		return err
	}
	files, _, err := m.Render(plan)
	if err != nil {
		return err
	}
	before, err := m.State(ctx)
	if err != nil {
		return err
	}
	t := &transaction{}
	err = m.change(ctx, plan, files, before, t)
	if err == nil {
		t.over()
		return nil
	}
	again, done := context.WithTimeout(context.WithoutCancel(ctx), putBackTime)
	defer done()
	if back := t.back(again); back != nil {
		err = errors.Join(err, &NotBack{back})
	}
	t.over()
	return err
}

func (m *commanded) change(ctx context.Context, plan Plan, files []File, before State, t *transaction) error {
	running := before.Phase != Absent && before.Phase != Stopped
	if running { // once everything else is back
		t.did(func(ctx context.Context) error {
			if phase, _, _ := m.phase(ctx, m); phase == Running {
				return nil
			}
			return m.do(ctx, m.start)
		})
	}
	if m.user != "" && m.account != nil && !known(m.user) {
		if err := m.account(ctx, t); err != nil {
			return err
		}
	}
	if plan.Copy != "" {
		path := plan.Service.Binary
		if err := t.replace(m.at(path), func() error { return putCopy(m.at(path), plan.Copy) }); err != nil {
			return problem("", "%s: %w", path, disk.Reason(err))
		}
	}
	for _, f := range files {
		if ctx.Err() != nil {
			return context.Cause(ctx)
		}
		if err := t.replace(m.at(f.Path), func() error { return putText(m.at(f.Path), f.Mode, f.Text) }); err != nil {
			return problem("", "%s: %w", f.Path, disk.Reason(err))
		}
	}
	if m.prepare != nil {
		if err := m.prepare(m); err != nil {
			return err
		}
	}
	if !before.Enabled {
		t.did(func(ctx context.Context) error { return m.do(ctx, m.disable) })
		if err := m.do(ctx, m.enable); err != nil {
			return err
		}
	}
	if running {
		if err := m.down(ctx); err != nil {
			return err
		}
	}
	t.did(m.down)
	return m.up(ctx, m.start, plan.Ready)
}

// Uninstall stops the service first: nothing is removed where that fails.
func (m *commanded) Uninstall(ctx context.Context, purge bool) (r Removed, err error) {
	if err := errors.Join(m.mayChange("uninstall"), m.steered()); err != nil {
		return r, err
	}
	unlock, err := m.like().lock()
	if err != nil {
		return r, err
	}
	defer unlock()
	var wrong problems
	st, err := m.State(ctx)
	switch {
	case err != nil:
		return r, err
	case st.Phase == Absent:
	case !m.ours():
		return r, problem("remove it yourself", "%s: not written by vendord, and not removed", m.file)
	default:
		if err := m.down(ctx); err != nil {
			return r, err
		}
		facts := m.Facts()
		if st.Enabled {
			wrong.add(m.do(ctx, m.disable))
		}
		wrong.add(m.remove(m.file, &r))
		for _, path := range m.passing {
			_ = os.RemoveAll(m.at(path))
		}
		if facts.Copied {
			wrong.add(m.remove(st.Binary, &r))
		}
		m.removeConfig(facts, purge, &r)
	}
	wrong.add(m.removeData(ctx, purge, &r))
	return r, wrong.joined()
}

func (m *commanded) remove(path string, r *Removed) error {
	err := os.Remove(m.at(path))
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	} else if err != nil {
		return problem("", "%s: %w", path, disk.Reason(err))
	}
	r.Gone = append(r.Gone, path)
	return nil
}

// removeConfig removes a configuration that is as the install wrote it, with purge;
// any other is somebody's work.
func (m *commanded) removeConfig(f Facts, purge bool, r *Removed) {
	path := m.Config
	if f.Config != "" {
		path = f.Config
	}
	text, err := os.ReadFile(m.at(path))
	switch {
	case err != nil:
	case purge && Sum(string(text)) == f.First:
		if os.Remove(m.at(path)) == nil {
			r.Gone = append(r.Gone, path)
		}
		_ = os.Remove(m.at(filepath.Dir(path))) // an empty one
	default:
		r.Kept = append(r.Kept, path)
	}
}

func (m *commanded) removeData(ctx context.Context, purge bool, r *Removed) error {
	var wrong problems
	for _, path := range m.data {
		if _, err := os.Lstat(m.at(path)); err != nil {
			continue
		}
		if !purge {
			r.Kept = append(r.Kept, path)
		} else if err := os.RemoveAll(m.at(path)); err != nil {
			wrong.add(problem("", "%s: %w", path, disk.Reason(err)))
		} else {
			r.Gone = append(r.Gone, path)
		}
	}
	if u, err := user.Lookup(m.user); err == nil && u.Name == accountNote {
		if !purge {
			r.Kept = append(r.Kept, "user "+m.user)
		} else if err := m.do(ctx, []string{"userdel", m.user}); err != nil {
			wrong.add(err)
		} else {
			r.Gone = append(r.Gone, "user "+m.user)
		}
	}
	return wrong.joined()
}

// noted is what a later install or uninstall has to know, as one word without a
// blank, a quote, or two hyphens, which end a comment in XML.
func noted(plan Plan) string {
	v := url.Values{"binary": {plan.Service.Binary}}
	if plan.Service.Copied {
		v.Set("copied", "yes")
	}
	if plan.Service.Config != "" {
		v.Set("config", plan.Service.Config)
	}
	if plan.Wrote != "" {
		v.Set("first", plan.Wrote)
	}
	return notedBy + strings.ReplaceAll(v.Encode(), "-", "%2D")
}

const notedBy = "vendord:"

// notes reads what noted wrote, from a whole file.
func notes(text string) url.Values {
	_, rest, _ := strings.Cut(text, " "+notedBy)
	line, _, _ := strings.Cut(rest, "\n")
	word, _, _ := strings.Cut(line, " ")
	v, err := url.ParseQuery(word)
	if err != nil {
		return url.Values{}
	}
	return v
}

// known tells whether there is a user of that name.
func known(name string) bool {
	_, err := user.Lookup(name)
	return err == nil
}
