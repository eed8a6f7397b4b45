//go:build unix

package audit

import (
	"io/fs"
	"os"
	"syscall"
	"testing"
	"time"
)

// owned is a FileInfo of somebody's. Whoever runs the tests can make files of
// their own alone, so that owners are made up here.
type owned struct {
	mode fs.FileMode
	stat syscall.Stat_t
}

func (o owned) Name() string       { return "f" }
func (o owned) Size() int64        { return 0 }
func (o owned) Mode() fs.FileMode  { return o.mode }
func (o owned) ModTime() time.Time { return time.Time{} }
func (o owned) IsDir() bool        { return o.mode.IsDir() }
func (o owned) Sys() any           { return &o.stat }

// nobodys is a FileInfo that tells no owner, as of a file system that is not
// the kernel's.
type nobodys struct{ owned }

func (nobodys) Sys() any { return nil }

func TestTrust(t *testing.T) {
	me := uint32(os.Geteuid())
	const stranger, strangers = 4_000_000_001, 4_000_000_002
	for _, test := range []struct {
		name     string
		mode     fs.FileMode
		uid, gid uint32
		want     string
	}{
		{"ours", 0o600, me, strangers, ""},
		{"root's", 0o755 | fs.ModeDir, 0, 0, ""},
		{"readable by others", 0o644, me, strangers, ""},
		{"writable by root's group", 0o775 | fs.ModeDir, 0, 0, ""},
		{"another's", 0o600, stranger, strangers, "audit log f: belongs to user 4000000001"},
		{"another's sticky directory", 0o777 | fs.ModeDir | fs.ModeSticky, stranger, 0, "audit log f: belongs to user 4000000001"},
		{"root's sticky directory", 0o777 | fs.ModeDir | fs.ModeSticky, 0, 0, ""},
		{"a sticky file, which means nothing", 0o666 | fs.ModeSticky, me, 0, "audit log f: may be written to by everybody"},
		{"writable by a group", 0o620, me, strangers, "audit log f: may be written to by group 4000000002"},
	} {
		t.Run(test.name, func(t *testing.T) {
			got := ""
			if err := trust("f", owned{test.mode, syscall.Stat_t{Uid: test.uid, Gid: test.gid}}); err != nil {
				got = err.Error()
			}
			if got != test.want {
				t.Errorf("trust: got %q, want %q", got, test.want)
			}
		})
	}
}

func TestTrustNeedsAnOwner(t *testing.T) {
	err := trust("f", nobodys{})
	if want := "audit log f: has no owner that can be told"; err == nil || err.Error() != want {
		t.Errorf("trust: got %v, want %s", err, want)
	}
}

func TestTrustParentsThatAreGone(t *testing.T) {
	err := trustParents("/does/not/exist")
	if want := "audit log /does/not/exist: cannot be examined: no such file or directory"; err == nil || err.Error() != want {
		t.Errorf("trustParents: got %v, want %s", err, want)
	}
}
