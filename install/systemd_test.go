package install_test

import (
	"flag"
	"net/netip"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/vendord/vendord/install"
)

var update = flag.Bool("update", false, "write what the tests find into testdata, to be read before it is believed")

// at is a list of addresses.
func at(addresses ...string) []netip.AddrPort {
	var all []netip.AddrPort
	for _, a := range addresses {
		all = append(all, netip.MustParseAddrPort(a))
	}
	return all
}

// addresses are some without ports.
func addresses(all ...string) (parsed []netip.Addr) {
	for _, a := range all {
		parsed = append(parsed, netip.MustParseAddr(a))
	}
	return parsed
}

// system is the system's service with some needs.
func system(n install.Needs) install.Service {
	n.Listen = append(at("127.0.0.1:9797"), n.Listen...)
	return install.Service{System: true, Binary: "/usr/local/bin/vendord", Copied: true, Needs: n}
}

// own is a user's service.
func own(n install.Needs) install.Service {
	return install.Service{Binary: "/home/ann/go/bin/vendord", User: "ann", Home: "/home/ann", Needs: n}
}

// golden are the services whose units are kept in testdata, by the folder there.
func golden() map[string]install.Service {
	odd := own(install.Needs{})
	odd.Binary, odd.Config = "/home/ann/é x/100%/vendord", `/home/ann/$HOME/a "b"\c;.toml`
	return map[string]install.Service{
		"system":          system(install.Needs{}),
		"system-exe":      system(install.Needs{Exe: true}),
		"system-exe-home": system(install.Needs{Exe: true, Homes: true}),
		"system-ecs":      system(install.Needs{Listen: at("169.254.170.2:80"), Link: addresses("169.254.170.2")}),
		"system-endpoints": system(install.Needs{Listen: at("169.254.170.2:80", "169.254.170.23:80", "[fd00:ec2::23]:80", "169.254.169.254:80", "127.0.0.1:9254"),
			Link: addresses("169.254.170.2", "169.254.170.23", "fd00:ec2::23", "169.254.169.254")}),
		"system-command": system(install.Needs{Commands: []string{`source "op"`, `source "john" (mfa_command)`}}),
		"system-credentials": system(install.Needs{Credentials: []install.Credential{
			{Name: "john", Path: "/etc/credstore/john"}, {Name: "op", Path: "/etc/credstore.encrypted/op", Encrypted: true}}}),
		"system-record": system(install.Needs{Writes: []string{"/srv/audit trail", "/srv/100%"}}),
		"user":          own(install.Needs{}),
		"user-listen":   own(install.Needs{Listen: at("127.0.0.1:9797")}),
		"user-command":  own(install.Needs{Commands: []string{`source "op"`}}),
		"user-odd":      odd,
	}
}

func TestUnits(t *testing.T) {
	for name, service := range golden() {
		t.Run(name, func(t *testing.T) {
			files, err := service.Systemd()
			if err != nil {
				t.Fatal(err)
			}
			for _, file := range files {
				if !strings.HasPrefix(file.Text, install.SystemdMarker) || file.Mode != 0o644 {
					t.Errorf("%s: without the marker, or mode %o", file.Path, file.Mode)
				}
				kept := filepath.Join("testdata", "systemd", name, filepath.Base(file.Path))
				compare(t, kept, file.Text)
			}
		})
	}
}

func compare(t *testing.T, kept, got string) {
	t.Helper()
	if *update {
		if err := os.MkdirAll(filepath.Dir(kept), 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(kept, []byte(got), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	want, err := os.ReadFile(kept)
	if err != nil {
		t.Fatal(err)
	}
	if got != string(want) {
		t.Errorf("%s: got\n%s\nwant\n%s\nif it is as it should be: go test ./install -update", kept, got, want)
	}
}

func TestUnitsAreWhereSystemdLooks(t *testing.T) {
	for want, s := range map[string]install.Service{
		"/etc/systemd/system/vendord.service /etc/systemd/system/vendord.socket":                                         system(install.Needs{}),
		"/home/ann/.config/systemd/user/vendord.service":                                                                 own(install.Needs{}),
		"/etc/systemd/system/vendord.service /etc/systemd/system/vendord.socket /etc/systemd/system/vendord-net.service": system(install.Needs{Link: addresses("169.254.170.2")}),
		// A user's systemd cannot put an address on the machine.
		"/home/ann/.config/systemd/user/vendord.service /home/ann/.config/systemd/user/vendord.socket": own(install.Needs{Listen: at("169.254.170.2:8080"), Link: addresses("169.254.170.2")}),
	} {
		files, err := s.Systemd()
		var paths []string
		for _, f := range files {
			paths = append(paths, f.Path)
		}
		if got := strings.Join(paths, " "); got != want || err != nil {
			t.Errorf("Systemd: got %s, %v, want %s", got, err, want)
		}
	}
}

func TestWhatNoUnitCanSay(t *testing.T) {
	credential := func(name, path string) install.Service {
		return system(install.Needs{Credentials: []install.Credential{{Name: name, Path: path}}})
	}
	binary := func(path string) install.Service { return install.Service{System: true, Binary: path} }
	for want, s := range map[string]install.Service{
		`program: "vendord" is not an absolute path`:                                        binary("vendord"),
		`program: "" is not an absolute path`:                                               binary(""),
		`program: "/a\nUser=root" has signs that no unit can have`:                          binary("/a\nUser=root"),
		`program: "/a\x00b" has signs that no unit can have`:                                binary("/a\x00b"),
		`program: "/a\xff" has signs that no unit can have`:                                 binary("/a\xff"),
		`program: "/a/../b" is not the shortest form of this path`:                          binary("/a/../b"),
		`program: "/a\"b": systemd runs nothing with a quote or a backslash in its path`:    binary(`/a"b`),
		`configuration: "vendord.toml" is not an absolute path`:                             {Binary: "/v", Config: "vendord.toml", Home: "/h"},
		`home directory: "" is not an absolute path`:                                        {Binary: "/v"},
		`directory to write to: "log" is not an absolute path`:                              system(install.Needs{Writes: []string{"log"}}),
		`credential: "a:b" cannot be a name`:                                                credential("a:b", "/c"),
		`credential a: "/c d": this line of a unit takes no spaces, quotes and backslashes`: credential("a", "/c d"),
		`credential a: "/c\r" has signs that no unit can have`:                              credential("a", "/c\r"),
	} {
		if files, err := s.Systemd(); err == nil || err.Error() != want || files != nil {
			t.Errorf("Systemd: got %v, want %s", err, want)
		}
	}
}
