package main

import (
	"net/netip"
	"strings"
	"testing"

	"github.com/vendord/vendord/control"
	"github.com/vendord/vendord/profiles"
)

func TestRecognitionInWords(t *testing.T) {
	const id = "0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef"
	user := profiles.Match{User: "agent", UID: 1001, Known: true}
	with := func(m profiles.Match, change func(*profiles.Match)) profiles.Match { change(&m); return m }
	for _, test := range []struct {
		name    string
		app     profiles.App
		own     bool
		by      string
		is      control.Strength
		meaning string
	}{
		{"a token", profiles.App{}, false, "a token, shown by its user", control.ByToken, "whoever runs as that user and can read it"},
		{"from a network", profiles.App{From: []netip.Prefix{netip.MustParsePrefix("172.18.0.0/16"), netip.MustParsePrefix("10.0.0.0/8")}}, false,
			"a token, also from 172.18.0.0/16, 10.0.0.0/8", control.ByToken, "whoever can read it, there"},
		{"unidentified", profiles.App{Unidentified: true}, false, "a token, also from callers whose user is not known", control.ByToken, "whoever can read it"},
		{"a user", profiles.App{Match: user}, false, "user agent", control.Boundary, "every program of that user, and no other user's"},
		{"one's own user", profiles.App{Match: user}, true, "user agent", control.Convenience,
			"every program of that user, which is the one that runs vendord"},
		{"one's own user and an executable", profiles.App{Match: with(user, func(m *profiles.Match) { m.Exe = "/usr/bin/aws" })}, true,
			"user agent, executable /usr/bin/aws", control.Convenience, "every program of that user, which is the one that runs vendord"},
		{"another user and an executable", profiles.App{Match: with(user, func(m *profiles.Match) { m.Exe = "/usr/bin/aws" })}, false,
			"user agent, executable /usr/bin/aws", control.Boundary, "every program of that user, and no other user's"},
		{"another user's unit", profiles.App{Match: with(user, func(m *profiles.Match) { m.UserUnit = "sync.service" })}, false,
			"user agent, user unit sync.service", control.Boundary, "every program of that user, and no other user's"},
		{"another user's control group", profiles.App{Match: with(user, func(m *profiles.Match) { m.Cgroup = "/x" })}, false,
			"user agent, control group /x", control.Boundary, "every program of that user, and no other user's"},
		{"a unit under a user", profiles.App{Match: with(user, func(m *profiles.Match) { m.Unit = "agent.service" })}, false,
			"user agent, unit agent.service", control.Boundary, "root, who can start something there, and who runs as that user, by taking over what runs there"},
		{"a unit", profiles.App{Match: profiles.Match{Unit: "agent@*.service"}}, false, "unit agent@*.service", control.Boundary,
			"root, who can start something there, and who runs as its user, by taking over what runs there"},
		{"a group", profiles.App{Match: profiles.Match{Group: "ci"}}, false, "group ci", control.Boundary, "every user of that group, and nobody else"},
		{"a container", profiles.App{Match: profiles.Match{Container: id}}, false, "container 0123456789ab", control.Boundary,
			"root, and who may use its container engine"},
		{"a control group", profiles.App{Match: profiles.Match{Cgroup: "/x"}}, false, "control group /x", control.Convenience,
			"whoever may move processes into that control group"},
		{"an executable", profiles.App{Match: profiles.Match{Exe: "/usr/bin/aws"}}, false, "executable /usr/bin/aws", control.Convenience,
			"whoever may run that file: they decide what it does"},
		{"a user and a token", profiles.App{Match: user, Both: true}, false, "user agent, and a token", control.Boundary,
			"every program of that user, and no other user's, with the token"},
		{"one's own user and a token", profiles.App{Match: user, Both: true}, true, "user agent, and a token", control.ByToken,
			"who can read the token; the rest is a convenience"},
	} {
		t.Run(test.name, func(t *testing.T) {
			if got := recognised(test.app, test.own); got != (recognition{test.by, test.is, test.meaning}) {
				t.Errorf("recognised: got %+v, want %q, %s, %q", got, test.by, test.is, test.meaning)
			}
		})
	}
	for is, want := range map[control.Strength]string{control.Boundary: "a boundary", control.Convenience: "a convenience, no boundary",
		control.ByToken: "as good as where the token is kept"} {
		if got := strengthInWords(is); !strings.HasPrefix(got, want) {
			t.Errorf("strength %s: got %q, want %q", is, got, want)
		}
	}
}
