package profiles

import (
	"cmp"
	"maps"
	"slices"
)

// neighbours are the apps, and the people, of one user.
type neighbours struct {
	shells map[uint32]string // that users log in with
	apps   map[uint32][]App  // that the kernel recognises, alone or with a token
	tokens string            // the first app of tokens alone
	pairs  int               // that were compared
}

// boundaries warns of apps whose programs others can pass for, though every rule
// holds: the kernel keeps users apart, and hardly anything within one.
func (l *loader) boundaries() {
	n := neighbours{shells: make(map[uint32]string), apps: make(map[uint32][]App)}
	names := slices.Sorted(maps.Keys(l.config.Apps))
	for _, name := range names {
		switch app := l.config.Apps[name]; {
		case app.Match.Known:
			n.apps[app.Match.UID] = append(n.apps[app.Match.UID], app)
		case !app.Match.Any():
			n.tokens = cmp.Or(n.tokens, name)
		}
	}
	if len(n.apps) > 0 {
		for _, account := range l.accounts() {
			n.shells[account.UID] = cmp.Or(n.shells[account.UID], account.logsIn())
		}
	}
	for _, name := range names {
		if app := l.config.Apps[name]; app.Match.Any() && !l.warnings.full() {
			l.otherPrograms(app, n)
			l.conveniences(app)
			l.withTokens(app, &n)
		}
	}
}

// place returns the key that says where a program runs, if there is one: what a
// service manager keeps apart.
func (m Match) place() string {
	for _, key := range []struct{ name, value string }{{"unit", m.Unit}, {"container", m.Container}, {"cgroup", m.Cgroup}} {
		if key.value != "" {
			return key.name
		}
	}
	return ""
}

// otherPrograms is about those of the same user: ptrace needs no more than that,
// though nobody enters another's control group.
func (l *loader) otherPrograms(app App, n neighbours) {
	m, at := app.Match, path{"apps", app.Name, "match"}
	place, user := m.place(), at
	if l.file.Apps[app.Name].Match.named("user") {
		user = at.to("user")
	}
	other := slices.IndexFunc(n.apps[m.UID], func(a App) bool { return a.Name != app.Name })
	switch {
	case m.Known && m.UID == 0:
		l.doubt(user, "give the program a user of its own", "relays are root's, such as docker-proxy and those of ssh: whoever reaches one can be this app")
	case place == "":
	case m.User == "":
		l.doubt(at.to(place), `add user = "…", the one that it runs as`, "without user every program in it matches, root's helpers as well")
	case !m.Known:
	case n.shells[m.UID] != "":
		l.doubt(user, "give it a user of its own that cannot log in",
			"user %s can log in (%s): whoever does can take over the %s's programs, and so be this app", m.User, n.shells[m.UID], place)
	case other >= 0:
		l.doubt(user, "give each a user of its own", "user %s is also that of app %q: the programs of one can take over those of the other",
			m.User, n.apps[m.UID][other].Name)
	}
}

// conveniences is about keys that a user's own programs get round.
func (l *loader) conveniences(app App) {
	m, at := app.Match, path{"apps", app.Name, "match"}
	if m.UserUnit != "" {
		l.doubt(at.to("user_unit"), "", "a convenience, not a boundary: user %s can move any program there", m.User)
	}
	who := "anybody"
	switch place := m.place(); {
	case place != "":
		who = "any program of the " + place
	case m.User != "":
		who = "user " + m.User
	case m.Group != "":
		who = "any member of " + m.Group
	}
	if m.Exe != "" {
		l.doubt(at.to("exe"), "", "a convenience, not a boundary: %s can start it for any purpose", who)
	}
}

// withTokens is about apps of the same user whose programs need a token: without
// one they can be this app. In user mode tokens are that one user's.
func (l *loader) withTokens(app App, n *neighbours) {
	if app.Both || !app.Match.Known {
		return
	}
	tokens := ""
	if !l.options.System && int(app.Match.UID) == l.options.UID {
		tokens = n.tokens
	}
	for _, other := range n.apps[app.Match.UID] {
		if n.pairs++; tokens != "" || n.pairs > maxPairs {
			break
		}
		if one, _ := app.Match.excludes(&other.Match); other.Both && one == "" {
			tokens = other.Name
		}
	}
	if tokens != "" {
		l.doubt(path{"apps", app.Name, "match"}, "recognise the apps of one user in one way",
			"the programs of app %q, which need a token, are user %s's as well: they can be this app without one", tokens, app.Match.User)
	}
}
