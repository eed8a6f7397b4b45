package server_test

import (
	"cmp"
	"fmt"
	"net"
	"strings"
	"testing"
	"time"

	"github.com/vendord/vendord/apps"
	"github.com/vendord/vendord/server"
	"github.com/vendord/vendord/session"
)

// remote gives an app a token without a user, which is sent from then on.
func (w *world) remote(app string) {
	w.tb.Helper()
	secret, hash := apps.NewSecret()
	if err := w.apps.Issue(apps.Token{App: app, Steer: true, Hash: hash, Expires: noon.Add(time.Hour)}); err != nil {
		w.tb.Fatal(err)
	}
	w.token = secret
}

const boxed = `
[apps.box]
profiles = ["upload"]
from = ["172.18.0.0/16"]
[apps.self]
profiles = ["upload"]
match = {user = "#0"}
`

// TestContainersOfAnotherNetwork asks at the ECS address from a network namespace
// of its own, and from the machine itself.
func TestContainersOfAnotherNetwork(t *testing.T) {
	machine, container := island(t)
	w := startIn(t, machine, "169.254.170.2:80", boxed, 100)
	johns := w.token
	w.remote("box")
	process := "GET /v1/process/credentials HTTP/1.1\nHost: ADDR\n\n"
	for _, test := range []struct {
		name    string
		of      *network
		from    string
		request string
		want    int
		says    string
	}{
		{"from the app's network, with its token", container, "172.18.0.5", plain, 200, ""},
		{"the host without a port", container, "172.18.0.5", at("169.254.170.2"), 200, ""},
		{"the host by another name", container, "172.18.0.5", at("localhost"), 403, "host: not the address that vendord listens on"},
		{"our loopback address for a host", container, "172.18.0.5", at("127.0.0.1"), 403, "host: not the address that vendord listens on"},
		{"without a token", container, "172.18.0.5", get1("Host: ADDR"), 401, "NotRecognized"},
		{"with a user's token", container, "172.18.0.5", carrying(johns), 401, "its user is not known here"},
		{"by the kernel", container, "172.18.0.5", process, 401, "caller: its user is not known here"},
		{"from a network that no app names", container, "172.19.0.5", plain, 0, ""},
		{"from the machine, with the network's token", machine, "", plain, 401, "token: of no user"},
		{"from the machine, by the kernel", machine, "", process, 200, ""},
		{"from the machine's other address", machine, "172.18.0.1", process, 200, ""},
	} {
		t.Run(test.name, func(t *testing.T) {
			got := w.asked(test.of.dial(t, test.from, w.addr), test.request)
			if got.status != test.want || !strings.Contains(got.body, test.says) {
				t.Errorf("got %d %s, want %d %s", got.status, got.body, test.want, test.says)
			}
		})
	}
	if said := w.log.String(); strings.Count(said, "closed at once, since no app has this address in its from") != 1 || !strings.Contains(said, "address=172.19.0.5") {
		t.Errorf("log: got %q, want one line about 172.19.0.5", said)
	}
	said := w.record()
	if line := lineWith(said, `"status":200`); !strings.Contains(line, `"app":"box"`) || !strings.Contains(line, `"from":"172.18.0.5"`) || strings.Contains(line, `"uid"`) {
		t.Errorf("record: got %s, want the app and the address", line)
	}
	if strings.Contains(said, "172.19.0.5") {
		t.Errorf("record: got a line of who was not let in: %s", lineWith(said, "172.19.0.5"))
	}
}

// An app that is unidentified opens the door to everybody with its token.
func TestUnidentifiedCallers(t *testing.T) {
	machine, container := island(t)
	w := startIn(t, machine, "169.254.170.2:80", "[apps.any]\nprofiles = [\"upload\"]\nunidentified = true\n"+boxed, 100)
	w.remote("any")
	for _, from := range []string{"172.18.0.5", "172.19.0.5"} {
		if got := w.asked(container.dial(t, from, w.addr), plain); got.status != 200 {
			t.Errorf("from %s: got %d %s, want 200", from, got.status, got.body)
		}
	}
	w.remote("box")
	if got := w.asked(container.dial(t, "172.19.0.5", w.addr), plain); got.status != 401 {
		t.Errorf("another app's token from elsewhere: got %d %s, want 401", got.status, got.body)
	}
}

