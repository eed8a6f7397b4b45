package peer

import (
	"bytes"
	"encoding/binary"

	"golang.org/x/sys/unix"
)

// dir reads directories of the kernel's own file systems, one after the other,
// into one buffer: os.ReadDir makes a string of each name, and sorts them, which
// is most of what a look at all open files of all processes would cost.
type dir struct {
	buf [16 << 10]byte
}

// each calls f for every entry but . and .. until f returns false. The name is good
// until f returns. dirfd and path are those of openat(2).
func (d *dir) each(dirfd int, path string, f func(at int, name []byte, kind byte) bool) error {
	at, err := unix.Openat(dirfd, path, unix.O_RDONLY|unix.O_DIRECTORY|unix.O_CLOEXEC|unix.O_NOFOLLOW, 0)
	if err != nil {
		return err
	}
	defer func() { _ = unix.Close(at) }()
	for {
		n, err := unix.Getdents(at, d.buf[:])
		switch {
		case err == unix.EINTR:
			continue
		case err != nil || n <= 0:
			return err
		}
		for rest := d.buf[:n]; len(rest) > 0; {
			var name []byte
			var kind byte
			if name, kind, rest = parseEntry(rest); len(name) > 0 && !f(at, name, kind) {
				return nil
			}
		}
	}
}

// parseEntry reads the first struct linux_dirent64 (Linux, getdents(2)). It
// returns no name for . and .., and no rest after what it cannot read.
func parseEntry(b []byte) (name []byte, kind byte, rest []byte) {
	const offLength, offType, offName = 16, 18, 19
	if len(b) < offName {
		return nil, 0, nil
	}
	length := int(binary.NativeEndian.Uint16(b[offLength:]))
	if length < offName || length > len(b) {
		return nil, 0, nil
	}
	name, _, _ = bytes.Cut(b[offName:length], []byte{0})
	if string(name) == "." || string(name) == ".." {
		name = nil
	}
	return name, b[offType], b[length:]
}

// number reads a name of digits alone, as /proc's are for processes and open
// files.
func number(name []byte) (n int, ok bool) {
	if len(name) == 0 || len(name) > 9 {
		return 0, false
	}
	for _, c := range name {
		if c < '0' || c > '9' {
			return 0, false
		}
		n = n*10 + int(c-'0')
	}
	return n, true
}
