package main

import (
	"net/netip"
	"os"
	"strings"
	"testing"
	"time"

	"github.com/vendord/vendord/apps"
	"github.com/vendord/vendord/control"
	"github.com/vendord/vendord/profiles"
)

// A token of no user is for who cannot reach this machine's loopback: where to show
// it is the containers' address, if there is one.
func TestWhereATokenIsShown(t *testing.T) {
	const loopback = "http://127.0.0.1:9797/v1/credentials"
	for _, test := range []struct{ ecs, eks, user, want string }{
		{"", "", "", loopback},
		{"169.254.170.2:80", "169.254.170.23:80", "agent", loopback},
		{"169.254.170.2:80", "169.254.170.23:80", "", "http://169.254.170.2/v1/credentials"},
		{"169.254.170.2:8080", "", "", "http://169.254.170.2:8080/v1/credentials"},
		{"", "[fd00:ec2::23]:80", "", "http://[fd00:ec2::23]/v1/credentials"},
	} {
		d := &daemon{url: loopback, endpoints: []endpoint{at(profiles.IMDS, "169.254.169.254:80", "")}}
		if test.eks != "" {
			d.endpoints = append(d.endpoints, at(profiles.EKS, test.eks, ""))
		}
		if test.ecs != "" {
			d.endpoints = append(d.endpoints, at(profiles.ECS, test.ecs, ""))
		}
		if got := d.urlOf(apps.Token{User: test.user}); got != test.want {
			t.Errorf("containers at %q, pods at %q, a token of user %q: got %s, want %s", test.ecs, test.eks, test.user, got, test.want)
		}
	}
}

// An id in a path is shown at ECS's address, on the port that SDKs ask where there is
// that one.
func TestWhereAnIDIsShown(t *testing.T) {
	for _, test := range []struct {
		ecs  []string
		want string
	}{
		{nil, ""},
		{[]string{"169.254.170.2:80"}, "http://169.254.170.2/v2/credentials/"},
		{[]string{"169.254.170.2:8080"}, "http://169.254.170.2:8080/v2/credentials/"},
		{[]string{"169.254.170.2:8080", "169.254.170.2:80", "169.254.170.2:81"}, "http://169.254.170.2/v2/credentials/"},
	} {
		d := &daemon{url: "http://127.0.0.1:9797/v1/credentials", endpoints: []endpoint{at(profiles.EKS, "169.254.170.23:80", "")}}
		for _, listen := range test.ecs {
			d.endpoints = append(d.endpoints, at(profiles.ECS, listen, ""))
		}
		for _, user := range []string{"", "agent"} {
			if got := d.urlOf(apps.Token{User: user, Path: true}); got != test.want {
				t.Errorf("containers at %v, an id of user %q: got %s, want %s", test.ecs, user, got, test.want)
			}
		}
	}
}

// at is an endpoint that nobody listens at.
func at(kind profiles.EndpointKind, listen, app string) endpoint {
	return endpoint{Endpoint: profiles.Endpoint{Kind: kind, Listen: netip.MustParseAddrPort(listen), App: app}}
}

// status has every address at which somebody may ask, and of those of other apps none.
func TestAddressesInStatus(t *testing.T) {
	d := &daemon{endpoints: []endpoint{at(profiles.ECS, "169.254.170.2:80", ""), at(profiles.EKS, "[fd00:ec2::23]:8023", ""),
		at(profiles.IMDS, "127.0.0.1:9254", ""), at(profiles.IMDS, "127.0.0.1:9255", "web"), at(profiles.IMDS, "127.0.0.1:9256", "others")}}
	s := control.Status{URL: "http://127.0.0.1:9797/v1/credentials", Endpoints: d.endpointRows([]string{"nightly", "web"}),
		Apps: []control.AppRow{{Name: "nightly", Kernel: true}}}
	const want = "  asked at  http://127.0.0.1:9797/v1/credentials\n" +
		"            http://127.0.0.1:9797/v1/process/credentials, without a token\n" +
		"            http://169.254.170.2/v1/credentials, from containers (ECS): is not an address of this machine (vendord net status)\n" +
		"            http://[fd00:ec2::23]:8023/v1/credentials, from pods (EKS): is not an address of this machine (vendord net status)\n" +
		"            http://127.0.0.1:9254, as EC2's metadata service\n" +
		"            http://127.0.0.1:9255, as EC2's metadata service, app web alone\n"
	if got := printedBy(t, func(p *program) { p.printDaemon(s, time.Now()) }); !strings.Contains(got, want) || strings.Contains(got, "9256") {
		t.Errorf("status: got\n%s\nwant in it\n%s", got, want)
	}
	s.Apps, s.Endpoints = nil, nil
	if got := printedBy(t, func(p *program) { p.printDaemon(s, time.Now()) }); strings.Count(got, "http") != 1 {
		t.Errorf("status where programs show tokens alone: got\n%s\nwant one address", got)
	}
}

// Where an endpoint's address is none of the machine's, a new start would not help, and
// vendord is not well.
func TestAddressesThatAreNotThere(t *testing.T) {
	d := &daemon{endpoints: []endpoint{at(profiles.IMDS, "127.0.0.1:9254", ""), at(profiles.IMDS, "169.254.169.254:80", "")}}
	const want = "endpoints.imds.listen: 169.254.169.254 is not an address of this machine"
	if got := d.missing(); len(got) != 1 || got[0] != want {
		t.Fatalf("missing: got %q, want %q", got, want)
	}
	c := condition{missing: d.missing()}
	if got := c.ready(); !got.Ready || got.Well || got.Reason != want || got.Summary != "no sessions; "+want {
		t.Errorf("ready: got %+v, want ready, not well, and why", got)
	}
}

// printedBy returns what a program prints.
func printedBy(t *testing.T, print func(p *program)) string {
	t.Helper()
	file, err := os.Create(t.TempDir() + "/out")
	if err != nil {
		t.Fatal(err)
	}
	defer file.Close()
	print(&program{stdout: &output{File: file}})
	text, err := os.ReadFile(file.Name())
	if err != nil {
		t.Fatal(err)
	}
	return string(text)
}

// The machine's configuration is checked by the rules of system mode, whoever looks.
func TestWhoseConfiguration(t *testing.T) {
	for path, want := range map[string]bool{"/etc/vendord/vendord.toml": true, "/etc/vendord/./vendord.toml": true,
		"vendord.toml": false, "/home/john/.config/vendord/vendord.toml": false} {
		if ofSystem(path) != want {
			t.Errorf("ofSystem(%s): got %v, want %v", path, !want, want)
		}
	}
}
