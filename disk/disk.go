// Package disk changes files such that nothing is ever half of what it should be:
// a file is replaced whole, and a lock is held by one process at a time.
//
// Whatever happens meanwhile, a crash included, the disk has the old file or the new
// one. It works in a directory that is held open, so that whoever exchanges one above
// it does not exchange what is written to. Whether the directory can be trusted is
// for package trust to say, and what is in a file for whoever owns it.
package disk

import (
	"errors"
	"io/fs"
	"os"
	"syscall"
)

// Unfinished ends the name under which Replace writes. After a crash such a file may
// be left, with all or parts of what would have been the new one.
const Unfinished = ".new"

// Replace puts a file (0600) in the place of what has its name in a directory, a link
// included, which is not followed. The bytes are on the disk before the name is. After
// an error the file may be the old one or the new one; the next Replace settles it.
func Replace(dir *os.Root, name string, text []byte) error {
	temp := name + Unfinished
	// A leftover is not written into: who made it may have it open still.
	if err := Remove(dir, temp); err != nil {
		return err
	}
	f, err := dir.OpenFile(temp, os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o600)
	if err != nil {
		return err
	}
	_, err = f.Write(text)
	if err == nil {
		err = f.Sync()
	}
	if closed := f.Close(); err == nil {
		err = closed
	}
	if err == nil {
		err = dir.Rename(temp, name)
	}
	if err != nil {
		_ = Remove(dir, temp)
		return err
	}
	return Sync(dir)
}

// Remove removes a file that may be missing.
func Remove(dir *os.Root, name string) error {
	if err := dir.Remove(name); err != nil && !errors.Is(err, fs.ErrNotExist) {
		return err
	}
	return nil
}

// Sync makes the names in a directory last. Windows cannot, and does it by itself.
func Sync(dir *os.Root) error {
	d, err := dir.Open(".")
	if err != nil {
		return err
	}
	defer d.Close()
	return syncDir(d)
}

// ErrLocked is a lock that another process has.
var ErrLocked = errors.New("locked by another process")

// Lock takes an exclusive lock of a file without waiting, or returns ErrLocked. It is
// held until the file is closed: the operating system takes it back when the process
// ends, however it ends. What the file has may be read by who is refused.
func Lock(f *os.File) error { return lock(f) }

// Reason is an error without the call and the path around it, which a message has
// already.
func Reason(err error) error {
	if e, ok := errors.AsType[syscall.Errno](err); ok {
		return e
	}
	return err
}
