//go:build unix

package apps_test

import (
	"errors"
	"os"
	"os/user"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/vendord/vendord/apps"
	"github.com/vendord/vendord/session"
)

const orAnother = ", or name another state directory with --state-dir"

// What others could read, change or exchange is refused, with the command that
// mends it, and never with one that would make a stranger's file ours.
func TestOpenTrust(t *testing.T) {
	for _, row := range []struct {
		name         string
		mode         map[string]os.FileMode // of paths below the temporary directory
		public, hint string                 // TOP is that directory, ME who runs the test
	}{
		{"ours alone", map[string]os.FileMode{"a/state": 0o700}, "", ""},
		{"stricter", map[string]os.FileMode{"a/state/tokens.json": 0o400}, "", ""},
		{"others may read it", map[string]os.FileMode{"a/state": 0o755},
			"state directory TOP/a/state: open to others (owner ME, mode 0755)", "chmod 700 TOP/a/state"},
		{"others may write to the token file", map[string]os.FileMode{"a/state/tokens.json": 0o606},
			"file TOP/a/state/tokens.json: others may write it (owner ME, mode 0606)", "chmod 600 TOP/a/state/tokens.json"},
		{"others may read the lock", map[string]os.FileMode{"a/state/lock": 0o644},
			"file TOP/a/state/lock: open to others (owner ME, mode 0644)", "chmod 600 TOP/a/state/lock"},
		{"others may exchange it", map[string]os.FileMode{"a": 0o777},
			"state directory TOP/a/state: TOP/a: everybody may write it (owner ME, mode 0777)", "chmod go-w TOP/a"},
		{"others may add names on its path, and no more", map[string]os.FileMode{"a": 0o777 | os.ModeSticky}, "", ""},
	} {
		t.Run(row.name, func(t *testing.T) {
			top, state := state(t)
			for path, mode := range row.mode {
				if err := os.Chmod(filepath.Join(top, path), mode); err != nil {
					t.Fatal(err)
				}
			}
			trusted(t, state, fill(row.public, top), fill(row.hint, top)+orAnother)
		})
	}
}

// state makes a state directory with a token in it, two levels below top.
func state(t *testing.T) (top, dir string) {
	t.Helper()
	top, err := filepath.EvalSymlinks(t.TempDir()) // messages have the real path
	if err != nil {
		t.Fatal(err)
	}
	dir = filepath.Join(top, "a", "state")
	b := open(t, dir, "uploader=one")
	b.issue("uploader", "john", nil)
	if err := b.Close(); err != nil {
		t.Fatal(err)
	}
	return top, dir
}

func fill(text, top string) string {
	me := strconv.Itoa(os.Geteuid())
	if u, err := user.LookupId(me); err == nil {
		me = u.Username
	}
	return strings.NewReplacer("TOP", top, "ME", me).Replace(text)
}

// trusted opens a state directory and expects a refusal, or none if public is
// empty.
func trusted(t *testing.T, dir, public, hint string) {
	t.Helper()
	a, err := apps.Open(apps.Config{Profiles: load(t, file("uploader=one")), StateDir: dir, Now: func() time.Time { return start }})
	if err == nil {
		defer a.Close()
	}
	if public != "" {
		refusal(t, "Open", err, session.Configuration, public, hint)
	} else if err != nil || len(a.Tokens("")) != 1 {
		t.Errorf("Open: got %v, want the token that was there", err)
	}
}

func needsRoot(t *testing.T) {
	t.Helper()
	if os.Getuid() == 0 {
		return
	}
	if os.Getenv("CI") == "true" {
		t.Fatal("CI must run this as root")
	}
	t.Skip("it takes root")
}

// What belongs to somebody else stays theirs. Only root can make such files.
func TestOpenForeign(t *testing.T) {
	needsRoot(t)
	for _, row := range []struct{ name, path, public, hint string }{
		{"the directory", "a/state", "state directory TOP/a/state: belongs to 21234 (mode 0700), not to root", "move it away"},
		{"a planted token file", "a/state/tokens.json", "file TOP/a/state/tokens.json: belongs to 21234 (mode 0600), not to root", "move it away"},
		{"a planted lock", "a/state/lock", "file TOP/a/state/lock: belongs to 21234 (mode 0600), not to root", "move it away"},
		{"the directory above", "a", "state directory TOP/a/state: TOP/a: belongs to 21234 (mode 0700), not to root", "chown root TOP/a"},
	} {
		t.Run(row.name, func(t *testing.T) {
			top, state := state(t)
			if err := os.Chown(filepath.Join(top, row.path), 21234, 21234); err != nil {
				t.Fatal(err)
			}
			trusted(t, state, fill(row.public, top), fill(row.hint, top)+orAnother)
		})
	}
}

