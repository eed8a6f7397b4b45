//go:build !linux

package apps

import (
	"os"
	"runtime"
	"strings"

	"github.com/vendord/vendord/peer"
)

// file is a file. Other systems than Linux do not tell which one a process runs,
// but for its path.
type file struct{}

// stat returns the file at a path.
func stat(path string) (file, error) {
	_, err := os.Stat(path)
	return file{}, err
}

// is says whether a process runs the file.
func (file) is(p peer.Process, path string) bool {
	if runtime.GOOS == "windows" {
		return strings.EqualFold(p.Exe, path)
	}
	return p.Exe == path
}
