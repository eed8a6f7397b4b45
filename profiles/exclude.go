package profiles

import (
	"strconv"

	"github.com/vendord/vendord/peer"
)

// excludes returns two keys, one of m and one of o, that cannot both hold for one
// program; "" where there are none, and one program may match both. What is not
// certain to exclude does not. Both have right values; a user who is not known
// excludes nobody.
func (m *Match) excludes(o *Match) (one, other string) {
	switch {
	case m.User != "" && o.User != "" && m.Known && o.Known && m.UID != o.UID:
		return "user", "user"
	case apart(m.Unit, o.Unit, sameUnits):
		return "unit", "unit"
	case apart(m.UserUnit, o.UserUnit, sameUnits):
		return "user_unit", "user_unit"
	case apart(m.Cgroup, o.Cgroup, func(a, b string) bool { return CgroupFits(a, b) || CgroupFits(b, a) }):
		return "cgroup", "cgroup"
	case apart(m.Container, o.Container, func(a, b string) bool { return a == b }):
		return "container", "container"
	case apart(m.Exe, o.Exe, func(a, b string) bool { return a == b }):
		return "exe", "exe"
	}
	if one, other = m.excludesKinds(o); one == "" {
		other, one = o.excludesKinds(m)
	}
	return one, other
}

// excludesKinds is excludes for keys of different kinds: what m has of a system's
// unit and of a control group, and o of what is inside.
func (m *Match) excludesKinds(o *Match) (one, other string) {
	switch {
	case m.Unit != "" && o.UserUnit != "" && o.Known && !sameUnits(m.Unit, manager(o.UID)):
		return "unit", "user_unit"
	case m.Cgroup == "":
	case o.Unit != "" && !holdsUnit(m.Cgroup, o.Unit):
		return "cgroup", "unit"
	case o.UserUnit != "" && o.Known && !holdsUserUnit(m.Cgroup, o.UserUnit, o.UID):
		return "cgroup", "user_unit"
	case o.Container != "" && containerOf(m.Cgroup) != "" && containerOf(m.Cgroup) != o.Container:
		return "cgroup", "container"
	}
	return one, other
}

// apart reports whether two values are given that do not meet.
func apart(a, b string, meet func(a, b string) bool) bool { return a != "" && b != "" && !meet(a, b) }

// manager is the system's unit that the units of a user run in.
func manager(uid uint32) string { return "user@" + strconv.FormatUint(uint64(uid), 10) + ".service" }

// sameUnits reports whether two names can be one unit's. Either can be all instances
// of a template.
func sameUnits(a, b string) bool { return UnitFits(a, b) || UnitFits(b, a) }

// below is a unit that could be in a control group; that of the path then says
// whether another one is.
const below = "x.service"

// holdsUnit reports whether a control group, or one below it, can be a unit's.
func holdsUnit(group, unit string) bool {
	found := peer.SystemUnit(group + "/" + below)
	return found == below || found != "" && sameUnits(found, unit)
}

// holdsUserUnit is holdsUnit for a unit of a user's own.
func holdsUserUnit(group, unit string, uid uint32) bool {
	if peer.SystemUnit(group+"/"+below) == below {
		return true // slices alone
	}
	found, of, ok := peer.UserUnit(group + "/" + below)
	return ok && of == uid && (found == below || sameUnits(found, unit))
}

// containerOf returns the container that a control group belongs to.
func containerOf(cgroup string) string {
	id, _ := peer.Container(cgroup)
	return id
}
