package main

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/vendord/vendord/profiles"
)

// The service is a user that owns nothing, and sees no home directory.
func TestWhatTheServiceCannotRead(t *testing.T) {
	dir, err := os.MkdirTemp("/var/lib", "vendord-check-")
	if err != nil {
		needsRoot(t, "make a directory outside of /tmp")
		t.Fatal(err)
	}
	t.Cleanup(func() { os.RemoveAll(dir) })
	shut := filepath.Join(dir, "shut")
	for _, d := range []string{dir, shut} {
		if err := os.MkdirAll(d, 0o755); err != nil {
			t.Fatal(err)
		}
	}
	if err := os.Chmod(dir, 0o755); err != nil {
		t.Fatal(err)
	}
	put := func(path string, mode os.FileMode) string {
		if err := os.WriteFile(path, nil, mode); err != nil {
			t.Fatal(err)
		}
		return path
	}
	open, group, closed := put(filepath.Join(dir, "open"), 0o644), put(filepath.Join(dir, "group"), 0o640), put(filepath.Join(dir, "closed"), 0o600)
	inside := put(filepath.Join(shut, "open"), 0o644)
	if err := os.Chmod(shut, 0o700); err != nil {
		t.Fatal(err)
	}
	for _, row := range []struct{ name, file, reach, mode string }{
		{"for everybody", open, "", ""},
		{"of a group", group, "", "its mode lets its owner and group read it, and no other"},
		{"of root alone", closed, "", "its mode lets its owner read it, and no other"},
		{"in a directory of root's", inside, "it may not enter " + shut, ""},
		{"that is not there", filepath.Join(dir, "none"), "", ""},
		{"in a home directory", "/home/me/.aws/config", "it sees no home directories (ProtectHome=)", ""},
		{"in root's", "/root/.aws/config", "it sees no home directories (ProtectHome=)", ""},
		{"in /tmp", "/tmp/config", "its /tmp is its own (PrivateTmp=)", ""},
		{"beside /home", "/homestead/config", "", ""},
	} {
		t.Run(row.name, func(t *testing.T) {
			const dynamic = 61234
			if got := outOfReach(row.file, dynamic); got != row.reach {
				t.Errorf("outOfReach(%s): got %q, want %q", row.file, got, row.reach)
			}
			if got := unreadable(row.file, dynamic); row.reach == "" && got != row.mode {
				t.Errorf("unreadable(%s): got %q, want %q", row.file, got, row.mode)
			}
		})
	}
	if uid := serviceUser(shut); uid != os.Getuid() {
		t.Errorf("serviceUser: got %d, want the owner of its state, %d", uid, os.Getuid())
	}
	if uid := serviceUser(filepath.Join(dir, "none")); uid != 0 {
		t.Errorf("serviceUser before the first start: got %d, want 0", uid)
	}
}

func TestWhatTheServiceCannotReadIsSaid(t *testing.T) {
	path := filepath.Join(t.TempDir(), "vendord.toml")
	text := "[daemon]\nregion = \"eu-west-1\"\n[sources.a]\nconfig_file = \"/home/me/.aws/config\"\n"
	if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	config, err := profiles.Load(profiles.Options{Path: path, UID: os.Getuid()})
	if err != nil {
		t.Fatal(err)
	}
	wrong, _ := fromOutside(config, 61234)
	if len(wrong) != 2 || !strings.HasSuffix(wrong[0].Error(), "vendord.toml: the service will not be able to read it: its /tmp is its own (PrivateTmp=)") ||
		wrong[1].Error() != "/home/me/.aws/config: the service will not be able to read it: it sees no home directories (ProtectHome=)" {
		t.Errorf("fromOutside: got %v, want both files", wrong)
	}
	if want := "put it into /etc/vendord, for everybody to read (chmod a+r): there is no secret in it"; hintOf(wrong[0]) != want {
		t.Errorf("hint: got %q, want %q", hintOf(wrong[0]), want)
	}
	if want := "give it a place and a mode that let every user read it, or make it a credential of systemd: credential:NAME"; hintOf(wrong[1]) != want {
		t.Errorf("hint: got %q, want %q", hintOf(wrong[1]), want)
	}
}

