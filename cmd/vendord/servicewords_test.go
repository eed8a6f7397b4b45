package main

import (
	"strings"
	"testing"
	"time"

	"github.com/vendord/vendord/install"
	"github.com/vendord/vendord/profiles"
)

func TestServiceStatusInWords(t *testing.T) {
	running := func(change func(*serviceStatus)) serviceStatus {
		st := serviceStatus{State: install.State{Phase: install.Running, PID: 7, Enabled: true, Binary: "/usr/local/bin/vendord"}, Manager: "systemd",
			Ready: true, URL: "http://127.0.0.1:9797/v1/credentials", Version: "(devel)", Installed: "(devel)", Command: "(devel)", knowsAll: true}
		change(&st)
		return st
	}
	const empty, without = "  vends     nothing yet: edit", "            http://127.0.0.1:9797/v1/process/credentials, without a token\n"
	for _, row := range []struct {
		name         string
		st           serviceStatus
		want, unwant string
	}{
		{"a program that is no release", running(func(*serviceStatus) {}), "  program   /usr/local/bin/vendord (devel)\n", "(("},
		{"no profiles", running(func(*serviceStatus) {}), empty, without},
		{"no profiles for who does not steer", running(func(st *serviceStatus) { st.knowsAll = false }), "asked at", empty},
		{"no profiles yet, and they are edited", running(func(st *serviceStatus) { st.Changed = true }), "not loaded: vendord reload", empty},
		{"a unit of somebody else's", running(func(st *serviceStatus) { st.ByHand, st.Enabled, st.Installed, st.Profiles = true, false, "", 1 }),
			"            its unit is not vendord's: service install and uninstall leave it alone\n", "vendord service install"},
		{"an app with a match", running(func(st *serviceStatus) { st.NoToken = true }), without, ""},
		{"locked", running(func(st *serviceStatus) {
			st.Ready, st.Problem, st.Summary = false, "locked, until vendord unlock", "locked, until vendord unlock; no sessions"
		}), "  problem   locked, until vendord unlock\n  has       no sessions\n", ""},
		{"the first crash", running(func(st *serviceStatus) { st.Phase = install.Crashing }), ": crashing, and started again, pid 7\n", "0 restarts"},
		{"the next one", running(func(st *serviceStatus) { st.Phase, st.Restarts = install.Crashing, 2 }), ": crashing, and started again each time (2 restarts), pid 7\n", ""},
	} {
		t.Run(row.name, func(t *testing.T) {
			got := printedBy(t, func(p *program) { p.system = true; p.printServiceStatus(row.st, time.Now()) })
			if !strings.Contains(got, row.want) || row.unwant != "" && strings.Contains(got, row.unwant) {
				t.Errorf("service status: got\n%s\nwant %q in it, and not %q", got, row.want, row.unwant)
			}
		})
	}
}

// install names the address that an app with a match has to ask, which is another
// than the one for tokens.
func TestInstallNamesTheAddressOfAppsWithoutToken(t *testing.T) {
	plan := &servicePlan{config: &profiles.Config{Daemon: profiles.Daemon{Listen: "127.0.0.1:9797"}, Endpoints: []profiles.Endpoint{at(profiles.IMDS, "127.0.0.1:9254", "").Endpoint}, Apps: map[string]profiles.App{"nightly": {Match: profiles.Match{Unit: "nightly.service"}}}}}
	plan.Service.Binary, plan.Copy = "/usr/local/bin/vendord", "/root/vendord"
	printed := func() string {
		return printedBy(t, func(p *program) {
			p.system = true
			_ = p.printInstalled(install.Systemd{}, plan, install.State{Phase: install.Absent}, install.State{PID: 7})
		})
	}
	const token, without = "  asked at  http://127.0.0.1:9797/v1/credentials\n", "            http://127.0.0.1:9797/v1/process/credentials, without a token\n"
	const metadata = "            http://127.0.0.1:9254, as EC2's metadata service\n"
	if got := printed(); !strings.Contains(got, token+without+metadata) || strings.Contains(got, "((") {
		t.Errorf("service install: got\n%s\nwant %q in it", got, token+without)
	}
	plan.config.Daemon.Listen = ""
	if want := "  asked at  a free port, which vendord status shows\n" + metadata; !strings.Contains(printed(), want) {
		t.Errorf("service install without daemon.listen: got\n%s\nwant %q in it", printed(), want)
	}
	plan.config.Daemon.Listen, plan.config.Apps = "127.0.0.1:9797", nil
	if got := printed(); !strings.Contains(got, token) || strings.Contains(got, without) {
		t.Errorf("service install without such an app: got\n%s\nwant no %q", got, without)
	}
}

// Neither store is there on a new machine: what is to be typed makes it.
func TestMissingCredentialSaysWhatToType(t *testing.T) {
	wrong := missingCredentials(install.Needs{Credentials: []install.Credential{{Name: "john", Path: t.TempDir() + "/john"}}})
	if len(wrong) != 1 || !strings.Contains(hintOf(wrong[0]), "or encrypted: install -d -m 700 /etc/credstore.encrypted && systemd-creds encrypt --name=john FILE /etc/credstore.encrypted/john") {
		t.Errorf("missingCredentials: got %v, hint %q", wrong, hintOf(wrong[0]))
	}
}
