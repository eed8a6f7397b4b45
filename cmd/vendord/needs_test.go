package main

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/vendord/vendord/profiles"
)

// needs are in words what each piece of a configuration asks of its service.
func TestNeeds(t *testing.T) {
	for name, row := range map[string]struct{ add, want string }{
		"nothing":         {"", "listen [127.0.0.1:9797]"},
		"an address":      {"[daemon]\nlisten = \"[::1]:80\"", "listen [[::1]:80]"},
		"the ECS address": {"[endpoints.ecs]\nlisten = \"169.254.170.2:80\"", "listen [127.0.0.1:9797 169.254.170.2:80] link [169.254.170.2]"},
		"all endpoints": {"[endpoints.eks]\nlisten = [\"169.254.170.23:80\", \"[fd00:ec2::23]:80\"]\n[[endpoints.imds]]\nlisten = [\"169.254.169.254:80\", \"169.254.169.254:8080\", \"127.0.0.1:9254\"]",
			"listen [127.0.0.1:9797 169.254.170.23:80 [fd00:ec2::23]:80 169.254.169.254:80 169.254.169.254:8080 127.0.0.1:9254] link [169.254.170.23 fd00:ec2::23 169.254.169.254]"},
		"a rule for executables": {"[apps.build]\nprofiles = [\"p\"]\nmatch = {user = \"root\", exe = \"/bin/true\"}",
			"listen [127.0.0.1:9797] exe"},
		"a rule for an executable at home": {"[apps.build]\nprofiles = [\"p\"]\nmatch = {user = \"root\", exe = \"/home/ann/tool\"}",
			"listen [127.0.0.1:9797] exe homes"},
		"a rule without executables": {"[apps.build]\nprofiles = [\"p\"]\nmatch = {user = \"root\"}", "listen [127.0.0.1:9797]"},
		"a command":                  {"[sources.op]\ntype = \"process\"\ncommand = [\"/bin/true\"]", `listen [127.0.0.1:9797] commands [source "op"]`},
		"a command for tokens": {"[sources.jwt]\ntype = \"web-identity\"\ntoken_command = [\"/bin/true\"]",
			`listen [127.0.0.1:9797] commands [source "jwt"]`},
		"a command for codes": {"[sources.ann]\nmfa_serial = \"arn:aws:iam::629470240201:mfa/ann\"\nmfa_command = [\"/bin/true\"]",
			`listen [127.0.0.1:9797] commands [source "ann" (mfa_command)]`},
		"a profile's own command for codes": {"[sources.ann]\n[profiles.q]\nsource = \"ann\"\nrole_arn = \"arn:aws:iam::629470240201:role/R\"\n" +
			"mfa_serial = \"arn:aws:iam::629470240201:mfa/ann\"\nmfa_command = [\"/bin/true\"]\n[apps.second]\nprofiles = [\"q\"]",
			`listen [127.0.0.1:9797] commands [profile "q" (mfa_command)]`},
		"an SDK profile with a command": {"[sources.sdk]\nconfig_file = \"HERE/aws\"\nprofile = \"chain\"",
			`listen [127.0.0.1:9797] commands [source "sdk"]`},
		"an SDK profile with keys": {"[sources.sdk]\nconfig_file = \"HERE/aws\"\nprofile = \"keys\"", "listen [127.0.0.1:9797]"},
		"credentials of systemd": {"[sources.a]\nconfig_file = \"credential:both\"\ncredentials_file = \"credential:open\"\n" +
			"[sources.b]\ntype = \"web-identity\"\ntoken_file = \"credential:sealed\"\n[sources.c]\nconfig_file = \"credential:none\"",
			"listen [127.0.0.1:9797] credentials [both:/etc/credstore/both none:/etc/credstore/none open:/etc/credstore/open " +
				"sealed:/etc/credstore.encrypted/sealed (encrypted)]"},
		"the usual record": {"[audit]\nfile = \"/var/log/vendord/audit.jsonl\"", "listen [127.0.0.1:9797]"},
		"another record":   {"[audit]\nfile = \"/srv/audit/vendord.jsonl\"", "listen [127.0.0.1:9797] writes [/srv/audit]"},
	} {
		t.Run(name, func(t *testing.T) {
			if got := needsOf(t, row.add, true); got != row.want {
				t.Errorf("needs: got %s, want %s", got, row.want)
			}
		})
	}
}

