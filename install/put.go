package install

import (
	"errors"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"runtime"
	"strings"
)

// put writes a file in the place of what has its name: beside it first, then on the
// disk, then under its name. So whoever reads it, a systemd after a crash of the
// machine too, has the old one or the new one.
func put(path string, mode fs.FileMode, from io.Reader) (err error) {
	temp := beside(path, "new")
	if err := removed(temp); err != nil {
		return err
	}
	f, err := os.OpenFile(temp, os.O_WRONLY|os.O_CREATE|os.O_EXCL, mode)
	if err != nil {
		return err
	}
	defer func() {
		if err != nil {
			_ = os.Remove(temp)
		}
	}()
	_, err = io.Copy(f, from)
	if err == nil {
		err = f.Chmod(mode) // root's umask may be 077, and others have to read it
	}
	if err == nil {
		err = f.Sync()
	}
	if closed := f.Close(); err == nil {
		err = closed
	}
	if err != nil {
		return err
	}
	return os.Rename(temp, path)
}

func putText(path string, mode fs.FileMode, text string) error {
	return put(path, mode, strings.NewReader(text))
}

// putCopy copies a program.
func putCopy(path, from string) error {
	f, err := openProgram(from)
	if err != nil {
		return err
	}
	defer f.Close()
	return put(path, 0o755, f)
}

// openProgram opens a program to be copied. If it is the one that runs here, it is
// that one, whatever has its name by now: whoever may write to its directory would
// else have theirs installed by root, who looked at this one.
func openProgram(path string) (*os.File, error) {
	if self, err := os.Executable(); err == nil && self == path && runtime.GOOS == "linux" {
		return os.Open("/proc/self/exe")
	}
	return os.Open(path)
}

// beside is the name of a file that belongs to another for a while. A dot keeps it
// out of what systemd and shells look at.
func beside(path, what string) string {
	return filepath.Join(filepath.Dir(path), "."+filepath.Base(path)+"."+what)
}

// removed removes what may be missing.
func removed(path string) error {
	if err := os.Remove(path); err != nil && !errors.Is(err, fs.ErrNotExist) {
		return err
	}
	return nil
}
