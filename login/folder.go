package login

import (
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"github.com/vendord/vendord/disk"
	"github.com/vendord/vendord/session"
	"github.com/vendord/vendord/trust"
)

// maxFile is more than any file with a token has.
const maxFile = 64 << 10

// folder is a directory held open: whoever exchanges one above it later does not
// exchange the one that is written to.
type folder struct {
	path string
	root *os.Root
}

// openFolder makes and opens a directory that nobody else may exchange.
func openFolder(path string) (*folder, error) {
	if err := os.MkdirAll(path, 0o700); err != nil {
		return nil, err
	}
	if _, fault := trust.Check(path, os.Geteuid()); fault != nil {
		return nil, fault
	}
	root, err := os.OpenRoot(path)
	if err != nil {
		return nil, err
	}
	return &folder{path, root}, nil
}

// ownFolder opens the directory for our own files, into which nobody else may
// look.
func ownFolder(path string) (*folder, error) {
	f, err := openFolder(path)
	if err == nil {
		var info fs.FileInfo
		if info, err = f.root.Stat("."); err == nil {
			if fault := trust.Own(path, info, os.Geteuid(), 0o077); fault != nil {
				err = fault
			}
		}
		if err != nil {
			_ = f.close()
		}
	}
	if err != nil {
		hint := "name another state directory with --state-dir"
		if fault, ok := errors.AsType[*trust.Fault](err); ok {
			hint = fault.HintOr(hint)
			err = errors.New(fault.Problem)
		}
		return nil, &session.Error{Class: session.Configuration, Public: fmt.Sprintf("directory of logins %s: %v", path, disk.Reason(err)), Hint: hint, Err: err}
	}
	return f, nil
}

func (f *folder) close() error { return f.root.Close() }

// errUntrusted is what a file is that somebody else may have put there, or read.
type errUntrusted struct{ problem string }

func (e errUntrusted) Error() string { return e.problem }

// read returns a file of ours. What is opened is checked, not what has the name
// by then: it belongs to this user, its mode has none of the bits of mask, and it
// is neither a link, which would make another program's secret ours, nor a pipe,
// which would make us wait.
func (f *folder) read(name string, mask fs.FileMode) ([]byte, error) {
	info, err := f.root.Lstat(name)
	if err != nil {
		return nil, err
	}
	if !info.Mode().IsRegular() {
		return nil, errUntrusted{"not a regular file"}
	}
	file, err := f.root.Open(name)
	if err != nil {
		return nil, err
	}
	defer file.Close()
	if info, err = file.Stat(); err != nil {
		return nil, err
	}
	if fault := trust.Own(filepath.Join(f.path, name), info, os.Geteuid(), mask); fault != nil {
		return nil, errUntrusted{fault.Problem}
	}
	text, err := io.ReadAll(io.LimitReader(file, maxFile+1))
	if err == nil && len(text) > maxFile {
		err = errUntrusted{"longer than 64 KiB"}
	}
	return text, err
}

// replace puts a file in the place of what has its name.
func (f *folder) replace(name string, text []byte) error { return disk.Replace(f.root, name, text) }

// names returns the names of the files whose names end so.
func (f *folder) names(end string) ([]string, error) {
	d, err := f.root.Open(".")
	if err != nil {
		return nil, err
	}
	defer d.Close()
	names, err := d.Readdirnames(-1)
	return slices.DeleteFunc(names, func(name string) bool { return !strings.HasSuffix(name, end) }), err
}

// remove removes a file that may be missing.
func (f *folder) remove(name string) error { return disk.Remove(f.root, name) }
