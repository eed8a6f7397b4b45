//go:build !unix

package audit

import (
	"errors"
	"io/fs"
	"os"
)

// noFollow is nothing here: the system has no such flag. A link is found by
// the file it leads to, which os.Lstat sees.
const noFollow = 0

// trust refuses a link. Who may write is a matter of access control lists
// here, which a folder under the user's profile has right.
func trust(path string, info os.FileInfo) error {
	if info.IsDir() {
		return nil
	}
	named, err := os.Lstat(path)
	if err == nil && named.Mode()&os.ModeSymlink != 0 {
		return notRegular(path)
	}
	return nil
}

// reason is err without the path, which the message has already.
func reason(err error) string {
	if e, ok := errors.AsType[*fs.PathError](err); ok {
		return e.Err.Error()
	}
	return err.Error()
}