func TestCredentialInWords(t *testing.T) {
	for want, c := range map[string]profiles.Credential{
		"": {Name: "aws", Hidden: true},
		"credential aws: from /etc/credstore/aws":                                                   {Name: "aws", Path: "/etc/credstore/aws"},
		"credential aws: from /etc/credstore.encrypted/aws, which systemd decrypts for the service": {Name: "aws", Path: "/etc/credstore.encrypted/aws", Encrypted: true},
	} {
		if got := credentialInWords(c); got != want {
			t.Errorf("credentialInWords(%+v): got %q, want %q", c, got, want)
		}
	}
}

func TestCheckRefusesWhatTheServiceCannotStartWith(t *testing.T) {
	out, err := os.Create(filepath.Join(t.TempDir(), "out"))
	if err != nil {
		t.Fatal(err)
	}
	defer out.Close()
	wrong := []error{fail("the hint", "/etc/x: the problem")}
	p := &program{stdout: &output{File: out}}
	if err := p.refuse("/etc/vendord/vendord.toml", wrong); err == nil || err.Error() != "/etc/x: the problem" {
		t.Errorf("refuse: got %v, want the problem", err)
	}
	p.json = true
	if err := p.refuse("/etc/vendord/vendord.toml", wrong); err == nil || err.Error() != "exit status 1" {
		t.Errorf("refuse as JSON: got %v, want exit status 1", err)
	}
	text, _ := os.ReadFile(out.Name())
	for _, want := range []string{`"file": "/etc/vendord/vendord.toml"`, `"problem": "/etc/x: the problem"`, `"hint": "the hint"`, `"ok": false`} {
		if !strings.Contains(string(text), want) {
			t.Errorf("refuse as JSON: got %s, without %s", text, want)
		}
	}
}

// A configuration that the unit does not fit is told of before a restart.
func TestCheckComparesWithTheSocketUnit(t *testing.T) {
	unit := filepath.Join(t.TempDir(), "vendord.socket")
	config := &profiles.Config{Path: "vendord.toml", Daemon: profiles.Daemon{Listen: "127.0.0.1:9797"},
		Endpoints: []profiles.Endpoint{at(profiles.ECS, "169.254.170.2:80", "").Endpoint, at(profiles.IMDS, "[fd00:ec2::254]:80", "").Endpoint}}
	if got := unfit(config, unit, "sudo vendord service install"); got != nil {
		t.Errorf("without a unit: got %v, want nothing", got)
	}
	if err := os.WriteFile(unit, []byte("[Socket]\nListenStream=127.0.0.1:9798\nListenStream=169.254.170.2:8080\nListenStream=[::]:80\nListenStream=/run/vendord/control.sock\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	var got []string
	for _, w := range unfit(config, unit, "sudo vendord service install") {
		got = append(got, w.Error())
		if hintOf(w) != "sudo vendord service install" {
			t.Errorf("hint: got %q", hintOf(w))
		}
	}
	const held = ": vendord.socket holds it, nothing in vendord.toml names it, and "
	want := "daemon.listen: vendord.socket does not hold 127.0.0.1:9797, and the service would not start again\n" +
		"endpoints.ecs.listen: vendord.socket does not hold 169.254.170.2:80, which is not served after the next start\n" +
		"endpoints.imds.listen: vendord.socket does not hold [fd00:ec2::254]:80, which is not served after the next start\n" +
		"127.0.0.1:9798" + held + "who asks there is turned away after the next start\n" +
		"169.254.170.2:8080" + held + "who asks there is turned away after the next start\n" +
		"[::]:80" + held + "the service would not start again"
	if strings.Join(got, "\n") != want {
		t.Errorf("unfit:\n got %q\nwant %q", got, want)
	}
	own := rootsAddresses(&profiles.Config{Path: "/home/ann/v.toml", Endpoints: config.Endpoints})
	if len(own) != 2 || own[0].Error() != "169.254.170.2: only root can put it on this machine, and not a service of yours" ||
		hintOf(own[0]) != "after each boot: "+bySudo("net", "up", "--config", "/home/ann/v.toml") {
		t.Errorf("rootsAddresses: got %v, hint %q", own, hintOf(own[0]))
	}
}
