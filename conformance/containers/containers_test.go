//go:build machine

// Package containers_test has programs in real containers ask vendord: see the
// script run beside it.
package containers_test

import (
	"strings"
	"testing"

	"github.com/vendord/vendord/conformance/machine"
)

// Where containers ask: with a token, as whom the kernel knows, and as on EC2.
const (
	ecs      = "http://169.254.170.2/v1/credentials"
	process  = "http://169.254.170.2/v1/process/credentials"
	metadata = "http://169.254.169.254/latest/meta-data/iam/security-credentials/"
)

// apps are those of two containers, of what the machine itself runs, of a network,
// and of nobody in particular.
const apps = `
[endpoints.ecs]
listen = "169.254.170.2:80"

[apps.one]
profiles = ["upload"]
match    = {user = "root", container = "ID-ONE"}

[apps.two]
profiles = ["upload"]
match    = {user = "root", container = "ID-TWO"}

[apps.web]
profiles = ["upload"]
match    = {user = "web", unit = "web.service"}

[apps.person]
profiles = ["upload"]
match    = {user = "person"}

[apps.inside]
profiles = ["upload"]
from     = ["172.30.1.0/24"]

[apps.anywhere]
profiles     = ["upload"]
unidentified = true

[apps.user]
profiles = ["upload"]
`

// newMachine starts vendord, at the link-local address as well.
func newMachine(t *testing.T) *machine.Machine {
	t.Helper()
	m := machine.New(t, []string{"web", "person", "mallory"}, "", with(nobody, nobody), "")
	m.Do("ip address replace 169.254.170.2/32 dev lo") // after vendord has begun to listen there, as when a machine boots
	t.Cleanup(func() { m.Do("ip address delete 169.254.170.2/32 dev lo") })
	m.Containers()
	return m
}

var nobody = strings.Repeat("0", 64)

// with is apps for two containers.
func with(one, two string) string {
	return strings.NewReplacer("ID-ONE", one, "ID-TWO", two).Replace(apps)
}

// TestHostNetwork: a container on the machine's own network is whom its control
// group says, and whom the number of its user says: the machine has one set of
// numbers for all.
func TestHostNetwork(t *testing.T) {
	m := newMachine(t)
	one, two := m.Container("cgroupfs", "--network=host", "--cgroupns=host"), m.Container("systemd", "--network=host", "--cgroupns=host")
	m.Configure("", with(one.ID, two.ID))
	m.Do("vendord reload")
	host := func(options ...string) func() machine.Answer {
		return m.Contained(append([]string{"--network=host"}, options...)...)
	}
	m.Run(
		machine.Caller("the container", "one", func() machine.Answer { return m.Ask(one) }).In("/libpod-"+one.ID),
		machine.Caller("the container, started again", "one", func() machine.Answer { return m.Ask(one) }),
		machine.Caller("another, whose control group systemd made", "two", func() machine.Answer { return m.Ask(two) }).In("/libpod-"+two.ID+".scope"),
		machine.Caller("a third, of the same image", "", host()),
		machine.Caller("a third, in a control group that it made below its own and named for the first", "",
			host("--privileged", "--", "-group", "/libpod-"+one.ID)).In("/libpod-"+one.ID),
		machine.Caller("a third, whose name is the first's id", "", host("--name", "c"+one.ID)),
		machine.Caller("the machine's root, in no container", "", func() machine.Answer { return m.As("root") }),
		machine.Caller("a container whose user has the number of a unit's", "", host("--user", m.UID("web"))),
		machine.Caller("a container whose user has the number of a person's, where the app asks for the user alone", "person", host("--user", m.UID("person"))),
	)
}

// TestBridge: of a container on a bridge no user is known. Its token is good in the
// network that it is for, and a user's token nowhere there.
func TestBridge(t *testing.T) {
	m := newMachine(t)
	issue := func(app string) string { return strings.TrimSpace(m.Do("vendord token issue " + app)) }
	inside, anywhere := issue("inside"), issue("anywhere")
	user := strings.TrimSpace(m.Do("vendord token issue user --user mallory"))
	t.Cleanup(m.Start("relay", "User=root", "probe", "-relay", "0.0.0.0:9000"))
	m.Within("the relay", func() bool { return strings.Contains(m.Do("ss -Hltn"), ":9000") })
	on := func(network string, probe ...string) func() machine.Answer {
		return m.Contained(append([]string{"--network", network, "--", "-url", ecs}, probe...)...)
	}
	sdk := func() machine.Answer {
		return m.AskSDK(m.Container("cgroupfs", "--network=inside", "--env", "AWS_CONTAINER_CREDENTIALS_FULL_URI="+ecs, "--env", "AWS_CONTAINER_AUTHORIZATION_TOKEN="+inside, "--", "-sdk"))
	}
	m.Run(
		machine.Caller("a program with the AWS SDK in a container of the network, with the network's token", "inside", sdk),
		machine.Caller("a container of the network, with the network's token", "inside", on("inside", "-token", inside)),
		machine.Caller("a container of the network, without a token", "", on("inside")),
		machine.Caller("a container of the network, with a token of a user", "", on("inside", "-token", user)),
		machine.Caller("a container of the network, where the kernel decides", "", on("inside", "-url", process)),
		machine.Caller("a container of another network, with the network's token", "", on("outside", "-token", inside)),
		machine.Caller("a container of another network, from an address of the network", "",
			m.Contained("--network=outside", "--sysctl", "net.ipv4.ip_nonlocal_bind=1", "--", "-url", ecs, "-token", inside, "-from", "172.30.1.77:0")).Silent(),
		machine.Caller("a container of another network, with a token for any", "anywhere", on("outside", "-token", anywhere)),
		machine.Caller("a container on the machine's own network, with the network's token", "",
			m.Contained("--network=host", "--", "-url", ecs, "-token", inside)),
		machine.Caller("a user of the machine, with the network's token", "", func() machine.Answer { return m.As("mallory", "-url", ecs, "-token", inside) }),
		machine.Caller("a user of the machine, with a token for any", "", func() machine.Answer { return m.As("mallory", "-url", ecs, "-token", anywhere) }),
		machine.Caller("a container of the network, through a relay of root's to the loopback address", "",
			m.Contained("--network=inside", "--", "-via", "172.30.1.1:9000", "-url", machine.Token, "-token", inside)),
		machine.Caller("a container of the network, through that relay, where the kernel decides", "",
			m.Contained("--network=inside", "--", "-via", "172.30.1.1:9000", "-url", machine.Process)),
	)
}

func must(t *testing.T, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}
