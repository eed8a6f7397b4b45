package main

import (
	"net"
	"net/netip"
	"os"
	"strings"
	"testing"
	"time"

	"github.com/vendord/vendord/control"
)

// A token of no user is for who cannot reach this machine's loopback: where to show
// it is the containers' address, if there is one.
func TestWhereATokenIsShown(t *testing.T) {
	const loopback = "http://127.0.0.1:9797/v1/credentials"
	listening, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer listening.Close()
	for _, test := range []struct{ ecs, user, want string }{
		{"", "", loopback},
		{"169.254.170.2:80", "agent", loopback},
		{"169.254.170.2:80", "", "http://169.254.170.2/v1/credentials"},
		{"169.254.170.2:8080", "", "http://169.254.170.2:8080/v1/credentials"},
		{"[fd00:ec2::23]:80", "", "http://[fd00:ec2::23]/v1/credentials"},
	} {
		d := &daemon{url: loopback}
		if test.ecs != "" {
			d.ecs, d.ecsListen = listening, netip.MustParseAddrPort(test.ecs)
		}
		if got := d.urlOf(test.user); got != test.want {
			t.Errorf("containers at %q, a token of user %q: got %s, want %s", test.ecs, test.user, got, test.want)
		}
	}
}

// status has every address at which somebody may ask.
func TestAddressesInStatus(t *testing.T) {
	s := control.Status{URL: "http://127.0.0.1:9797/v1/credentials", ContainersURL: "http://169.254.170.2/v1/credentials",
		Apps: []control.AppRow{{Name: "nightly", Kernel: true}}}
	const want = "  asked at  http://127.0.0.1:9797/v1/credentials\n" +
		"            http://127.0.0.1:9797/v1/process/credentials, without a token\n" +
		"            http://169.254.170.2/v1/credentials, from containers\n"
	if got := printedBy(t, func(p *program) { p.printDaemon(s, time.Now()) }); !strings.Contains(got, want) {
		t.Errorf("status: got\n%s\nwant in it\n%s", got, want)
	}
	s.Apps, s.ContainersURL = nil, ""
	if got := printedBy(t, func(p *program) { p.printDaemon(s, time.Now()) }); strings.Count(got, "http") != 1 {
		t.Errorf("status where programs show tokens alone: got\n%s\nwant one address", got)
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
