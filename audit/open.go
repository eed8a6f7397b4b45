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

// Rotation says when a record's file gives way to a new one.
type Rotation struct {
	// MaxSize is how many bytes the file may have, but for one write's; 0 is no
	// bound.
	MaxSize int64
	// Keep is how many older ones are kept, as path.1 (the latest), path.2 and so
	// on. One is always.
	Keep int
}

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
// next write, which goes to a new file. A line that ends in the middle, since its
// vendord was killed, is ended.
func Open(path string, r Rotation) (io.WriteCloser, error) {
	if path == "-" {
		return stdout{os.Stdout}, nil
	}
	path = filepath.Clean(path) // or "link/../a" is opened elsewhere than where it is judged
	f := &file{path: path, rotation: r}
	if err := f.open(); err != nil {
		return nil, err
	}
	return f, nil
}

// stdout is standard output, which is not ours to close.
type stdout struct{ io.Writer }

func (stdout) Close() error { return nil }

// file is a log file that follows its name.
type file struct {
	path     string
	rotation Rotation

	mu   sync.Mutex // guards what follows
	file *os.File
	size int64
	torn bool // the file ends within a line of somebody's who was killed
	mid  bool // our last write did, and the next goes on there
}

// Write appends p. When the name is gone or another file's, it first opens a
// file under the name; if that cannot be, or the file is too large and cannot
// be renamed, p goes into the old one, and the error says so with all of p
// written. But nothing goes into a file without a name, which nobody could read.
func (f *file) Write(p []byte) (int, error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	trouble := f.follow()
	if trouble != nil && nameless(f.file) {
		return 0, trouble
	}
	if trouble == nil && f.rotation.MaxSize > 0 && f.size > 0 && f.size+int64(len(p)) > f.rotation.MaxSize && !f.mid {
		trouble = f.rotate()
	}
	if f.torn {
		if _, err := f.file.Write([]byte{'\n'}); err != nil {
			return 0, fmt.Errorf("writing the audit log: %w", err)
		}
		f.torn = false
	}
	n, err := f.file.Write(p)
	if n > 0 {
		f.mid = p[n-1] != '\n'
	}
	if err != nil {
		return n, fmt.Errorf("writing the audit log: %w", err)
	}
	return n, trouble
}

// follow makes file the one that has the name. A stat for each Write costs a
// microsecond for some 200 lines, and spares everybody a signal after rotation.
func (f *file) follow() error {
	named, err := os.Lstat(f.path)
	if err == nil {
		if ours, err := f.file.Stat(); err == nil && os.SameFile(named, ours) {
			f.size = ours.Size()
			return nil
		}
	}
	return f.open()
}

// rotate renames the files, the oldest first, and opens a new one. Where a
// rename fails those that follow stay, so that none is replaced that is to be
// kept, and the file grows.
func (f *file) rotate() error {
	older := func(n int) string { return fmt.Sprintf("%s.%d", f.path, n) }
	last := 1
	for last < f.rotation.Keep {
		if _, err := os.Lstat(older(last)); err != nil {
			break // a gap takes what comes
		}
		last++
	}
	for n := last; n > 1; n-- {
		if err := os.Rename(older(n-1), older(n)); err != nil {
			return f.stays(err)
		}
	}
	if err := os.Rename(f.path, older(1)); err != nil {
		return f.stays(err)
	}
	return f.open()
}

func (f *file) stays(err error) error {
	why := err
	if e, ok := errors.AsType[*os.LinkError](err); ok {
		why = fmt.Errorf("%s: %w", e.New, e.Err)
	}
	return &session.Error{Class: session.Configuration, Public: "audit log: " + f.path + ": cannot be renamed, so it grows: " + why.Error(),
		Hint: "move what is in the way, or set max_size = 0 in [audit]", Err: err}
}

// open opens the file that has the name, and closes the one before.
func (f *file) open() error {
	opened, err := open(f.path)
	if err != nil {
		return err
	}
	if f.file != nil {
		_ = f.file.Close() // every byte was written; there is nothing to lose
	}
	f.file, f.size, f.torn, f.mid = opened, 0, false, false
	if info, err := opened.Stat(); err == nil {
		f.size = info.Size()
	}
	last := []byte{'\n'}
	if f.size > 0 {
		_, _ = opened.ReadAt(last, f.size-1)
	}
	f.torn = last[0] != '\n'
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
	opened, err := os.OpenFile(path, os.O_APPEND|os.O_CREATE|os.O_RDWR|noFollow, 0o600)
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
