package profiles

import (
	"math/rand/v2"
	"strings"
	"testing"

	"github.com/vendord/vendord/peer"
)

const (
	idA = "abababababababababababababababababababababababababababababababab"
	idB = "cdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcd"
)

func TestExcludes(t *testing.T) {
	user := func(uid uint32, m Match) Match {
		m.User, m.UID, m.Known = "u", uid, true
		return m
	}
	for _, test := range []struct {
		name string
		a, b Match
		want string
	}{
		{"the same", user(1, Match{}), user(1, Match{}), ""},
		{"users", user(1, Match{}), user(2, Match{}), "user user"},
		{"a user who is not known", user(1, Match{}), Match{User: "x"}, ""},
		{"any user", user(1, Match{}), Match{Unit: "a.service"}, ""},
		{"groups", Match{Group: "a"}, Match{Group: "b"}, ""},
		{"units", Match{Unit: "a.service"}, Match{Unit: "b.service"}, "unit unit"},
		{"a template and its instance", Match{Unit: "a@*.service"}, Match{Unit: "a@1.service"}, ""},
		{"a template and another's instance", Match{Unit: "a@*.service"}, Match{Unit: "b@1.service"}, "unit unit"},
		{"a template and no instance", Match{Unit: "a@*.service"}, Match{Unit: "a@.service"}, "unit unit"},
		{"templates", Match{UserUnit: "a@*.service"}, Match{UserUnit: "b@*.service"}, "user_unit user_unit"},
		{"control groups in one another", Match{Cgroup: "/a"}, Match{Cgroup: "/a/b"}, ""},
		{"control groups of one beginning", Match{Cgroup: "/a"}, Match{Cgroup: "/ab"}, "cgroup cgroup"},
		{"containers", Match{Container: idA}, Match{Container: idB}, "container container"},
		{"a container in a unit", Match{Container: idA}, Match{Unit: "a.service"}, ""},
		{"executables", Match{Exe: "/a"}, Match{Exe: "/b"}, "exe exe"},
		{"a unit and a user's", Match{Unit: "a.service"}, user(1, Match{UserUnit: "b.service"}), "unit user_unit"},
		{"a user's unit and its manager", user(1, Match{UserUnit: "b.service"}), Match{Unit: "user@1.service"}, ""},
		{"a user's unit and another's manager", user(1, Match{UserUnit: "b.service"}), Match{Unit: "user@2.service"}, "user_unit unit"},
		{"a user's unit and all managers", user(1, Match{UserUnit: "b.service"}), Match{Unit: "user@*.service"}, ""},
		{"a unit's control group", Match{Cgroup: "/system.slice/a.service/x"}, Match{Unit: "a.service"}, ""},
		{"another unit's control group", Match{Unit: "a.service"}, Match{Cgroup: "/system.slice/b.service"}, "unit cgroup"},
		{"a slice", Match{Unit: "a.service"}, Match{Cgroup: "/system.slice"}, ""},
		{"no service manager's control group", Match{Unit: "a.service"}, Match{Cgroup: "/docker"}, "unit cgroup"},
		{"a user's control group", user(1, Match{UserUnit: "b.service"}), Match{Cgroup: "/user.slice/user-1.slice/user@1.service/app.slice"}, ""},
		{"another user's control group", user(1, Match{UserUnit: "b.service"}), Match{Cgroup: "/user.slice/user-2.slice/user@2.service"}, "user_unit cgroup"},
		{"another unit of the user", user(1, Match{UserUnit: "b.service"}), Match{Cgroup: "/user.slice/user@1.service/c.service"}, "user_unit cgroup"},
		{"a session's control group", user(1, Match{UserUnit: "b.service"}), Match{Cgroup: "/user.slice/session-1.scope"}, "user_unit cgroup"},
		{"a container's control group", Match{Container: idA}, Match{Cgroup: "/docker/" + idA}, ""},
		{"another container's control group", Match{Container: idA}, Match{Cgroup: "/docker/" + idB + "/x"}, "container cgroup"},
		{"a control group above containers", Match{Container: idA}, Match{Cgroup: "/docker"}, ""},
	} {
		t.Run(test.name, func(t *testing.T) {
			one, other := test.a.excludes(&test.b)
			if got := strings.TrimSpace(one + " " + other); got != test.want {
				t.Errorf("excludes: got %q, want %q", got, test.want)
			}
			two, another := test.b.excludes(&test.a)
			if one != another || other != two {
				t.Errorf("excludes: got %q and %q, and %q and %q the other way round", one, other, two, another)
			}
		})
	}
}

// TestExcludesIsCertain makes rules, and callers, of few words: no caller fits two
// rules that exclude one another.
func TestExcludesIsCertain(t *testing.T) {
	random := rand.New(rand.NewPCG(3, 4))
	pick := func(words ...string) string { return words[random.IntN(len(words))] }
	steps := []string{"", "", "/system.slice", "/user.slice", "/docker", "/a.service", "/a@1.service", "/b.service", "/user@1.service", "/user@2.service", "/" + idA, "/" + idB + ".scope", "/x"}
	group := func() string { return pick(steps...) + pick(steps...) + pick(steps...) }
	rule := func() (m Match) {
		if random.IntN(3) > 0 {
			m.User, m.UID, m.Known = "u", uint32(1+random.IntN(2)), true
			m.UserUnit = pick("", "", "a.service", "a@*.service", "b.service")
		}
		m.Unit = pick("", "", "a.service", "a@*.service", "b.service", "user@1.service", "user@*.service")
		m.Container, m.Exe = pick("", "", idA, idB), pick("", "", "/x", "/y")
		m.Cgroup = pick("", "", group())
		return m
	}
	type caller struct {
		uid         uint32
		cgroup, exe string
	}
	fits := func(m Match, c caller) bool {
		unit, uid, ok := peer.UserUnit(c.cgroup)
		return (m.User == "" || m.UID == c.uid) && (m.Unit == "" || sameUnits(m.Unit, peer.SystemUnit(c.cgroup))) &&
			(m.UserUnit == "" || ok && uid == c.uid && sameUnits(m.UserUnit, unit)) && (m.Cgroup == "" || CgroupFits(m.Cgroup, c.cgroup)) &&
			(m.Container == "" || m.Container == containerOf(c.cgroup)) && (m.Exe == "" || m.Exe == c.exe)
	}
	both := 0
	for range 1_000 {
		a, b := rule(), rule()
		one, other := a.excludes(&b)
		for range 100 {
			c := caller{uint32(1 + random.IntN(2)), group() + pick(steps...), pick("/x", "/y")}
			if !fits(a, c) || !fits(b, c) {
				continue
			}
			if both++; one != "" {
				t.Fatalf("excludes: got %s and %s for %+v and %+v, but %+v fits both", one, other, a, b, c)
			}
		}
	}
	if both < 100 {
		t.Errorf("%d callers fit both rules, want 100 and more: the test tells little", both)
	}
}
