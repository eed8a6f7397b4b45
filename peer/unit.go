package peer

import (
	"strconv"
	"strings"
)

// A control group's path says who manages a process (systemd, "Control group
// APIs and delegation"): slices, and then a unit, below which everything is the
// unit's own affair. A user may make any directory below the unit that is the
// user's own, user@1000.service, and a container any below its own: so what counts
// is the first thing on the path that is no slice, and never the last.

// SystemUnit returns the unit of the system's service manager that a control group
// belongs to: "sshd.service" for /system.slice/sshd.service/x. It returns "" for
// one that belongs to none, such as that of a container that systemd did not make.
func SystemUnit(cgroup string) string {
	unit, _ := firstUnit(cgroup)
	return unit
}

// UserUnit returns the unit of a user's service manager, and the user, that a
// control group belongs to: "app.service" and 1000 for
// /user.slice/user-1000.slice/user@1000.service/app.slice/app.service. ok is false
// for one that belongs to none. The user can move any of their processes into it.
func UserUnit(cgroup string) (unit string, uid uint32, ok bool) {
	manager, below := firstUnit(cgroup)
	number, isManager := strings.CutPrefix(manager, "user@")
	number, isService := strings.CutSuffix(number, ".service")
	id, err := strconv.ParseUint(number, 10, 32)
	if !isManager || !isService || err != nil || strconv.FormatUint(id, 10) != number {
		return "", 0, false
	}
	unit, _ = firstUnit(below)
	return unit, uint32(id), unit != ""
}

// Container returns the id of the container that a control group belongs to: the
// outermost 64 hexadecimal digits on its path. A container can make directories
// below its own and name them for another, and nothing above.
//
// within is the unit below which that stands, and empty for a container that is a
// unit of its own (docker-ID.scope) or no unit's (/docker/ID). Whoever has that
// unit, as users have user@1000.service, can make directories there and name them
// for any container: the id says nothing but to who trusts the unit.
func Container(cgroup string) (id, within string) {
	unit, below := firstUnit(cgroup)
	if id := containerID(unit); id != "" {
		return id, ""
	}
	if unit == "" {
		below = cgroup
	}
	for name := range strings.SplitSeq(below, "/") {
		if id := containerID(name); id != "" {
			return id, unit
		}
	}
	return "", ""
}

// containerID returns the container's id that is part of a name.
func containerID(name string) string {
	for word := range strings.FieldsFuncSeq(name, func(r rune) bool { return r == '-' || r == '.' || r == ':' }) {
		if len(word) == idDigits && strings.Trim(word, "0123456789abcdef") == "" {
			return word
		}
	}
	return ""
}

// idDigits are those of a container's id.
const idDigits = 64

// firstUnit returns the first unit on a path, and what is below it. Something
// that is neither a slice nor a unit hides all below it: it is no service
// manager's.
func firstUnit(path string) (unit, below string) {
	for rest := strings.TrimPrefix(path, "/"); rest != ""; {
		var name string
		name, rest, _ = strings.Cut(rest, "/")
		name = strings.TrimPrefix(name, "_") // systemd's way to tell a unit from the kernel's own files
		switch {
		case !isUnit(name):
			return "", ""
		case !strings.HasSuffix(name, ".slice"):
			return name, rest
		}
	}
	return "", ""
}

// isUnit reports whether a name can be a unit's (systemd.unit(5)).
func isUnit(name string) bool {
	i := strings.LastIndexByte(name, '.')
	if i < 1 || len(name) > 255 {
		return false
	}
	switch name[i+1:] {
	case "service", "scope", "slice", "socket", "mount", "swap":
	default:
		return false
	}
	const letters = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789:-_.\\@"
	return strings.Trim(name, letters) == ""
}
