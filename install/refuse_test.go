package install_test

import (
	"net/netip"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/vendord/vendord/install"
	"github.com/vendord/vendord/session"
)

// kinds are the renderers whose result is files or a command line, as one text.
var kinds = map[string]func(install.Service) (string, error){
	"launchd": func(s install.Service) (string, error) { return first(s.Launchd()) },
	"OpenRC":  func(s install.Service) (string, error) { return first(s.OpenRC()) },
	"SysV":    func(s install.Service) (string, error) { return first(s.SysV()) },
	"Windows": func(s install.Service) (string, error) {
		w, err := s.Windows()
		return w.CommandLine, err
	},
}

func first(files []install.File, err error) (string, error) {
	if err != nil {
		return "", err
	}
	return files[0].Text, nil
}

func asService(needs install.Needs) install.Service {
	return install.Service{System: true, Binary: "/usr/local/bin/vendord", Config: "/etc/vendord/vendord.toml", Needs: needs}
}

func ports(addresses ...string) install.Needs {
	var n install.Needs
	for _, a := range addresses {
		n.Listen = append(n.Listen, netip.MustParseAddrPort(a))
	}
	return n
}

// linked are ports of addresses that are to be put on the machine.
func linked(listen ...string) install.Needs {
	n := ports(listen...)
	for _, at := range n.Listen {
		n.Link = append(n.Link, at.Addr())
	}
	return n
}

// TestGolden keeps the files as somebody has read them. UPDATE=1 writes them anew.
func TestGolden(t *testing.T) {
	path := `/opt/it's "a" b/$HOME`
	odd := install.Service{System: true, Binary: path + "/vendord", Config: path + "/<&>.toml", Needs: ports("127.0.0.1:9797", "127.0.0.1:80")}
	odd.Needs.Exe = true
	agent := install.Service{Binary: "/Users/ann/go/bin/vendord", User: "ann", Home: "/Users/ann"}
	for name, file := range map[string]func() ([]install.File, error){
		"launchd-daemon.plist": asService(ports("127.0.0.1:9797")).Launchd,
		"launchd-agent.plist":  agent.Launchd,
		"openrc":               asService(ports("127.0.0.1:9797")).OpenRC,
		"openrc-odd":           odd.OpenRC,
		"openrc-endpoints":     asService(linked("169.254.170.2:80")).OpenRC,
		"sysv":                 asService(ports("127.0.0.1:9797")).SysV,
		"sysv-endpoints":       asService(linked("169.254.170.2:8080")).SysV,
	} {
		t.Run(name, func(t *testing.T) {
			files, err := file()
			if err != nil || len(files) != 1 {
				t.Fatalf("rendering: got %d files and %v, want one", len(files), err)
			}
			if head, _, _ := strings.Cut(files[0].Text, "name"); !strings.HasPrefix(name, "sysv") && !strings.Contains(head, install.Marker) {
				t.Errorf("%s: no marker at its beginning", files[0].Path)
			}
			got := "# " + files[0].Path + " " + files[0].Mode.String() + "\n" + files[0].Text
			golden := filepath.Join("testdata", "managers", name)
			if os.Getenv("UPDATE") != "" {
				if err := os.WriteFile(golden, []byte(got), 0o644); err != nil {
					t.Fatal(err)
				}
			}
			want, err := os.ReadFile(golden)
			if err != nil {
				t.Fatal(err)
			}
			if got != strings.ReplaceAll(string(want), "\r\n", "\n") {
				t.Errorf("%s: differs from %s:\n%s", name, golden, got)
			}
		})
	}
}