func TestNeedsOfAUser(t *testing.T) {
	for add, want := range map[string]string{
		"":                                      "listen []",
		"[daemon]\nlisten = \"127.0.0.1:9797\"": "listen [127.0.0.1:9797]",
		"[audit]\nfile = \"/srv/audit/vendord.jsonl\"":                "listen []",
		"[sources.op]\ntype = \"process\"\ncommand = [\"/bin/true\"]": `listen [] commands [source "op"]`,
	} {
		if got := needsOf(t, add, false); got != want {
			t.Errorf("needs of %q: got %s, want %s", add, got, want)
		}
	}
}

// neederOf loads a configuration.
func neederOf(t *testing.T, add string, system bool) needer {
	t.Helper()
	here := t.TempDir()
	file := filepath.Join(here, "vendord.toml")
	text := "[sources.base]\ntype = \"environment\"\n[profiles.p]\nsource = \"base\"\nregion = \"eu-west-1\"\n" +
		"role_arn = \"arn:aws:iam::629470240201:role/R\"\n[apps.first]\nprofiles = [\"p\"]\n" + strings.ReplaceAll(add, "HERE", here)
	if !strings.Contains(text, "[daemon]") {
		text = "[daemon]\nregion = \"eu-west-1\"\n" + text
	} else {
		text = strings.Replace(text, "[daemon]", "[daemon]\nregion = \"eu-west-1\"", 1)
	}
	sdk := "[profile chain]\nrole_arn = arn:aws:iam::629470240201:role/R\nsource_profile = tool\n[profile tool]\ncredential_process = /bin/true\n" +
		"[profile keys]\naws_access_key_id = AKIAEXAMPLE\naws_secret_access_key = x\n"
	for path, content := range map[string]string{file: text, filepath.Join(here, "aws"): sdk} {
		if err := os.WriteFile(path, []byte(content), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	config, err := profiles.Load(profiles.Options{Path: file, System: system, UID: os.Getuid(), Home: here, Credentials: "/run/credentials/vendord.service"})
	if err != nil {
		t.Fatal(err)
	}
	there := []string{"/etc/credstore/both", "/etc/credstore.encrypted/both", "/etc/credstore/open", "/etc/credstore.encrypted/sealed"}
	return needer{config: config, system: system, home: here, credentials: "/run/credentials/vendord.service",
		is: func(path string) bool { return strings.Contains(strings.Join(there, " ")+" ", path+" ") }}
}

// needsOf says in words what a configuration needs.
func needsOf(t *testing.T, add string, system bool) string {
	t.Helper()
	n := neederOf(t, add, system).needs()
	words := []string{fmt.Sprint("listen ", n.Listen)}
	if len(n.Link) > 0 {
		words = append(words, fmt.Sprint("link ", n.Link))
	}
	if n.Exe {
		words = append(words, "exe")
	}
	if n.Homes {
		words = append(words, "homes")
	}
	if len(n.Commands) > 0 {
		words = append(words, fmt.Sprint("commands ", n.Commands))
	}
	var credentials []string
	for _, c := range n.Credentials {
		credentials = append(credentials, c.Name+":"+c.Path+map[bool]string{true: " (encrypted)"}[c.Encrypted])
	}
	if len(credentials) > 0 {
		words = append(words, fmt.Sprint("credentials ", credentials))
	}
	if len(n.Writes) > 0 {
		words = append(words, fmt.Sprint("writes ", n.Writes))
	}
	return strings.Join(words, " ")
}
