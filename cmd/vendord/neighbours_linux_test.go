package main

import (
	"context"
	"errors"
	"io"
	"log/slog"
	"net"
	"net/http"
	"net/netip"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/vendord/vendord/link"
	"github.com/vendord/vendord/profiles"
)

// guards are what keeps neighbours out, each at a port of its own, so that it is seen
// which of them holds alone.
var guards = []struct {
	name        string
	port        string
	bound, look bool
}{
	{"neither", "80", false, false},
	{"bound to lo", "81", true, false},
	{"looked at", "82", false, true},
	{"both", "83", true, true},
}

// Where a neighbour aims at: the endpoints' addresses, and what it may reach of ours.
var (
	ofV4  = []string{"169.254.169.254", "169.254.170.2", "169.254.170.23"}
	ofV6  = []string{"fd00:ec2::254", "fd00:ec2::23"}
	ofEC2 = []string{"169.254.169.254", "fd00:ec2::254"}
	tasks = []string{"169.254.170.2", "169.254.170.23", "fd00:ec2::23"}
)

const aNeighboursMachine = `
[sources.none]
type = "environment"
[profiles.p]
source   = "none"
region   = "eu-west-1"
role_arn = "arn:aws:iam::629470240201:role/JohnUploadRole"
[apps.own]
match    = { user = "root" }
profiles = ["p"]
[apps.box]
from     = ["172.18.0.0/16", "fd18::/64"]
profiles = ["p"]
`

// TestNeighbours has another machine try to get in, with whatever it may send, where
// this one takes more than any default lets it take. What is "in" had an answer.
func TestNeighbours(t *testing.T) {
	const home = "this machine, "
	attempts := []struct {
		name    string
		prepare []string // of the neighbour, or of this machine for a program of its own
		from    string
		at      []string
		want    string // of each guard
	}{
		{home + "as programs ask", nil, "", slices.Concat(ofV4, ofV6, []string{"127.0.0.1"}), "in, in, in, in"},
		{home + "from 127.0.0.1", nil, "127.0.0.1", ofV4, "in, in, in, in"},
		{home + "from its own address in the network", nil, "192.0.2.1", ofV4, "in, in, in, in"},
		{home + "the same by IPv6, which a program must ask for", nil, "fd12::1", ofV6, "in, no way, in, no way"},
		{"with a default route, as a container has", []string{"route add default via 192.0.2.1"}, "", ofV4, "in, refused, closed, refused"},
		{"with a default route, by IPv6", []string{"route add default via fd12::1"}, "fd12::2", ofV6, "in, refused, closed, refused"},
		{"with a route to the link-local network, asking who has the address", []string{"route add 169.254.0.0/16 dev theirs"}, "", ofV4,
			"in, refused, closed, refused"},
		{"with a route to the network, asking by neighbour discovery", []string{"route add fd00:ec2::/32 dev theirs"}, "", ofV6, "no way, no way, no way, no way"},
		{"from a network that an app names, at EC2's addresses", []string{"route add default via 172.18.0.1", "route add default via fd18::1"}, "", ofEC2,
			"in, refused, closed, refused"},
		{"from a network that an app names, at the containers' addresses: it is let in, and so they are not bound then",
			[]string{"route add default via 172.18.0.1", "route add default via fd18::1"}, "", tasks, "in, refused, in, refused"},
		{"saying that it is this machine's address in the network", []string{"addr add 192.0.2.1/32 dev lo", "route add 169.254.0.0/16 dev theirs"}, "192.0.2.1", ofV4,
			"no way, no way, no way, no way"},
		{"saying that it is another endpoint's address", []string{"addr add 169.254.170.3/32 dev lo", "addr add 169.254.170.2/32 dev lo", "route add 169.254.169.254 via 192.0.2.1"},
			"169.254.170.2", []string{"169.254.169.254"}, "no way, no way, no way, no way"},
		{"saying that it is another endpoint's address, by IPv6", []string{"addr add fd00:ec2::254/128 dev lo", "route add fd00:ec2::23 via fd12::1"},
			"fd00:ec2::254", []string{"fd00:ec2::23"}, "no way, no way, no way, no way"},
		{"saying that it is 127.0.0.1", []string{"route add 169.254.0.0/16 via 192.0.2.1"}, "127.0.0.1", ofV4, "no way, no way, no way, no way"},
		{"at a port of the metadata service at 127.0.0.1, where the kernel routes that: it is bound to no link",
			[]string{"addr del 127.0.0.1/8 dev lo", "route add 127.0.0.1 via 192.0.2.1"}, "", []string{"127.0.0.1"}, "in, in, closed, closed"},
	}
	rows := make([]string, len(attempts))
	t.Run("all", func(t *testing.T) {
		for i, a := range attempts {
			t.Run(a.name, func(t *testing.T) {
				t.Parallel()
				machine, neighbour := neighbours(t)
				from := neighbour
				if strings.HasPrefix(a.name, home) {
					from = machine
				}
				from.ip(a.prepare...)
				servedByGuards(t, machine)
				got := triedAt(from, a.from, a.at, strings.Split(a.want, ", "))
				if got != a.want {
					t.Errorf("neither, bound, looked at, both: got %s, want %s", got, a.want)
				}
				rows[i] = "| " + a.name + " | " + strings.ReplaceAll(got, ", ", " | ") + " | `TestNeighbours` |"
			})
		}
	})
	if !slices.Contains(rows, "") { // all ran
		compareTable(t, "endpoints", rows)
	}
}

