//go:build unix

package audit

import (
	"os"
	"syscall"
)

// noFollow refuses a symbolic link as the last element, and does not wait for
// a reader where somebody put a pipe, if either came after we looked.
const noFollow = syscall.O_NOFOLLOW | syscall.O_NONBLOCK

// nameless reports whether a file was removed, and is there only while it is open.
func nameless(f *os.File) bool {
	info, err := f.Stat()
	if err != nil {
		return false
	}
	stat, ok := info.Sys().(*syscall.Stat_t)
	return ok && stat.Nlink == 0
}
