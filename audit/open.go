package audit

import (
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"sync"

	"github.com/vendord/vendord/session"
	"github.com/vendord/vendord/trust"
)

// Open returns what a Config's Out can be: the file at path, to which lines are
// appended, or standard output for "-". A new file is readable by its owner
// alone: it tells who works on what.
//
// The record is worth as much as the file it is in. Open refuses a symbolic
// link, anything but a regular file, and what somebody else than root and we
// could replace or write to (see package trust). Its error is a *session.Error
// of class Configuration.
//
// A file that was renamed or removed, as logrotate does, is noticed at the
// next write, which goes to a new file.
func Open(path string) (io.WriteCloser, error) {
	if path == "-" {
		return stdout{os.Stdout}, nil
	}
	path = filepath.Clean(path) // or "link/../a" is opened elsewhere than where it is judged
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

// open opens path for appending if it can be trusted. What has the name is
// looked at before, for better words, and what was opened after, since it may
// be another by then.
func open(path string) (*os.File, error) {
	if _, fault := trust.Check(filepath.Dir(path), os.Geteuid()); fault != nil {
		return nil, distrusted(fault)
	}
	if info, err := os.Lstat(path); err == nil && !info.Mode().IsRegular() {
		return nil, refuse(path, "is no regular file", "name the file itself, or - for standard output", nil)
	}
	opened, err := os.OpenFile(path, os.O_APPEND|os.O_CREATE|os.O_WRONLY|noFollow, 0o600)
	var info fs.FileInfo
	if err == nil {
		info, err = opened.Stat()
	}
	if err != nil {
		return nil, refuse(path, "cannot be opened", "make its directory, or give another place with --audit-log", err)
	}
	if fault := trust.File(path, info, os.Geteuid()); fault != nil {
		_ = opened.Close()
		return nil, distrusted(fault)
	}
	return opened, nil
}

func distrusted(fault *trust.Fault) error {
	return &session.Error{Class: session.Configuration, Public: "audit log: " + fault.Error(),
		Hint: fault.HintOr("give another place with --audit-log"), Err: fault}
}

func refuse(path, problem, hint string, err error) error {
	text := "audit log: " + path + ": " + problem
	if e, ok := errors.AsType[*fs.PathError](err); ok {
		text += ": " + e.Err.Error() // the path is said already
	}
	return &session.Error{Class: session.Configuration, Public: text, Hint: hint, Err: err}
}