// neighbours are a machine with every address of AWS's, and another one on its network.
// The first takes packets from anywhere, for anything, and passes them on.
func neighbours(t *testing.T) (machine, neighbour *network) {
	machine, neighbour = newNetwork(t), newNetwork(t)
	machine.ip("link add ours type veth peer name theirs netns " + strconv.Itoa(neighbour.tid))
	machine.set("net/ipv4/conf/all/rp_filter=0", "net/ipv4/conf/ours/rp_filter=0", "net/ipv4/conf/ours/route_localnet=1",
		"net/ipv4/conf/ours/accept_local=1", "net/ipv4/ip_forward=1", "net/ipv6/conf/all/forwarding=1")
	neighbour.set("net/ipv4/conf/theirs/route_localnet=1")
	machine.ip("addr add 192.0.2.1/24 dev ours", "addr add 172.18.0.1/16 dev ours", "addr add fd12::1/64 dev ours nodad", "addr add fd18::1/64 dev ours nodad", "link set ours up")
	neighbour.ip("addr add 192.0.2.2/24 dev theirs", "addr add 172.18.0.5/16 dev theirs", "addr add fd12::2/64 dev theirs nodad", "addr add fd18::5/64 dev theirs nodad", "link set theirs up")
	neighbour.joined("192.0.2.1:9", "172.18.0.1:9", "[fd12::1]:9", "[fd18::1]:9")
	machine.in(func() error {
		var all []netip.Addr
		for _, a := range slices.Concat(ofV4, ofV6) {
			all = append(all, netip.MustParseAddr(a))
		}
		_, err := link.Up(all)
		return err
	})
	return machine, neighbour
}

// servedByGuards listens at every address of the machine, at a port for each guard.
func servedByGuards(t *testing.T, machine *network) {
	t.Helper()
	path := filepath.Join(t.TempDir(), "vendord.toml")
	if err := os.WriteFile(path, []byte(aNeighboursMachine), 0o600); err != nil {
		t.Fatal(err)
	}
	var d *daemon
	machine.in(func() (err error) {
		d, err = newDaemon(daemonOptions{config: profiles.Options{Path: path}, user: "root", log: slog.New(slog.DiscardHandler)})
		return err
	})
	ctx, cancel := context.WithCancel(t.Context())
	var serving sync.WaitGroup
	t.Cleanup(func() { cancel(); serving.Wait(); _ = d.Close() })
	for _, address := range slices.Concat(ofV4, ofV6, []string{"127.0.0.1"}) {
		for _, g := range guards {
			e := endpoint{Endpoint: profiles.Endpoint{Kind: kindAt(address), Listen: netip.MustParseAddrPort(net.JoinHostPort(address, g.port))}}
			machine.in(func() (err error) {
				if e.ln, err = bind(e.Listen.String(), ""); err == nil {
					err = bindLocal(e.Endpoint, e.ln, g.bound, true)
				}
				return err
			})
			serving.Go(func() {
				if g.look {
					_ = d.server.Serve(ctx, e.ln, e.served())
					return
				}
				anybody := http.Server{Handler: http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { _, _ = io.WriteString(w, "in") })}
				defer context.AfterFunc(ctx, func() { _ = anybody.Close() })()
				_ = anybody.Serve(e.ln)
			})
		}
	}
}

func kindAt(address string) profiles.EndpointKind {
	switch {
	case address == "169.254.170.2":
		return profiles.ECS
	case slices.Contains(tasks, address):
		return profiles.EKS
	}
	return profiles.IMDS
}

// triedAt asks at every address, at once, and says what came of it behind each guard.
// Where nobody should answer at all it does not wait for long.
func triedAt(of *network, from string, addresses, want []string) string {
	var all sync.WaitGroup
	seen := make([][]string, len(guards))
	for i, g := range guards {
		seen[i] = make([]string, len(addresses))
		patience := 20 * time.Second
		if want[i] == "no way" {
			patience = 500 * time.Millisecond
		}
		for k, address := range addresses {
			all.Go(func() { seen[i][k] = asksAt(of, from, net.JoinHostPort(address, g.port), patience) })
		}
	}
	all.Wait()
	var each []string
	for _, came := range seen {
		slices.Sort(came)
		each = append(each, strings.Join(slices.Compact(came), " or "))
	}
	return strings.Join(each, ", ")
}

// asksAt asks. An answer is an answer, whatever it says. Who took so long to ask that
// the server's two seconds for a header may have been over asks again.
func asksAt(of *network, from, at string, patience time.Duration) string {
	for range 10 {
		began := time.Now()
		c, err := of.dialWithin(patience, from, at)
		switch {
		case errors.Is(err, syscall.ECONNREFUSED):
			return "refused"
		case err != nil:
			return "no way"
		}
		_ = c.SetDeadline(began.Add(time.Minute))
		_, _ = io.WriteString(c, "GET /latest/meta-data/ HTTP/1.1\r\nHost: "+at+"\r\n\r\n")
		n, _ := c.Read(make([]byte, 1))
		_ = c.Close()
		if n > 0 {
			return "in"
		}
		if time.Since(began) < time.Second {
			break
		}
	}
	return "closed"
}
