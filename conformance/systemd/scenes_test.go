//go:build machine

// Package systemd_test has programs ask vendord from wherever a real systemd puts
// them: see the script run beside it.
package systemd_test

import (
	"regexp"
	"testing"

	"github.com/vendord/vendord/conformance/machine"
)

func newMachine(t *testing.T) *machine.Machine { return machine.New(t, users, "", apps, "") }

// TestScenes: programs are where the other tests mean them to be. Without that,
// those would show nothing.
func TestScenes(t *testing.T) {
	m := newMachine(t)
	for name, test := range map[string]struct {
		a    machine.Answer
		want string
	}{
		"a unit":              {m.Unit("web", "User=web"), `^/system\.slice/web\.service$`},
		"a template's":        {m.Unit("worker@1", "User=worker"), `^/system\.slice/(system-worker\.slice/)?worker@1\.service$`},
		"a dynamic user's":    {m.Unit("dynamic", "DynamicUser=yes"), `^/system\.slice/dynamic\.service$`},
		"a group of its own":  {m.Unit("web", "User=web Delegate=yes", "-group", "/system.slice/web.service/own"), `^/system\.slice/web\.service/own$`},
		"no unit of its own":  {m.As("web"), `^/system\.slice/command\.service$`},
		"a login":             {m.Login("jane"), `^/user\.slice/user-\d+\.slice/session-\w+\.scope$`},
		"a user's unit":       {m.UserUnit("jane", "job"), `^/user\.slice/user-\d+\.slice/user@\d+\.service/app\.slice/job\.service$`},
		"a user's own groups": {m.UserUnit("mallory", "job", "-group", m.Under("mallory", "/system.slice/web.service")), `/user@\d+\.service/system\.slice/web\.service$`},
	} {
		t.Run(name, func(t *testing.T) {
			if !regexp.MustCompile(test.want).MatchString(test.a.Cgroup) || test.a.Status == 0 {
				t.Errorf("got %+v, want an answer, and the control group %s", test.a, test.want)
			}
		})
	}
}
