//go:build unix

package profiles

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"os/user"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"syscall"
)

// maxLinks is how many symbolic links a path may go through, as in Linux.
const maxLinks = 40

// trust follows a path component by component, through symbolic links, and
// returns the first thing on it that somebody other than root and the user uid
// could replace: whoever can write vendord.toml, a policy file or a directory
// above them decides what is handed out. Since everything on the way is in
// trusted hands, nobody else can exchange it between this check and the
// reading.
//
// Excepted are sticky directories such as /tmp, where others cannot touch what
// is not theirs (but can create what is missing), and the owner's private
// group.
func trust(file string, uid int) (exists bool, distrust *Problem) {
	at := "/"
	left := strings.Split(filepath.Clean(file), "/")
	here, err := os.Lstat(at)
	for links := 0; err == nil; {
		if distrust = suspect(at, here, uid); distrust != nil {
			return true, distrust
		}
		left = slices.DeleteFunc(left, func(s string) bool { return s == "" || s == "." })
		if len(left) == 0 {
			return true, nil
		}
		next := filepath.Join(at, left[0]) // for "..": at has no links left in it
		left = left[1:]
		above := here
		if here, err = os.Lstat(next); errors.Is(err, fs.ErrNotExist) {
			return false, squattable(next, above)
		}
		if err != nil || here.Mode()&fs.ModeSymlink == 0 {
			at = next
			continue
		}
		if links++; links > maxLinks {
			return true, &Problem{File: file, Problem: "too many symbolic links"}
		}
		if distrust = stranger(next, here, uid, "chown -h"); distrust != nil {
			return true, distrust
		}
		var target string
		if target, err = os.Readlink(next); err != nil {
			break
		}
		if filepath.IsAbs(target) {
			at = "/"
		}
		left = append(strings.Split(target, "/"), left...)
		here, err = os.Lstat(at)
	}
	return true, &Problem{File: file, Problem: reason(err)}
}

// squattable refuses a missing file that anybody could create.
func squattable(file string, above fs.FileInfo) *Problem {
	if above.Mode().Perm()&0o022 == 0 || above.Mode()&fs.ModeSticky == 0 {
		return nil
	}
	return &Problem{File: file, Problem: "no such file, and others could create it there",
		Hint: "keep it in a directory of your own"}
}

// suspect says why a file or directory cannot be trusted, or returns nil.
// Access control lists need no look of their own: where there is one, the
// group's bits are its mask.
func suspect(file string, info fs.FileInfo, uid int) *Problem {
	if p := stranger(file, info, uid, "chown"); p != nil {
		return p
	}
	if info.IsDir() && info.Mode()&fs.ModeSticky != 0 {
		return nil
	}
	stat := info.Sys().(*syscall.Stat_t)
	mode := info.Mode().Perm()
	who := ""
	switch {
	case mode&0o002 != 0:
		who = "everybody"
	case mode&0o020 != 0 && !private(stat.Uid, stat.Gid):
		who = "group " + groupName(stat.Gid)
	default:
		return nil
	}
	return &Problem{File: file, Problem: fmt.Sprintf("%s may write it (owner %s, mode %04o)", who, userName(stat.Uid), mode),
		Hint: "chmod go-w " + quoted(file)}
}

// stranger says that a file belongs to somebody who is not trusted.
func stranger(file string, info fs.FileInfo, uid int, command string) *Problem {
	stat := info.Sys().(*syscall.Stat_t)
	if stat.Uid == 0 || int(stat.Uid) == uid {
		return nil
	}
	trusted := "root"
	if uid != 0 {
		trusted += " or " + userName(uint32(uid))
	}
	return &Problem{File: file, Hint: command + " " + userName(uint32(uid)) + " " + quoted(file),
		Problem: fmt.Sprintf("belongs to %s (mode %04o), not to %s", userName(stat.Uid), info.Mode().Perm(), trusted)}
}

// private reports whether a group is its owner's alone, as on systems where
// every user has a group of the same name and a umask of 002.
func private(uid, gid uint32) bool {
	owner, err := user.LookupId(strconv.Itoa(int(uid)))
	if err != nil || owner.Gid != strconv.Itoa(int(gid)) {
		return false
	}
	group, err := user.LookupGroupId(owner.Gid)
	return err == nil && group.Name == owner.Username && onlyMember(group.Name, owner.Username)
}

// onlyMember reports whether /etc/group puts nobody else into a group. Groups
// kept elsewhere cannot be listed; there the name has to do.
func onlyMember(group, owner string) bool {
	text, err := os.ReadFile("/etc/group")
	if err != nil {
		return true
	}
	for line := range strings.Lines(string(text)) {
		fields := strings.Split(strings.TrimSpace(line), ":")
		if len(fields) == 4 && fields[0] == group && fields[3] != "" && fields[3] != owner {
			return false
		}
	}
	return true
}

// userName returns a name for messages, or the number where there is none, as
// in containers.
func userName(uid uint32) string {
	id := strconv.Itoa(int(uid))
	if u, err := user.LookupId(id); err == nil {
		return u.Username
	}
	return id
}

// groupName is userName for groups.
func groupName(gid uint32) string {
	id := strconv.Itoa(int(gid))
	if g, err := user.LookupGroupId(id); err == nil {
		return g.Name
	}
	return id
}

// quoted returns a path as a shell takes it.
func quoted(file string) string {
	plain := func(r rune) bool { return alphanumeric(r) || strings.ContainsRune("/._-+@,", r) }
	if strings.IndexFunc(file, func(r rune) bool { return !plain(r) }) < 0 {
		return file
	}
	return "'" + strings.ReplaceAll(file, "'", `'\''`) + "'"
}
