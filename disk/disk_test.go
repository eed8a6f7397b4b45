package disk_test

import (
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"runtime"
	"syscall"
	"testing"

	"github.com/vendord/vendord/disk"
)

// open opens a new directory.
func open(t *testing.T) (string, *os.Root) {
	t.Helper()
	path := t.TempDir()
	dir, err := os.OpenRoot(path)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { dir.Close() })
	return path, dir
}

func write(t *testing.T, path, text string) {
	t.Helper()
	if err := os.WriteFile(path, []byte(text), 0o644); err != nil {
		t.Fatal(err)
	}
}

func wantText(t *testing.T, path, want string) {
	t.Helper()
	if got, err := os.ReadFile(path); string(got) != want || err != nil {
		t.Errorf("%s: got %q, %v, want %q", filepath.Base(path), got, err, want)
	}
}

func TestReplace(t *testing.T) {
	for name, before := range map[string]func(t *testing.T, path string){
		"nothing":         func(*testing.T, string) {},
		"a file":          func(t *testing.T, path string) { write(t, path, "old") },
		"a leftover":      func(t *testing.T, path string) { write(t, path+disk.Unfinished, "half") },
		"a link":          func(t *testing.T, path string) { link(t, path) },
		"a leftover link": func(t *testing.T, path string) { link(t, path+disk.Unfinished) },
	} {
		t.Run(name, func(t *testing.T) {
			path, dir := open(t)
			file := filepath.Join(path, "file")
			before(t, file)
			if err := disk.Replace(dir, "file", []byte("new")); err != nil {
				t.Fatalf("Replace: %v", err)
			}
			wantText(t, file, "new")
			info, err := os.Lstat(file)
			if err != nil || !info.Mode().IsRegular() || runtime.GOOS != "windows" && info.Mode().Perm() != 0o600 {
				t.Errorf("the file: got %v, %v, want a regular one of mode 0600", info.Mode(), err)
			}
			if _, err := os.Lstat(file + disk.Unfinished); !errors.Is(err, fs.ErrNotExist) {
				t.Errorf("the unfinished one: got %v, want none", err)
			}
		})
	}
}

// link puts a link at a path to a file that must stay as it is.
func link(t *testing.T, path string) {
	t.Helper()
	other := filepath.Join(t.TempDir(), "other")
	write(t, other, "somebody's")
	if err := os.Symlink(other, path); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { wantText(t, other, "somebody's") })
}

// What cannot take the name leaves what has it, and nothing beside it.
func TestReplaceFails(t *testing.T) {
	path, dir := open(t)
	if err := os.Mkdir(filepath.Join(path, "file"), 0o700); err != nil {
		t.Fatal(err)
	}
	if err := disk.Replace(dir, "file", []byte("new")); err == nil {
		t.Error("Replace of a directory: got no error")
	}
	if _, err := os.Lstat(filepath.Join(path, "file"+disk.Unfinished)); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("the unfinished one: got %v, want none", err)
	}
}

func TestRemove(t *testing.T) {
	path, dir := open(t)
	write(t, filepath.Join(path, "file"), "x")
	for range 2 {
		if err := disk.Remove(dir, "file"); err != nil {
			t.Errorf("Remove: %v", err)
		}
	}
}

func TestLock(t *testing.T) {
	path, _ := open(t)
	take := func() (*os.File, error) {
		f, err := os.OpenFile(filepath.Join(path, "lock"), os.O_RDWR|os.O_CREATE, 0o600)
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { f.Close() })
		return f, disk.Lock(f)
	}
	first, err := take()
	if err != nil {
		t.Fatalf("Lock: %v", err)
	}
	if _, err := take(); !errors.Is(err, disk.ErrLocked) {
		t.Errorf("Lock of what is locked: got %v, want ErrLocked", err)
	}
	first.Close()
	if _, err := take(); err != nil {
		t.Errorf("Lock of what was let go: %v", err)
	}
}

func TestReason(t *testing.T) {
	err := &fs.PathError{Op: "open", Path: "x", Err: syscall.EACCES}
	if got := disk.Reason(err); got != syscall.EACCES {
		t.Errorf("Reason: got %v, want %v", got, syscall.EACCES)
	}
	if got := disk.Reason(fs.ErrInvalid); got != fs.ErrInvalid {
		t.Errorf("Reason: got %v, want the same", got)
	}
}
