//go:build machine

package systemd_test

import (
	"sync"
	"testing"

	"github.com/vendord/vendord/conformance/machine"
)

// TestRestarts: what was switched stays switched, and who is recognised is
// recognised by a daemon that has just been started.
func TestRestarts(t *testing.T) {
	m := newMachine(t)
	profile := func() string {
		a := m.Unit("web", "User=web")
		e, _ := m.Event(a)
		return e.Profile
	}
	for _, step := range []struct{ do, want string }{
		{"systemctl restart vendord", "upload"},
		{"vendord use readonly --app web", "readonly"},
		{"systemctl restart vendord", "readonly"},
		{"systemctl kill --signal KILL --kill-who main vendord", "readonly"},
		{"vendord reload", "readonly"},
		{"vendord use upload --app web", "upload"},
		{"systemctl restart vendord", "upload"},
	} {
		m.Do(step.do)
		m.Ready()
		if got := profile(); got != step.want {
			t.Errorf("after %s: got the profile %q, want %q", step.do, got, step.want)
		}
	}
}

// TestCrowd: of many connections at once, each is its own maker's.
func TestCrowd(t *testing.T) {
	m := newMachine(t)
	var web, mallory machine.Answer
	m.Run(
		machine.Caller("500 connections of the unit's, while another user asks through 500", "web", func() machine.Answer {
			var both sync.WaitGroup
			both.Go(func() { mallory = m.As("mallory", "-crowd", "500") })
			both.Go(func() { web = m.Unit("web", "User=web LimitNOFILE=4096", "-crowd", "500") })
			both.Wait()
			return web
		}),
		machine.Caller("500 connections of another user's, meanwhile", "", func() machine.Answer { return mallory }),
	)
}

// TestNamespaces: a daemon in a namespace of users sees others as nobody, and
// nobody is who it must not take anyone for.
func TestNamespaces(t *testing.T) {
	m := machine.New(t, users, "", apps, "PrivateUsers=yes\n")
	m.Run(
		machine.Caller("the unit, asking a daemon that is in a namespace of users", "", func() machine.Answer { return m.Unit("web", "User=web") }),
		machine.Caller("a unit that is recognised without its user, asking that daemon", "", func() machine.Answer { return m.Unit("dynamic", "DynamicUser=yes") }),
		machine.Caller("another user, asking that daemon", "", func() machine.Answer { return m.As("mallory") }),
	)
}