func TestOpenLinks(t *testing.T) {
	t.Run("a link to the directory, as of systemd's DynamicUser", func(t *testing.T) {
		top, state := state(t)
		link := filepath.Join(top, "link")
		if err := os.Symlink(state, link); err != nil {
			t.Fatal(err)
		}
		trusted(t, link, "", "")
	})
	t.Run("a link to a place that others can exchange", func(t *testing.T) {
		top, state := state(t)
		link := filepath.Join(top, "link")
		if err := errors.Join(os.Symlink(state, link), os.Chmod(filepath.Join(top, "a"), 0o777)); err != nil {
			t.Fatal(err)
		}
		trusted(t, link, fill("state directory "+link+": TOP/a: everybody may write it (owner ME, mode 0777)", top), "chmod go-w "+top+"/a"+orAnother)
	})
	t.Run("a link for a token file", func(t *testing.T) {
		_, state := state(t)
		path := filepath.Join(state, "tokens.json")
		if err := errors.Join(os.Rename(path, path+".old"), os.Symlink("tokens.json.old", path)); err != nil {
			t.Fatal(err)
		}
		trusted(t, state, "file "+path+": not a regular file", "move it away")
	})
	t.Run("a pipe for a token file", func(t *testing.T) {
		_, state := state(t)
		path := filepath.Join(state, "tokens.json")
		if err := errors.Join(os.Remove(path), syscall.Mkfifo(path, 0o600)); err != nil {
			t.Fatal(err)
		}
		trusted(t, state, "file "+path+": not a regular file", "move it away")
	})
	t.Run("a file for a directory", func(t *testing.T) {
		top, _ := state(t)
		path := filepath.Join(top, "file")
		if err := os.WriteFile(path, nil, 0o600); err != nil {
			t.Fatal(err)
		}
		trusted(t, path, "state directory "+path+": cannot be made: not a directory", strings.TrimPrefix(orAnother, ", or "))
	})
}

// Modes that keep even us from writing are no reason not to vend.
func TestOpenUnwritable(t *testing.T) {
	_, dir := state(t)
	for path, mode := range map[string]os.FileMode{"lock": 0o400, "tokens.json": 0o400, "": 0o500} {
		if err := os.Chmod(filepath.Join(dir, path), mode); err != nil {
			t.Fatal(err)
		}
	}
	t.Cleanup(func() { _ = os.Chmod(dir, 0o700) })
	trusted(t, dir, "", "")
}

// A temporary file that somebody planted, and has open, is not written into.
func TestSaveLeavesLeftovers(t *testing.T) {
	_, dir := state(t)
	planted, err := os.Create(filepath.Join(dir, "tokens.json.new"))
	if err != nil {
		t.Fatal(err)
	}
	defer planted.Close()
	open(t, dir, "uploader=one").issue("uploader", "ann", nil)
	if info, err := planted.Stat(); err != nil || info.Size() != 0 {
		t.Errorf("planted file: got %d bytes, %v, want none", info.Size(), err)
	}
}

// A directory that is renamed while it is open is still the one written to.
func TestSaveAfterRename(t *testing.T) {
	top, dir := state(t)
	b := open(t, dir, "uploader=one")
	moved := filepath.Join(top, "moved")
	if err := errors.Join(os.Rename(dir, moved), os.Mkdir(dir, 0o700)); err != nil {
		t.Fatal(err)
	}
	b.issue("uploader", "ann", nil)
	if planted, _ := os.ReadDir(dir); len(planted) != 0 {
		t.Errorf("the directory in its place: got %v, want nothing in it", planted)
	}
	if err := b.Close(); err != nil {
		t.Fatal(err)
	}
	if n := len(open(t, moved, "uploader=one").Tokens("")); n != 2 {
		t.Errorf("Tokens: got %d, want 2 in the directory that was opened", n)
	}
}
