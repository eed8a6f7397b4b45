package profiles

import "strings"

// Match says which programs are an app's, by what the kernel knows of them. Each
// key that is given must hold.
type Match struct {
	// User is the user that the program's connection belongs to, by name; empty,
	// which only the system service has, is any. UID is the user's number when the
	// configuration was loaded, and Known says whether there was one: a User
	// without it is nobody.
	User  string
	UID   uint32
	Known bool
	// Group is a group that the user is a member of, by the name that the system
	// gives its number, or "#" and the number.
	Group string
	// Unit is a unit of the system's service manager; "worker@*.service" is every
	// instance of a template. UserUnit is one of the user's own.
	Unit, UserUnit string
	// Cgroup is the path of a control group, which has those below it as well.
	Cgroup string
	// Container is a container's id, 64 hexadecimal digits.
	Container string
	// Exe is the absolute path of an executable.
	Exe string
}

// Any reports whether any key is given.
func (m Match) Any() bool { return m != Match{} }

// UnitFits reports whether a unit is the one that a match wants, or of
// "name@*.service" one that is made from the template.
func UnitFits(want, unit string) bool {
	before, after, glob := strings.Cut(want, "@*.")
	if want == unit || !glob {
		return want == unit
	}
	instance, ok := strings.CutPrefix(unit, before+"@")
	instance, suffix := strings.CutSuffix(instance, "."+after)
	return ok && suffix && instance != ""
}

// CgroupFits reports whether a control group is the one that a match wants, or
// below it.
func CgroupFits(want, group string) bool {
	return group == want || strings.HasPrefix(group, want+"/")
}
