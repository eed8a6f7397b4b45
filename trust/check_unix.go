//go:build unix

package trust

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
)

// maxLinks is how many symbolic links a path may go through, as in Linux.
const maxLinks = 40

// Check follows a path and returns the first thing on it that somebody other
// than root and the user uid could replace, and whether there is anything at
// its end. What is missing is at fault where anybody could create it.
func Check(path string, uid int) (exists bool, fault *Fault) {
	return walk(path, func(path string, info, _ fs.FileInfo) *Fault { return File(path, info, uid) })
}

// Placed is Check for what others may rightly offer, such as the socket of a
// daemon that runs under a user of its own. It believes whom root or uid gave a
// place: what is in a directory to which only its owner may write is theirs to
// have put there. It does not believe who was first in a directory of
// everybody's. In a user namespace, where root's files are nobody's, it is all
// that can be told.
func Placed(path string, uid int) *Fault {
	_, fault := walk(path, func(path string, info, above fs.FileInfo) *Fault {
		if writers(above) == "" {
			return writable(path, info)
		}
		return File(path, info, uid)
	})
	return fault
}

// walk follows a path and has everything on it judged, the links too.
func walk(path string, judge func(path string, info, above fs.FileInfo) *Fault) (exists bool, fault *Fault) {
	if !filepath.IsAbs(path) {
		wd, err := os.Getwd()
		if err != nil {
			return true, unusable(path, err)
		}
		path = wd + "/" + path // filepath.Abs would take "link/.." for nothing
	}
	at, left := "/", strings.Split(path, "/")
	above, err := os.Lstat(at)
	for links := 0; err == nil; {
		if len(left) == 0 {
			return true, nil
		}
		next := filepath.Join(at, left[0]) // for "..": at has no links left in it
		left = left[1:]
		var here fs.FileInfo
		if here, err = os.Lstat(next); errors.Is(err, fs.ErrNotExist) {
			return false, squattable(next, above)
		} else if err != nil {
			break
		}
		if fault = judge(next, here, above); fault != nil {
			return true, fault
		}
		if here.Mode()&fs.ModeSymlink == 0 {
			at, above = next, here
			continue
		}
		if links++; links > maxLinks {
			return true, &Fault{Path: path, Problem: "too many symbolic links"}
		}
		var target string
		if target, err = os.Readlink(next); filepath.IsAbs(target) {
			at = "/"
			above, err = os.Lstat(at)
		}
		left = slices.Concat(strings.Split(target, "/"), left)
	}
	return true, unusable(path, err)
}

// unusable says that a path could not be followed.
func unusable(path string, err error) *Fault {
	if e, ok := errors.AsType[*fs.PathError](err); ok {
		err = e.Err // the path is said already
	}
	return &Fault{Path: path, Problem: err.Error()}
}

// squattable refuses a missing file that anybody could create.
func squattable(path string, above fs.FileInfo) *Fault {
	if writers(above) == "" {
		return nil
	}
	return &Fault{Path: path, Problem: "no such file, and others could create it there",
		Hint: "keep it in a directory of your own"}
}

// File says why a file or directory cannot be trusted, whatever is above it. The
// path is for messages; info, of package os, is what is judged: that of an
// opened file tells what was opened, whatever has the name by now.
func File(path string, info fs.FileInfo, uid int) *Fault {
	owner := info.Sys().(*syscall.Stat_t).Uid
	if owner == 0 || int(owner) == uid {
		return writable(path, info)
	}
	name, trusted, command := userName(uint32(uid)), "root", "chown "
	if uid != 0 {
		trusted += " or " + name
	}
	if info.Mode()&fs.ModeSymlink != 0 {
		command = "chown -h "
	}
	return foreign(path, info, trusted, command+name+" "+quoted(path))
}

// writable says that others may write to a file or directory, where that lets
// them replace something. A link has no mode that counts.
func writable(path string, info fs.FileInfo) *Fault {
	mode := info.Mode()
	if mode.IsDir() && mode&fs.ModeSticky != 0 || mode&(fs.ModeSocket|fs.ModeSymlink) != 0 {
		return nil
	}
	if who := writers(info); who != "" {
		return open(path, info, who+" may write it", "chmod go-w")
	}
	return nil
}

// writers returns who may write to something besides its owner, or "".
func writers(info fs.FileInfo) string {
	stat, mode := info.Sys().(*syscall.Stat_t), info.Mode().Perm()
	switch {
	case mode&0o002 != 0:
		return "everybody"
	case mode&0o020 != 0 && !private(stat.Uid, stat.Gid):
		return "group " + groupName(stat.Gid)
	}
	return ""
}

// Own says why a file or directory is not uid's alone: it belongs to somebody
// else, be it root, or its mode has one of the bits of mask, which are 0o022
// where nobody else may write and 0o077 where nobody else may read either.
// Nothing is excepted. Its hint is never to chown: what somebody else has made
// is not to be trusted for having been taken over.
func Own(path string, info fs.FileInfo, uid int, mask fs.FileMode) *Fault {
	mode := info.Mode().Perm()
	switch {
	case int(info.Sys().(*syscall.Stat_t).Uid) != uid:
		return foreign(path, info, userName(uint32(uid)), "move it away")
	case mode&mask&0o022 != 0:
		return open(path, info, "others may write it", fmt.Sprintf("chmod %o", mode&^mask))
	case mode&mask != 0:
		return open(path, info, "open to others", fmt.Sprintf("chmod %o", mode&^mask))
	}
	return nil
}

func foreign(path string, info fs.FileInfo, trusted, hint string) *Fault {
	owner := userName(info.Sys().(*syscall.Stat_t).Uid)
	return &Fault{Path: path, Hint: hint,
		Problem: fmt.Sprintf("belongs to %s (mode %04o), not to %s", owner, info.Mode().Perm(), trusted)}
}

func open(path string, info fs.FileInfo, problem, command string) *Fault {
	owner := userName(info.Sys().(*syscall.Stat_t).Uid)
	return &Fault{Path: path, Hint: command + " " + quoted(path),
		Problem: fmt.Sprintf("%s (owner %s, mode %04o)", problem, owner, info.Mode().Perm())}
}
