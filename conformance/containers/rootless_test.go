//go:build machine

package containers_test

import (
	"strings"
	"testing"

	"github.com/vendord/vendord/conformance/machine"
)

// unprivileged are the apps of three users who have containers of their own: one whom
// the app names alone, one whose unit it names as well, and one without any.
const unprivileged = `
[endpoints.imds]
listen = "169.254.169.254:80"

[endpoints.ecs]
listen = "169.254.170.2:80"

[apps.person]
profiles = ["upload"]
match    = {user = "person"}

[apps.job]
profiles = ["upload"]
match    = {user = "web", unit = "job.service"}

[apps.mine]
profiles = ["upload"]

[apps.anywhere]
profiles     = ["upload"]
unidentified = true
`

// TestRootless: what connects a rootless container to the network is a program of its
// user's, outside of it, and all that the kernel knows of the caller. An app that names
// a unit as well as its user is no container's of that user.
func TestRootless(t *testing.T) {
	m := machine.New(t, []string{"web", "person", "mallory"}, "", unprivileged, "")
	m.Rootless("web", "person", "mallory")
	issue := func(app string) string { return strings.TrimSpace(m.Do("vendord token issue " + app)) }
	mine, anywhere := issue("mine --user person"), issue("anywhere")
	at := func(session string) []string { return []string{"-url", metadata + "upload", "-metadata", session} }
	slirp := func(user string, probe ...string) func() machine.Answer {
		return m.RootlessContainer(user, append([]string{"--network=slirp4netns", "--"}, probe...)...)
	}
	// pasta's options are those that podman gives it.
	pasta := func(user string, probe ...string) func() machine.Answer {
		return m.Pasta(user, append([]string{"-t", "none", "-u", "none", "-T", "none", "-U", "none", "--no-map-gw", "--"}, probe...)...)
	}
	m.Run(
		machine.Caller("a user, at EC2's address", "person", func() machine.Answer { return m.As("person", at("/tmp/session-person")...) }),
		machine.Caller("the user's rootless container (slirp4netns), at EC2's address", "person", slirp("person", at("/session")...)),
		machine.Caller("the user's rootless container (pasta), at EC2's address", "person", pasta("person", at("/tmp/session-pasta")...)),
		machine.Caller("the user's rootless container on the host's network, at EC2's address", "person",
			m.RootlessContainer("person", append([]string{"--network=host", "--"}, at("/session")...)...)),
		machine.Caller("the user's rootless container (slirp4netns), at ECS's address, where the kernel decides", "person", slirp("person", "-url", process)),
		machine.Caller("the user's rootless container (pasta), at ECS's address, where the kernel decides", "person", pasta("person", "-url", process)),
		machine.Caller("the user's rootless container (slirp4netns), with the user's token", "mine", slirp("person", "-url", ecs, "-token", mine)),
		machine.Caller("the user's rootless container (slirp4netns), with a token for any container", "", slirp("person", "-url", ecs, "-token", anywhere)),
		machine.Caller("the user's rootless container (pasta), with a token for any container", "", pasta("person", "-url", ecs, "-token", anywhere)),
		machine.Caller("another user's rootless container (slirp4netns), with the user's token", "", slirp("mallory", "-url", ecs, "-token", mine)),
		machine.Caller("the user's rootless container (slirp4netns), at its own loopback address", "", slirp("person", "-url", machine.Process)).Silent(),
		machine.Caller("the user's rootless container (pasta), at its own loopback address", "", pasta("person", "-url", machine.Process)).Silent(),
		machine.Caller("the user's rootless container, which slirp4netns lets to the host's loopback", "person",
			m.RootlessContainer("person", "--network=slirp4netns:allow_host_loopback=true", "--", "-via", "10.0.2.2:9797", "-url", machine.Process)),
		machine.Caller("a rootless container of a user without an app (slirp4netns), at EC2's address", "", slirp("mallory", at("/session")...)),
		machine.Caller("a rootless container of a user without an app (pasta), at EC2's address", "", pasta("mallory", at("/tmp/session-pasta-mallory")...)),
		machine.Caller("a unit, at EC2's address, where the app names it and its user", "job", func() machine.Answer {
			return m.Unit("job", "User=web", at("/tmp/session-job")...)
		}),
		machine.Caller("a rootless container of the unit's user (slirp4netns), at EC2's address", "", slirp("web", at("/session")...)),
		machine.Caller("a rootless container of the unit's user (pasta), at EC2's address", "", pasta("web", at("/tmp/session-pasta-web")...)),
		machine.Caller("a rootless container of the unit's user on the host's network, at EC2's address", "",
			m.RootlessContainer("web", append([]string{"--network=host", "--"}, at("/session")...)...)),
		machine.Caller("a rootless container that the unit itself starts, and podman moves to the user's own manager", "",
			m.RootlessUnit("job", "web", append([]string{"--network=slirp4netns", "--"}, at("/session")...)...)),
	)
}
