//go:build machine

package systemd_test

import (
	"testing"

	"github.com/vendord/vendord/conformance/machine"
)

// users of the machine: web and worker run services, jane and mallory log in,
// mallory with nothing good in mind.
var users = []string{"web", "worker", "jane", "mallory", "batch", "twin", "tool", "both"}

// apps are what they may have.
const apps = `
[apps.web]
profiles = ["upload", "readonly"]
match    = {user = "web", unit = "web.service"}

[apps.worker]
profiles = ["upload"]
match    = {user = "worker", unit = "worker@*.service"}

[apps.dynamic]
profiles = ["upload"]
match    = {unit = "dynamic.service"}

[apps.job]
profiles = ["upload"]
match    = {user = "jane", user_unit = "job.service"}

[apps.batch]
profiles = ["upload"]
match    = {user = "batch", cgroup = "/night.slice"}

[apps.staff]
profiles = ["upload"]
match    = {group = "vendord-staff"}

[apps.relayed]
profiles = ["upload"]
match    = {user = "root", unit = "relayed.service"}

[apps.twin-one]
profiles = ["upload"]
match    = {user = "twin", unit = "twin.service"}

[apps.twin-two]
profiles = ["upload"]
match    = {user = "twin", cgroup = "/system.slice/twin.service"}

[apps.both]
profiles = ["upload"]
match    = {user = "both", unit = "both.service"}
require  = "both"
`

// executables are more apps, for which vendord's unit needs more rights than for all
// the others.
const executables = `
[apps.tool]
profiles = ["upload"]
match    = {user = "tool", exe = "/usr/local/bin/probe"}
`

// TestUnits: a program is of the unit that the service manager put it in, and of no
// other, whatever it calls itself.
func TestUnits(t *testing.T) {
	m := newMachine(t)
	web := func(args ...string) func() machine.Answer {
		return func() machine.Answer { return m.Unit("web", "User=web Delegate=yes", args...) }
	}
	named := func(unit, properties string, args ...string) func() machine.Answer {
		return func() machine.Answer { return m.Unit(unit, properties, args...) }
	}
	m.Run(
		machine.Caller("the unit, under its user", "web", web()),
		machine.Caller("the unit, stopped and started again", "web", web()),
		machine.Caller("the unit, in a control group that it made below its own", "web", web("-group", "/system.slice/web.service/pool/a")).In("/web.service/pool/a"),
		machine.Caller("the unit, under another user", "", named("web", "User=mallory")),
		machine.Caller("another unit of the unit's user", "", named("cron", "User=web")),
		machine.Caller("another unit, in a control group below its own that is named for the unit", "", named("cron", "User=web Delegate=yes", "-group", "/system.slice/cron.service/system.slice/web.service")).In("/cron.service/system.slice/web.service"),
		machine.Caller("a scope that is named for the unit", "", func() machine.Answer { return m.Scope("web", "web.service") }),
		machine.Caller("a template's instance", "worker", named("worker@1", "User=worker")),
		machine.Caller("another instance", "worker", named("worker@2", "User=worker")),
		machine.Caller("the template's name without an instance", "", named("worker", "User=worker")),
		machine.Caller("another template, whose name begins alike", "", named("worker-x@1", "User=worker")),
		machine.Caller("a unit with DynamicUser", "dynamic", named("dynamic", "DynamicUser=yes")),
		machine.Caller("another unit with DynamicUser", "", named("dynamic-x", "DynamicUser=yes")),
		machine.Caller("a unit of the slice", "batch", named("tonight", "User=batch Slice=night.slice")),
		machine.Caller("a unit of a slice below", "batch", named("tonight", "User=batch Slice=night-late.slice")),
		machine.Caller("a unit of another slice, whose name begins alike", "", named("tonight", "User=batch Slice=nights.slice")),
		machine.Caller("a unit that two apps match", "", named("twin", "User=twin")),
	)
}

// TestPeople: whoever is logged in as a unit's user is not the unit; a user's own
// units are that user's alone.
func TestPeople(t *testing.T) {
	m := newMachine(t)
	m.Do("groupadd -f vendord-staff")
	m.Do("usermod -a -G vendord-staff worker")
	stop := m.Start("web", "User=web Delegate=yes", "sleep", "60")
	defer stop()
	m.Run(
		machine.Caller("a login of the unit's user", "", func() machine.Answer { return m.Login("web") }),
		machine.Caller("a login of the unit's user, which tries to move into the running unit's own control groups", "",
			func() machine.Answer { return m.Login("web", "-group", "/system.slice/web.service/mine") }).In(".scope"),
		machine.Caller("a user's unit, named like the system's", "", func() machine.Answer { return m.UserUnit("web", "web") }),
		machine.Caller("a user's unit", "job", func() machine.Answer { return m.UserUnit("jane", "job") }),
		machine.Caller("another unit of that user", "", func() machine.Answer { return m.UserUnit("jane", "other") }),
		machine.Caller("a login of that user", "", func() machine.Answer { return m.Login("jane") }),
		machine.Caller("another user's unit of the same name", "", func() machine.Answer { return m.UserUnit("mallory", "job") }),
		machine.Caller("a unit of the system, of the same name and under that user", "", func() machine.Answer { return m.Unit("job", "User=jane") }),
		machine.Caller("a control group below a user's own manager, named for the system's unit", "",
			func() machine.Answer {
				return m.UserUnit("web", "x", "-group", m.Under("web", "/system.slice/web.service"))
			}).In(".service/system.slice/web.service"),
		machine.Caller("a control group below a user's own manager, named for another's unit", "",
			func() machine.Answer {
				return m.UserUnit("mallory", "x", "-group", m.Under("mallory", m.Under("jane", "/app.slice/job.service")))
			}).In(".service/app.slice/job.service"),
		machine.Caller("a member of the group", "staff", func() machine.Answer { return m.Login("worker") }),
		machine.Caller("no member of the group", "", func() machine.Answer { return m.Login("mallory") }),
	)
}