// TestRefused has every reason for which no file is written, in the words that a
// person reads.
func TestRefused(t *testing.T) {
	const windows = `C:\Program Files\vendord\vendord.exe`
	secret := install.Needs{Credentials: []install.Credential{{Name: "key"}}}
	with := func(change func(*install.Service)) install.Service {
		s := asService(install.Needs{})
		change(&s)
		return s
	}
	for _, row := range []struct {
		name, kind string
		service    install.Service
		says, hint string
	}{
		{"no binary", "SysV", with(func(s *install.Service) { s.Binary = "" }), "binary: empty", "whole path"},
		{"a relative path", "OpenRC", with(func(s *install.Service) { s.Config = "vendord.toml" }), `configuration: "vendord.toml" is not a whole path`, "from the root on"},
		{"a line break", "SysV", with(func(s *install.Service) { s.Config = "/a\nrm -rf /" }), `configuration: "/a\nrm -rf /" has a control character, which no service manager takes`, "rename it"},
		{"not UTF-8, for XML", "launchd", with(func(s *install.Service) { s.Binary = "/a\xff" }), `binary: "/a\xff" is not text in UTF-8, which this service manager's files are`, "rename it"},
		{"not a character, for XML", "launchd", with(func(s *install.Service) { s.Config = "/a\uffff" }), `is not text in UTF-8`, "rename it"},
		{"root", "OpenRC", with(func(s *install.Service) { s.User = "root" }), `user "root": not the name of a user that is a service's own`, "lower-case letters"},
		{"root, on a Mac", "launchd", with(func(s *install.Service) { s.User = "root" }), `user "root": not the name of a user that is a service's own`, "lower-case letters"},
		{"a user with a colon", "SysV", with(func(s *install.Service) { s.User = "a:b" }), `user "a:b": not the name`, "lower-case letters"},
		{"a user's own, under OpenRC", "OpenRC", with(func(s *install.Service) { s.System = false }), "service of a user: OpenRC has services of the machine alone", `"vendord serve"`},
		{"a user's own, under SysV init", "SysV", with(func(s *install.Service) { s.System = false }), "service of a user: SysV init has services of the machine alone", `"vendord serve"`},
		{"a user's own, under Windows", "Windows", with(func(s *install.Service) { s.System = false }), "service of a user: Windows has services of the machine alone", "--system"},
		{"an agent without a home", "launchd", with(func(s *install.Service) { s.System = false }), "home directory: empty", "whole path"},
		{"a secret, under OpenRC", "OpenRC", asService(secret), `credential "key": OpenRC has no way to hand a secret to a daemon`, "name a file"},
		{"a secret, under SysV init", "SysV", asService(secret), `credential "key": SysV init has no way`, "name a file"},
		{"a secret, on a Mac", "launchd", asService(secret), `credential "key": launchd has no way`, "name a file"},
		{"a low port, under SysV init", "SysV", asService(ports("127.0.0.1:80")), "port 80: SysV init has no way to give a port below 1024 to a daemon that is not root's", "1024 or more"},
		{"a low port, on a Mac", "launchd", asService(ports("127.0.0.1:80")), "port 80: launchd has no way", "1024 or more"},
		{"an address, on a Mac", "launchd", asService(linked("169.254.170.2:8080")), "address 169.254.170.2: launchd has no way to put it on this machine before vendord starts", "[endpoints.imds] listen at 127.0.0.1"},
		{"an address, on Windows", "Windows", install.Service{System: true, Binary: windows, Needs: linked("[fd00:ec2::254]:80")}, "address fd00:ec2::254: Windows has no way to put it on this machine", "[endpoints.imds] listen at 127.0.0.1"},
		{"executables, under SysV init", "SysV", asService(install.Needs{Exe: true}), "rules by executable: SysV init has no way to give a daemon the right to look at other users' processes (CAP_SYS_PTRACE)", "systemd and OpenRC have"},
		{"executables, on a Mac", "launchd", asService(install.Needs{Exe: true}), "rules by executable: macOS shows a daemon's user no other user's processes", "by its user"},
		{"executables, on Windows", "Windows", install.Service{System: true, Binary: windows, Needs: install.Needs{Exe: true}}, "rules by executable: not on Windows, which tells nobody who is asking", "a token"},
		{"a secret, on Windows", "Windows", install.Service{System: true, Binary: windows, Needs: secret}, `credential "key": Windows has no way`, "name a file"},
		{"a variable in a path", "Windows", install.Service{System: true, Binary: `C:\%TEMP%\v.exe`}, `has a %, and Windows puts variables there in a service's command line`, "rename it"},
		{"a quotation mark in a path", "Windows", install.Service{System: true, Binary: `C:\a" b.exe`}, "is not a whole path on a drive of this machine", "from the drive on"},
		{"another machine's drive", "Windows", install.Service{System: true, Binary: windows, Config: `\\files\v.toml`}, "configuration: ", "from the drive on"},
	} {
		t.Run(row.name, func(t *testing.T) {
			text, err := kinds[row.kind](row.service)
			if text != "" || err == nil || !strings.Contains(err.Error(), row.says) {
				t.Fatalf("%s: got %q and %v, want an error with %q", row.kind, text, err, row.says)
			}
			e, ok := err.(*session.Error)
			if !ok || e.Class != session.Configuration || !strings.Contains(e.Hint, row.hint) {
				t.Errorf("%s: got %#v, want an error of the configuration whose hint has %q", row.kind, err, row.hint)
			}
		})
	}
}

func TestOpenRCGivesRights(t *testing.T) {
	for name, row := range map[string]struct {
		needs install.Needs
		want  string
	}{
		"none":            {ports("127.0.0.1:9797"), ""},
		"executables":     {install.Needs{Exe: true}, "capabilities='^cap_sys_ptrace,^cap_dac_read_search'\n"},
		"a low port":      {ports("127.0.0.1:80"), "capabilities='^cap_net_bind_service'\n"},
		"a port of 1,024": {ports("127.0.0.1:1024"), ""},
	} {
		t.Run(name, func(t *testing.T) {
			files, err := asService(row.needs).OpenRC()
			if err != nil {
				t.Fatal(err)
			}
			if _, after, _ := strings.Cut(files[0].Text, "capabilities="); row.want == "" && after != "" {
				t.Errorf("capabilities: got %q, want none", after[:40])
			}
			if !strings.Contains(files[0].Text, row.want) {
				t.Errorf("capabilities: want %q in\n%s", row.want, files[0].Text)
			}
		})
	}
}