// A container that opens connections without end has half of the places, and an
// address of it does not take those of another.
func TestOneContainerDoesNotFillTheHouse(t *testing.T) {
	machine, container := island(t)
	w := startIn(t, machine, "169.254.170.2:80", boxed, 8)
	w.remote("box")
	calm := container.dial(t, "172.18.0.6", w.addr)
	if got := w.asked(calm, plain); got.status != 200 {
		t.Fatalf("who came first: got %d, want 200", got.status)
	}
	ours := machine.dial(t, "", w.addr)
	process := "GET /v1/process/credentials HTTP/1.1\nHost: ADDR\n\n"
	if got := w.asked(ours, process); got.status != 200 {
		t.Fatalf("a process of the machine: got %d, want 200", got.status)
	}
	var many []net.Conn
	for range 12 {
		many = append(many, container.dial(t, "172.18.0.5", w.addr))
	}
	if got := w.asked(many[len(many)-1], plain); got.status != 200 {
		t.Errorf("the last of many: got %d, want 200", got.status)
	}
	open := func() (n int) {
		for _, c := range many {
			_ = c.SetReadDeadline(time.Now().Add(50 * time.Millisecond))
			if _, err := c.Read(make([]byte, 1)); err != nil && strings.Contains(err.Error(), "timeout") {
				n++
			}
		}
		return n
	}
	n := open()
	for end := time.Now().Add(20 * time.Second); n > 3 && time.Now().Before(end); {
		n = open() // a busy machine let the time pass before what was closed was read
	}
	if n > 3 {
		t.Errorf("the greedy container: has %d connections, want three of eight places beside the other's", n)
	}
	for name, c := range map[string]net.Conn{"the other container": calm, "the machine's process": ours} {
		request := plain
		if c == ours {
			request = process
		}
		if got := w.asked(c, request); got.status != 200 {
			t.Errorf("%s, again: got %d, want 200", name, got.status)
		}
	}
}

// The refusals of one container do not have another told to slow down.
func TestContainersAreToldToSlowDownByAddress(t *testing.T) {
	machine, container := island(t)
	w := startIn(t, machine, "169.254.170.2:80", boxed, 100)
	refused := func(from string) int { return w.asked(container.dial(t, from, w.addr), carrying("vnd_wrong")).status }
	for range 100 {
		refused("172.18.0.5")
	}
	if got := refused("172.18.0.5"); got != 429 {
		t.Errorf("after a hundred: got %d, want 429", got)
	}
	if got := refused("172.18.0.6"); got != 401 {
		t.Errorf("another container: got %d, want 401", got)
	}
}

// Each endpoint's addresses are the only ones besides loopback, and no other's.
func TestServeOnTheAddressesOfEachKind(t *testing.T) {
	machine, _ := island(t)
	machine.ip(t, "addr add 169.254.170.23/32 dev lo", "addr add 169.254.170.3/32 dev lo", "addr add 169.254.169.254/32 dev lo")
	kinds := map[server.Kind]string{server.OnLoopback: "", server.ECS: "169.254.170.2", server.EKS: "169.254.170.23 or fd00:ec2::23",
		server.Metadata: "169.254.169.254 or fd00:ec2::254"}
	for address, own := range map[string]server.Kind{"169.254.170.2:80": server.ECS, "169.254.170.23:8080": server.EKS, "[fd00:ec2::23]:80": server.EKS,
		"169.254.169.254:80": server.Metadata, "169.254.170.3:80": -1, "172.18.0.1:80": -1} {
		for kind, hint := range kinds {
			if kind == own {
				continue
			}
			want := fmt.Sprintf("listen %s: not a loopback address", address)
			if hint != "" {
				want += ", and none of this endpoint's"
			}
			err := server.New(server.Config{}).Serve(t.Context(), machine.listen(t, address), server.Endpoint{Kind: kind})
			if e := session.AsError(err); err == nil || e.Public != want || e.Hint != "listen on "+cmp.Or(hint, "127.0.0.1") || e.Class != session.Configuration {
				t.Errorf("Serve on %s as %d: got %v, want %s", address, kind, err, want)
			}
		}
		if own != server.ECS && own != server.EKS {
			continue
		}
		w := startIn(t, machine, address, boxed, 100)
		w.path = server.ProcessPath
		host, _, _ := net.SplitHostPort(address)
		for _, name := range []string{"ADDR", host, strings.TrimSuffix(address, ":80")} {
			if got := w.asked(machine.dial(t, "", address), get1("Host: "+name)); got.status != 200 {
				t.Errorf("on %s as %s: got %d %s, want 200", address, name, got.status, got.body)
			}
		}
	}
}
