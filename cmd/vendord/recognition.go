package main

import (
	"strings"

	"github.com/vendord/vendord/control"
	"github.com/vendord/vendord/profiles"
)

// recognition is how an app's programs are recognised, and how good that is, in
// words for who reads them for the first time.
type recognition struct {
	by       string
	strength control.Strength
	// meaning says who could pass for such a program.
	meaning string
}

// recognised puts an app's recognition into words. own says whether a match is
// about the user who runs vendord, all of whose programs can do the same.
func recognised(a profiles.App, own bool) recognition {
	if !a.Match.Any() {
		return byToken(a)
	}
	r := recognition{by: keysInWords(a.Match)}
	r.strength, r.meaning = strengthOf(a.Match, own)
	if a.Both {
		r.by += ", and a token"
		r.meaning += ", with the token"
		if r.strength == control.Convenience { // the token is what another program lacks
			r.strength, r.meaning = control.ByToken, "who can read the token; the rest is a convenience"
		}
	}
	return r
}

func byToken(a profiles.App) recognition {
	r := recognition{by: "a token, shown by its user", strength: control.ByToken, meaning: "whoever runs as that user and can read it"}
	switch {
	case a.Unidentified:
		r.by, r.meaning = "a token, also from callers whose user is not known", "whoever can read it"
	case len(a.From) > 0:
		var from []string
		for _, network := range a.From {
			from = append(from, network.String())
		}
		r.by, r.meaning = "a token, also from "+strings.Join(from, ", "), "whoever can read it, there"
	}
	return r
}

// keysInWords lists the keys of a match, as vendord.toml has them.
func keysInWords(m profiles.Match) string {
	var parts []string
	for _, key := range []struct{ name, value string }{{"user", m.User}, {"group", m.Group}, {"unit", m.Unit},
		{"user unit", m.UserUnit}, {"control group", m.Cgroup}, {"container", shortID(m.Container)}, {"executable", m.Exe}} {
		if key.value != "" {
			parts = append(parts, key.name+" "+key.value)
		}
	}
	return strings.Join(parts, ", ")
}

// shortID is a container's id as its tools show it.
func shortID(id string) string { return id[:min(len(id), 12)] }

// strengthOf says how good a match is: the best of its keys, since all must hold. A
// user cannot be taken for another without being root, and a container and a
// system's unit have doors that only root opens. What one user's programs can bring
// about for one another is a convenience.
func strengthOf(m profiles.Match, own bool) (control.Strength, string) {
	switch {
	case own:
		return control.Convenience, "every program of that user, which is the one that runs vendord"
	case m.User != "" && m.Unit+m.Container != "":
		return control.Boundary, "root, who can start something there, and who runs as that user, by taking over what runs there"
	case m.User != "":
		return control.Boundary, "every program of that user, and no other user's"
	case m.Group != "":
		return control.Boundary, "every user of that group, and nobody else"
	case m.Container != "":
		return control.Boundary, "root, and who may use its container engine"
	case m.Unit != "":
		return control.Boundary, "root, who can start something there, and who runs as its user, by taking over what runs there"
	case m.Cgroup != "":
		return control.Convenience, "whoever may move processes into that control group"
	}
	return control.Convenience, "whoever may run that file: they decide what it does"
}

// strengthInWords is what `vendord apps` says of a strength.
func strengthInWords(s control.Strength) string {
	switch s {
	case control.Boundary:
		return "a boundary"
	case control.Convenience:
		return "a convenience, no boundary"
	}
	return "as good as where the token is kept"
}
