//go:build unix

package audit_test

import (
	"context"
	"errors"
	"io"
	"os"
	"os/user"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/vendord/vendord/audit"
	"github.com/vendord/vendord/session"
)

// folder returns a directory that only we may write to, and without links.
func folder(t *testing.T) string {
	t.Helper()
	dir, err := filepath.EvalSymlinks(t.TempDir())
	if err != nil {
		t.Fatal(err)
	}
	if err := os.Chmod(dir, 0o700); err != nil {
		t.Fatal(err)
	}
	return dir
}

func open(t *testing.T, path string) io.WriteCloser {
	t.Helper()
	out, err := audit.Open(path, audit.Rotation{})
	if err != nil {
		t.Fatalf("Open: %v", err)
	}
	t.Cleanup(func() { _ = out.Close() })
	return out
}

func write(t *testing.T, out io.Writer, text string) {
	t.Helper()
	if n, err := io.WriteString(out, text); n != len(text) || err != nil {
		t.Fatalf("Write: got %d, %v", n, err)
	}
}

func wantText(t *testing.T, path, want string) {
	t.Helper()
	got, err := os.ReadFile(path)
	if err != nil || string(got) != want {
		t.Errorf("%s: got %q, %v, want %q", filepath.Base(path), got, err, want)
	}
}

func TestOpenMakesAFileOfOurOwn(t *testing.T) {
	path := filepath.Join(folder(t), "audit.log")
	write(t, open(t, path), "one\n")
	info, err := os.Stat(path)
	if err != nil || info.Mode() != 0o600 {
		t.Errorf("mode: got %v, %v, want -rw-------", info.Mode(), err)
	}
}

func TestOpenAppends(t *testing.T) {
	path := filepath.Join(folder(t), "audit.log")
	write(t, open(t, path), "one\n")
	write(t, open(t, path), "two\n")
	wantText(t, path, "one\ntwo\n")
}

func TestOpenDashIsStandardOutput(t *testing.T) {
	r, w, err := os.Pipe()
	if err != nil {
		t.Fatal(err)
	}
	defer func(old *os.File) { os.Stdout = old }(os.Stdout)
	os.Stdout = w
	out := open(t, "-")
	if err := out.Close(); err != nil {
		t.Fatalf("Close: %v", err)
	}
	write(t, out, "still open\n")
	_ = w.Close()
	if got, _ := io.ReadAll(r); string(got) != "still open\n" {
		t.Errorf("standard output: got %q", got)
	}
}

func TestOpenFollowsRotation(t *testing.T) {
	dir := folder(t)
	path := filepath.Join(dir, "audit.log")
	out := open(t, path)
	write(t, out, "one\n")
	if err := os.Rename(path, path+".1"); err != nil {
		t.Fatal(err)
	}
	write(t, out, "two\n")
	wantText(t, path+".1", "one\n")
	wantText(t, path, "two\n")

	if err := os.Truncate(path, 0); err != nil { // logrotate's copytruncate
		t.Fatal(err)
	}
	write(t, out, "three\n")
	wantText(t, path, "three\n")
}

func TestOpenLosesNothingWhereItCannotFollow(t *testing.T) {
	dir := folder(t)
	path := filepath.Join(dir, "audit.log")
	out := open(t, path)
	if err := os.Rename(path, path+".1"); err != nil {
		t.Fatal(err)
	}
	if err := os.Mkdir(path, 0o700); err != nil {
		t.Fatal(err)
	}
	n, err := io.WriteString(out, "one\n")
	if want := "audit log: " + path + ": is no regular file"; n != 4 || err == nil || err.Error() != want {
		t.Errorf("Write: got %d, %v, want 4, %s", n, err, want)
	}
	wantText(t, path+".1", "one\n")
	if err := os.Remove(path); err != nil {
		t.Fatal(err)
	}
	write(t, out, "two\n")
	wantText(t, path, "two\n")
}

