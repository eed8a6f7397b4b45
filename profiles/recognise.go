package profiles

import (
	"strings"

	"github.com/vendord/vendord/peer"
)

// matchKey is a key of match: what the kernel has to tell for it, and the check of
// its value.
type matchKey struct {
	name, value string
	needs       peer.Ability
	check       func(at path, value string) bool
}

// match checks how the kernel is to recognise an app's programs.
func (l *loader) match(at path, t *appTable) Match {
	if !t.named("match") {
		return Match{}
	}
	if t.has("match") && len(t.Match.keys) == 0 {
		l.wrong(at, `write match = { user = "…" }; the keys are user, group, unit, user_unit, cgroup, container and exe`,
			"empty: every program would match")
		return Match{}
	}
	given := &t.Match
	m := Match{Unit: given.Unit, UserUnit: given.UserUnit, Cgroup: given.Cgroup, Container: given.Container, Exe: given.Exe}
	keys := []matchKey{
		{"user", given.User, peer.Users, func(at path, name string) bool {
			m.UID, m.User, m.Known = l.identified(at, somebody{name: name})
			return true
		}},
		{"group", given.Group, peer.Users, func(at path, name string) bool {
			_, m.Group, _ = l.identified(at, somebody{group: true, name: name})
			return true
		}},
		{"unit", m.Unit, peer.Cgroup, l.unit},
		{"user_unit", m.UserUnit, peer.Cgroup, l.unitName}, // made while it is started, often
		{"cgroup", m.Cgroup, peer.Cgroup, l.cgroup},
		{"container", m.Container, peer.Cgroup, l.container},
		{"exe", m.Exe, peer.Processes, l.exe},
	}
	right := true
	for _, key := range keys {
		switch here := at.to(key.name); {
		case !given.has(key.name):
		case key.value == "":
			l.wrong(here, "write what is to be matched, or remove the key", "empty")
			right = false
		default:
			right = key.check(here, key.value) && right
		}
	}
	l.untold(at, given, keys)
	l.anybody(at, given, &m)
	if one, other := m.excludes(&m); right && one != "" {
		l.wrong(at.to(one), "keep one of them", "cannot hold together with %s: nobody would match", other)
	}
	return m
}

// anybody is about a match without a user. In user mode that is whoever runs
// vendord; a unit of a user's own is somebody's.
func (l *loader) anybody(at path, t *matchTable, m *Match) {
	switch {
	case t.named("user"):
	case !l.options.System:
		if m.Known = l.options.UID >= 0; m.Known { // it has no meaning on Windows
			m.UID = uint32(l.options.UID)
			m.User = l.machine.UserName(m.UID)
		}
	case t.named("user_unit"):
		l.wrong(at.to("user"), "name the user whose unit it is", "missing: user_unit is a unit of a user's own")
	}
}

// untold warns of keys that this system says nothing of: nobody matches them.
func (l *loader) untold(at path, t *matchTable, keys []matchKey) {
	if !l.machine.CanTell(peer.Users) {
		l.doubt(at, "remove match, and use tokens: vendord token issue", "this system does not tell whose a connection is: nobody matches")
		return
	}
	for _, key := range keys {
		if t.named(key.name) && !l.machine.CanTell(key.needs) {
			l.doubt(at.to(key.name), "remove it; user and group can be told", "this system does not tell the %s of a connection: nobody matches", key.needs)
		}
	}
}

// unit checks the name of a unit of the system's service manager, and whether there
// is one.
func (l *loader) unit(at path, name string) bool {
	if !l.unitName(at, name) {
		return false
	}
	if l.machine.HasUnit == nil || !strings.HasSuffix(name, ".service") {
		return true // scopes, mounts and the like come and go, without a file
	}
	template := name
	if i := strings.IndexByte(name, '@'); i >= 0 {
		template = name[:i] + "@.service"
	}
	if !l.machine.HasUnit(name) && !l.machine.HasUnit(template) {
		l.doubt(at, "systemctl list-unit-files shows those that are there", "there is no unit %s here: nobody matches until there is", name)
	}
	return true
}
