//go:build unix

package trust

import (
	"os"
	"os/user"
	"regexp"
	"strconv"
	"strings"
)

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

var plain = regexp.MustCompile(`^[A-Za-z0-9/._+@,-]+$`)

// quoted returns a path as a shell takes it.
func quoted(path string) string {
	if plain.MatchString(path) {
		return path
	}
	return "'" + strings.ReplaceAll(path, "'", `'\''`) + "'"
}