func TestOpenRefuses(t *testing.T) {
	const ask = ", or give another place with --audit-log"
	for _, test := range []struct {
		name       string
		prepare    func(dir string) error
		path       string // under the directory
		want, hint string // DIR is the directory
	}{
		{"a link, which may lead anywhere", func(dir string) error { return os.Symlink("/etc/passwd", dir+"/a") }, "a",
			"DIR/a: is no regular file", "name the file itself, or - for standard output"},
		{"a link to nothing yet", func(dir string) error { return os.Symlink("b", dir+"/a") }, "a",
			"DIR/a: is no regular file", "name the file itself, or - for standard output"},
		{"a directory", func(dir string) error { return os.Mkdir(dir+"/a", 0o700) }, "a",
			"DIR/a: is no regular file", "name the file itself, or - for standard output"},
		{"a pipe, without waiting for its reader", func(dir string) error { return syscall.Mkfifo(dir+"/a", 0o600) }, "a",
			"DIR/a: is no regular file", "name the file itself, or - for standard output"},
		{"a file that everybody may write to", func(dir string) error {
			return errors.Join(os.WriteFile(dir+"/a", nil, 0o600), os.Chmod(dir+"/a", 0o602))
		}, "a", "DIR/a: everybody may write it (owner ME, mode 0602)", "chmod go-w DIR/a" + ask},
		{"a directory that everybody may write to", func(dir string) error {
			return errors.Join(os.Mkdir(dir+"/d", 0o700), os.Chmod(dir+"/d", 0o777))
		}, "d/a", "DIR/d: everybody may write it (owner ME, mode 0777)", "chmod go-w DIR/d" + ask},
		{"a directory further up that everybody may write to", func(dir string) error {
			return errors.Join(os.MkdirAll(dir+"/d/e", 0o700), os.Chmod(dir+"/d", 0o777))
		}, "d/e/a", "DIR/d: everybody may write it (owner ME, mode 0777)", "chmod go-w DIR/d" + ask},
		{"a directory that is not there", func(string) error { return nil }, "d/a",
			"DIR/d/a: cannot be opened: no such file or directory", "make its directory" + ask},
		{"a name that cannot be", func(string) error { return nil }, strings.Repeat("a", 300),
			"DIR/" + strings.Repeat("a", 300) + ": cannot be opened: file name too long", "make its directory" + ask},
	} {
		t.Run(test.name, func(t *testing.T) {
			dir := folder(t)
			if err := test.prepare(dir); err != nil {
				t.Fatal(err)
			}
			me := strconv.Itoa(os.Geteuid())
			if u, err := user.Current(); err == nil {
				me = u.Username
			}
			_, err := audit.Open(dir+"/"+test.path, audit.Rotation{})
			e := session.AsError(err)
			if e == nil || e.Class != session.Configuration {
				t.Fatalf("Open: got %v, want an error of class configuration", err)
			}
			fill := strings.NewReplacer("DIR", dir, "ME", me)
			if want := "audit log: " + fill.Replace(test.want); e.Public != want {
				t.Errorf("Open: got %q, want %q", e.Public, want)
			}
			if want := fill.Replace(test.hint); e.Hint != want {
				t.Errorf("hint: got %q, want %q", e.Hint, want)
			}
		})
	}
}

func TestOpenTakesAStickyDirectory(t *testing.T) {
	dir := filepath.Join(folder(t), "tmp")
	if err := errors.Join(os.Mkdir(dir, 0o700), os.Chmod(dir, 0o777|os.ModeSticky)); err != nil {
		t.Fatal(err)
	}
	write(t, open(t, filepath.Join(dir, "audit.log")), "one\n")
}

// The directory that is judged is the one in which the file is.
func TestOpenLeavesALinkAsItIsWritten(t *testing.T) {
	dir := folder(t)
	if err := errors.Join(os.Mkdir(dir+"/other", 0o700), os.Mkdir(dir+"/other/in", 0o700), os.Symlink("other/in", dir+"/link")); err != nil {
		t.Fatal(err)
	}
	write(t, open(t, dir+"/link/../audit.log"), "one\n")
	wantText(t, dir+"/audit.log", "one\n")
}

func TestLogWritesToAFile(t *testing.T) {
	path := filepath.Join(folder(t), "audit.log")
	log := audit.New(audit.Config{Out: open(t, path), Now: func() time.Time { return noon }})
	log.Record(&audit.Event{Status: 401, Code: "NotRecognized"}, nil)
	if err := log.Flush(); err != nil {
		t.Fatalf("Flush: %v", err)
	}
	wantText(t, path, `{"time":"2026-11-21T11:00:00.123Z","id":1,"status":401,"code":"NotRecognized"}`+"\n")
}

// What was removed, and cannot be made again, takes no lines: nobody could read them.
func TestNothingIsWrittenWhereNobodyCanReadIt(t *testing.T) {
	path := filepath.Join(folder(t), "audit.log")
	out := open(t, path)
	write(t, out, "one\n")
	if err := os.Remove(path); err != nil {
		t.Fatal(err)
	}
	if err := syscall.Mkfifo(path, 0o600); err != nil {
		t.Fatal(err)
	}
	log := audit.New(audit.Config{Out: out, Required: true})
	ended := make(chan error, 1)
	ctx, cancel := context.WithCancel(t.Context())
	go func() { ended <- log.Run(ctx) }()
	defer func() { cancel(); <-ended }()
	err := log.Record(&audit.Event{App: "a", Status: 200}, nil)
	if want := "record: cannot be written: its file is gone, and another thing in its place"; err == nil || err.Error() != want {
		t.Errorf("Record: got %v, want %q", err, want)
	}
	if err := os.Remove(path); err != nil {
		t.Fatal(err)
	}
	if err := log.Record(&audit.Event{App: "b", Status: 200}, nil); err != nil {
		t.Errorf("Record with the name free again: %v", err)
	}
	text, err := os.ReadFile(path)
	if err != nil || !strings.Contains(string(text), `"app":"b"`) || !strings.Contains(string(text), `"lost":1`) || strings.Contains(string(text), `"app":"a"`) {
		t.Errorf("the new file: got %q, %v, want b, and that one line was lost", text, err)
	}
}
