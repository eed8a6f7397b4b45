package apps

import (
	"fmt"
	"slices"
	"strings"

	"github.com/vendord/vendord/peer"
	"github.com/vendord/vendord/profiles"
)

// rule is how the kernel recognises an app's programs: all of its keys must
// hold. They stand in the order of what they cost: a number that is known
// already, groups from a user database, the path of a control group, and last
// the processes, for which all open files of the machine may have to be read.
type rule []key

// key is one key of a match.
type key struct {
	name, want string
	// holds says whether it holds for a caller, and fails where that cannot be
	// told now, though it may be later.
	holds func(*facts) (bool, error)
	// is says what is so instead, for the owner: "its unit is …".
	is func(*facts) string
}

// newRule returns the rule of a match; exe finds out which file a path is.
func newRule(m profiles.Match) rule {
	var r rule
	add := func(name, want string, holds func(*facts) (bool, error), is func(*facts) string) {
		if want != "" {
			r = append(r, key{name, want, holds, is})
		}
	}
	add("user", m.User, func(f *facts) (bool, error) { return m.Known && f.caller.UID == m.UID, nil },
		func(f *facts) string {
			if !m.Known {
				return fmt.Sprintf("its user is #%d, and this machine has no user %q", f.caller.UID, m.User)
			}
			return fmt.Sprintf("its user is #%d, not %q", f.caller.UID, m.User)
		})
	add("group", m.Group, func(f *facts) (bool, error) {
		_, groups, err := f.names()
		return err == nil && slices.Contains(groups, m.Group), err
	}, func(f *facts) string { return fmt.Sprintf("its user #%d is not in group %q", f.caller.UID, m.Group) })
	inGroup := func(name, want, what string, of func(path string) string, fits func(is string) bool) {
		add(name, want, func(f *facts) (bool, error) {
			path, err := f.cgroup()
			if err != nil {
				return false, busy(err)
			}
			return fits(of(path)), nil
		}, func(f *facts) string { return f.inGroup(what, want, of) })
	}
	same := func(want string) func(string) bool {
		return func(is string) bool { return profiles.UnitFits(want, is) }
	}
	inGroup("unit", m.Unit, "unit", peer.SystemUnit, same(m.Unit))
	add("user_unit", m.UserUnit, func(f *facts) (bool, error) {
		path, err := f.cgroup()
		if err != nil {
			return false, busy(err)
		}
		unit, uid, ok := peer.UserUnit(path)
		// Below another user's service manager anything can be the caller's.
		return ok && uid == f.caller.UID && profiles.UnitFits(m.UserUnit, unit), nil
	}, func(f *facts) string { return f.inGroup("user unit", m.UserUnit, ownUnit(f.caller.UID)) })
	inGroup("cgroup", m.Cgroup, "control group", func(path string) string { return path },
		func(is string) bool { return profiles.CgroupFits(m.Cgroup, is) })
	inGroup("container", m.Container, "container", trustedContainer(m), func(is string) bool { return is == m.Container })
	add("exe", m.Exe, func(f *facts) (bool, error) { return f.runs(m.Exe) }, func(f *facts) string { return f.exe(m.Exe) })
	return r
}

// trustedContainer returns the container of a control group, if the rule trusts who
// could have named it. A user who knows another's container by its id, which is no
// secret, makes a directory of that name in their own user@1000.service, and asks
// from there. So below a unit the rule has to name that, or its user.
func trustedContainer(m profiles.Match) func(path string) string {
	return func(path string) string {
		id, within := peer.Container(path)
		_, uid, users := peer.UserUnit(path)
		if within == "" || m.Unit != "" && profiles.UnitFits(m.Unit, within) || users && m.Known && uid == m.UID {
			return id
		}
		return ""
	}
}

// ownUnit returns the unit of a user's own service manager.
func ownUnit(uid uint32) func(string) string {
	return func(path string) string {
		if unit, of, ok := peer.UserUnit(path); ok && of == uid {
			return unit
		}
		return ""
	}
}

// names is how the rule recognises, for the record: "user, unit".
func (r rule) names() string {
	names := make([]string, len(r))
	for i, k := range r {
		names[i] = k.name
	}
	return strings.Join(names, ", ")
}

// recognises says whether a caller is one of the rule's programs. The first key
// that does not hold ends it, so that what is expensive is asked only of who
// would otherwise be recognised.
func (r rule) recognises(f *facts) (bool, error) {
	for _, k := range r {
		if ok, err := k.holds(f); !ok || err != nil {
			return false, err
		}
	}
	return len(r) > 0, nil
}
