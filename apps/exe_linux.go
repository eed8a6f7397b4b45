package apps

import (
	"os"
	"syscall"

	"github.com/vendord/vendord/peer"
)

// file is a file, whatever its name.
type file struct{ device, inode uint64 }

// stat returns the file at a path.
func stat(path string) (file, error) {
	info, err := os.Stat(path)
	if err != nil {
		return file{}, err
	}
	s, ok := info.Sys().(*syscall.Stat_t)
	if !ok {
		return file{}, os.ErrInvalid
	}
	return file{uint64(s.Dev), s.Ino}, nil
}

// is says whether a process runs the file, by this path.
func (f file) is(p peer.Process, path string) bool {
	return p.Exe == path && p.Device == f.device && p.Inode == f.inode && p.Inode != 0
}
