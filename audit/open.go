package audit

import (
	"fmt"
	"io"
	"os"
	"path/filepath"
	"sync"

	"github.com/vendord/vendord/session"
)

// Open returns what a Config's Out can be: the file at path, to which lines are
// appended, or standard output for "-". A new file is readable by its owner
// alone: it tells who works on what.
//
// The record is worth as much as the file it is in. Open refuses a symbolic
// link, anything but a regular file, a file or a directory above it that
// belongs to neither root nor us, and one that others may write to (except
// directories that are sticky, such as /tmp, or writable by our private group).
// Its error is a *session.Error of class Configuration.
//
// A file that was renamed or removed, as logrotate does, is noticed at the
// next write, which goes to a new file.
func Open(path string) (io.WriteCloser, error) {
	if path == "-" {
		return stdout{os.Stdout}, nil
	}
	path, err := resolve(path)
	if err != nil {
		return nil, err
	}
	opened, err := open(path)
	if err != nil {
		return nil, err
	}
	return &file{path: path, file: opened}, nil
}

// stdout is standard output, which is not ours to close.
type stdout struct{ io.Writer }

func (stdout) Close() error { return nil }

// file is a log file that follows its name.
type file struct {
	path string

	mu   sync.Mutex // guards what follows
	file *os.File
}

// Write appends p. When the name is gone or another file's, it first opens a
// file under the name; if that cannot be, p goes into the old one, and the
// error says so with all of p written.
func (f *file) Write(p []byte) (int, error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	moved := f.follow()
	n, err := f.file.Write(p)
	if err != nil {
		return n, fmt.Errorf("writing the audit log: %w", err)
	}
	return n, moved
}

// follow makes file the one that has the name. A stat for each Write costs a
// microsecond for some 200 lines, and spares everybody a signal after rotation.
func (f *file) follow() error {
	named, err := os.Lstat(f.path)
	if err == nil {
		if ours, err := f.file.Stat(); err == nil && os.SameFile(named, ours) {
			return nil
		}
	}
	opened, err := open(f.path)
	if err != nil {
		return err
	}
	_ = f.file.Close() // every byte was written; there is nothing to lose
	f.file = opened
	return nil
}

// Close closes the file.
func (f *file) Close() error {
	f.mu.Lock()
	defer f.mu.Unlock()
	return f.file.Close()
}

// resolve returns path with its directory free of links, so that whoever owns
// a link on the way cannot lead later writes elsewhere. A link as the last
// element stays, for open to refuse.
func resolve(path string) (string, error) {
	full, err := filepath.Abs(path)
	if err == nil {
		var dir string
		if dir, err = filepath.EvalSymlinks(filepath.Dir(full)); err == nil {
			return filepath.Join(dir, filepath.Base(full)), nil
		}
	}
	return "", refuse(path, "has no directory", "make the directory first", err)
}

// open opens path for appending if it can be trusted.
func open(path string) (*os.File, error) {
	if err := trustParents(filepath.Dir(path)); err != nil {
		return nil, err
	}
	opened, err := os.OpenFile(path, os.O_APPEND|os.O_CREATE|os.O_WRONLY|noFollow, 0o600)
	if err != nil {
		if info, lerr := os.Lstat(path); lerr == nil && info.Mode().Type() != 0 {
			return nil, notRegular(path)
		}
		return nil, refuse(path, "cannot be opened", "give another place with --audit-log", err)
	}
	info, err := opened.Stat()
	switch {
	case err != nil:
		err = refuse(path, "cannot be examined", "", err)
	case !info.Mode().IsRegular():
		err = notRegular(path)
	default:
		err = trust(path, info)
	}
	if err != nil {
		_ = opened.Close()
		return nil, err
	}
	return opened, nil
}

// trustParents refuses a path on which somebody else can put another
// directory, and with it another file, under the same name.
func trustParents(dir string) error {
	for {
		info, err := os.Stat(dir)
		if err != nil {
			return refuse(dir, "cannot be examined", "", err)
		}
		if err := trust(dir, info); err != nil {
			return err
		}
		up := filepath.Dir(dir)
		if up == dir {
			return nil
		}
		dir = up
	}
}

func notRegular(path string) error {
	return refuse(path, "is no regular file", "name the file itself, or - for standard output", nil)
}

func refuse(path, problem, hint string, err error) error {
	text := "audit log " + path + ": " + problem
	if err != nil {
		text += ": " + reason(err)
	}
	return &session.Error{Class: session.Configuration, Public: text, Hint: hint, Err: err}
}
