//go:build machine

package initscripts_test

import (
	"context"
	"encoding/json"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
	"time"
)

const config = `
[daemon]
listen = "127.0.0.1:9797"
region = "eu-west-1"
sts_endpoint = "http://127.0.0.1:4566"
[sources.john]
profile = "john"
config_file = "/etc/vendord/aws-config"
credentials_file = "/etc/vendord/aws-credentials"
[profiles.readonly]
source = "john"
role_arn = "arn:aws:iam::629470240201:role/JohnUploadRole"
[apps.web]
match = { user = "web" }
profiles = ["readonly"]
[endpoints.ecs]
listen = "169.254.170.2:8080"
`

const credentials = `[john]
aws_access_key_id = AKIAIOSFODNN7EXAMPLE
aws_secret_access_key = wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY
`

const toml = "/etc/vendord/vendord.toml"

// TestService is a service's life, one step after the other.
func TestService(t *testing.T) {
	fakeaws := exec.Command("fakeaws", "-listen", "127.0.0.1:4566")
	if err := fakeaws.Start(); err != nil {
		t.Fatal(err)
	}
	defer func() { _ = fakeaws.Process.Kill(); _ = fakeaws.Wait() }()
	must(t, "useradd", "web")
	must(t, "mv", "/usr/local/bin/vendord", "/root/vendord") // where somebody built it
	t.Cleanup(func() {
		if t.Failed() {
			log, _ := os.ReadFile("/var/log/vendord.log")
			t.Logf("the daemon said:\n%s", log)
		}
	})
	for _, step := range []struct {
		name string
		do   func(*testing.T)
	}{
		{"install, with a first configuration", installs},
		{"a program gets credentials", vends},
		{"the daemon has no rights", rights},
		{"killed", killed},
		{"reload", reloads},
		{"a bad configuration changes nothing", badConfiguration},
		{"upgrade", upgrades},
		{"an upgrade that fails is put back", putBack},
		{"a script of somebody else's stays", foreign},
		{"stop and start", stops},
		{"at the next boot", boots},
		{"uninstall leaves nothing", uninstalls},
	} {
		if !t.Run(step.name, step.do) {
			return // the others rely on it
		}
	}
}

func openrc() bool {
	first, _ := os.ReadFile("/proc/1/comm")
	return strings.HasPrefix(string(first), "openrc")
}

func installs(t *testing.T) {
	if out := must(t, "/root/vendord", "service", "install", "--dry-run"); !strings.Contains(out, "\n\tulimit -c 0") {
		t.Errorf("install --dry-run: got %q, want the script as it is", out)
	}
	out := must(t, "/root/vendord", "service", "install")
	for _, want := range []string{"installed under", "/etc/init.d/vendord", toml + ", a first configuration"} {
		if !strings.Contains(out, want) {
			t.Errorf("install: got %q, want %q in it", out, want)
		}
	}
	if got := must(t, "vendord", "service", "status"); !strings.Contains(got, "running and ready") {
		t.Errorf("status: got %q, want it running", got)
	}
	write(t, "/etc/vendord/aws-config", "[profile john]\nregion = eu-west-1\n")
	write(t, "/etc/vendord/aws-credentials", credentials)
	must(t, "chown", "root:vendord", "/etc/vendord/aws-credentials")
	must(t, "chmod", "640", "/etc/vendord/aws-credentials")
	write(t, toml, config)
	must(t, "/etc/init.d/vendord", "reload")
	must(t, "/root/vendord", "service", "install") // whose script has the address there at each start
}

// ask has user web's program ask for credentials.
func ask(t *testing.T) (status int) {
	t.Helper()
	out := must(t, "setpriv", "--reuid", "web", "--regid", "web", "--init-groups", "--", "probe")
	var answer struct{ Status int }
	if err := json.Unmarshal([]byte(out), &answer); err != nil {
		t.Fatalf("probe: %v in %q", err, out)
	}
	return answer.Status
}

func vends(t *testing.T) {
	if got := ask(t); got != 200 {
		t.Errorf("a program of user web: got %d, want 200", got)
	}
	out, err := run("probe") // as root
	if err != nil || !strings.Contains(out, `"Status":401`) {
		t.Errorf("a program of root's: got %q and %v, want 401", out, err)
	}
}

// state is what the manager says of the service.
func state(t *testing.T) (phase string, pid int) {
	t.Helper()
	out, _ := run("vendord", "service", "status", "--json") // its exit status says so too
	var st struct {
		State string
		PID   int
	}
	if err := json.Unmarshal([]byte(out), &st); err != nil {
		t.Fatalf("service status --json: %v in %q", err, out)
	}
	return st.State, st.PID
}

func rights(t *testing.T) {
	_, pid := state(t)
	of := filepath.Join("/proc", strconv.Itoa(pid))
	text, err := os.ReadFile(filepath.Join(of, "status"))
	if err != nil {
		t.Fatal(err)
	}
	for _, line := range []string{"CapPrm:\t0000000000000000", "CapEff:\t0000000000000000", "CapAmb:\t0000000000000000"} {
		if !strings.Contains(string(text), line) {
			t.Errorf("the daemon's rights: want %q in\n%s", line, text)
		}
	}
	if strings.Contains(string(text), "Uid:\t0") || openrc() && !strings.Contains(string(text), "NoNewPrivs:\t1") {
		t.Errorf("the daemon: want a user of its own, and under OpenRC no new privileges, in\n%s", text)
	}
	limits, _ := os.ReadFile(filepath.Join(of, "limits"))
	if !strings.Contains(string(limits), "Max core file size        0                    0 ") {
		t.Errorf("the daemon's limits: want no core in\n%s", limits)
	}
	environ, _ := os.ReadFile(filepath.Join(of, "environ"))
	if strings.Contains(string(environ), "VENDORD_") || strings.Contains(string(environ), "AWS_") {
		t.Errorf("the daemon's environment: got %q, want nothing of who installed", environ)
	}
	for path, want := range map[string]string{"/var/lib/vendord": "700 vendord", "/run/vendord": "755 vendord", "/var/log/vendord.log": "640 vendord", "/etc/init.d/vendord": "755 root", "/usr/local/bin/vendord": "755 root"} {
		if got := strings.TrimSpace(must(t, "stat", "-c", "%a %U", path)); got != want {
			t.Errorf("%s: got %s, want %s", path, got, want)
		}
	}
}

func killed(t *testing.T) {
	_, before := state(t)
	must(t, "kill", "-KILL", strconv.Itoa(before))
	if !openrc() { // which has nobody to start it again, and says so
		within(t, "status", func() bool { phase, _ := state(t); return phase == "failed" })
		if out, err := run("/etc/init.d/vendord", "status"); err == nil || !strings.Contains(out, "dead, although it was not stopped") {
			t.Errorf("status of a killed daemon: got %q and %v, want that it is dead", out, err)
		}
		must(t, "vendord", "service", "start")
	}
	within(t, "a new daemon", func() bool {
		phase, pid := state(t)
		return phase == "running" && pid != before && pid != 0
	})
	within(t, "credentials", func() bool { return ask(t) == 200 })
}

func reloads(t *testing.T) {
	_, before := state(t)
	write(t, toml, strings.Replace(config, `user = "web"`, `user = "games"`, 1))
	must(t, "/etc/init.d/vendord", "reload")
	if got := ask(t); got != 401 {
		t.Errorf("user web after a reload without it: got %d, want 401", got)
	}
	write(t, toml, config)
	must(t, "/etc/init.d/vendord", "reload")
	if _, pid := state(t); pid != before || ask(t) != 200 {
		t.Errorf("after a reload: got pid %d and not 200, want %d and 200", pid, before)
	}
}

func badConfiguration(t *testing.T) {
	_, before := state(t)
	write(t, toml, "nonsense\n")
	for _, command := range [][]string{{"/etc/init.d/vendord", "reload"}, {"vendord", "service", "restart"}, {"/etc/init.d/vendord", "restart"}, {"/root/vendord", "service", "install"}} {
		if out, err := run(command...); err == nil || !strings.Contains(out, "not valid TOML") {
			t.Errorf("%s: got %q and %v, want what is wrong with the file", command, out, err)
		}
	}
	if phase, pid := state(t); phase != "running" || pid != before || ask(t) != 200 {
		t.Errorf("after a bad configuration: got %s, pid %d, want the daemon as it was, pid %d", phase, pid, before)
	}
	write(t, toml, config)
}

func upgrades(t *testing.T) {
	_, before := state(t)
	out := must(t, "/root/vendord", "service", "install")
	if _, pid := state(t); !strings.Contains(out, "upgraded") || pid == before || ask(t) != 200 {
		t.Errorf("install once more: got %q and pid %d, want another than %d, and credentials", out, pid, before)
	}
	address(t, "an upgrade", true)
}

// address is an error unless the address of the endpoint is there, or gone.
func address(t *testing.T, after string, want bool) {
	t.Helper()
	if there := strings.Contains(must(t, "ip", "-oneline", "address", "show", "dev", "lo"), " 169.254.170.2/32 "); there != want {
		t.Errorf("after %s: the address of the endpoint: got %v, want %v", after, there, want)
	}
}

// putBack has an upgrade fail after everything was written: a program that is none.
func putBack(t *testing.T) {
	script, err := os.ReadFile("/etc/init.d/vendord")
	if err != nil {
		t.Fatal(err)
	}
	sum := must(t, "sha256sum", "/usr/local/bin/vendord")
	// Whoever holds the port lets the daemon start, and end.
	bad := strings.Replace(config, "127.0.0.1:9797", "192.0.2.1:9797", 1)
	write(t, toml, bad)
	out, err := run("/root/vendord", "service", "install")
	if err == nil {
		t.Fatalf("install of an address that is not here: got %q, want a failure", out)
	}
	write(t, toml, config)
	if now, _ := os.ReadFile("/etc/init.d/vendord"); string(now) != string(script) || must(t, "sha256sum", "/usr/local/bin/vendord") != sum {
		t.Errorf("after an install that failed: the files are others than before")
	}
	must(t, "vendord", "service", "start")
	within(t, "credentials", func() bool { return ask(t) == 200 })
}

func foreign(t *testing.T) {
	script := must(t, "cat", "/etc/init.d/vendord")
	write(t, "/etc/init.d/vendord", "#!/bin/sh\n")
	for _, verb := range []string{"install", "uninstall"} {
		if out, err := run("/root/vendord", "service", verb); err == nil || !strings.Contains(out, "/etc/init.d/vendord: not written by vendord, and not") {
			t.Errorf("%s over somebody else's script: got %q and %v, want a refusal", verb, out, err)
		}
	}
	write(t, "/etc/init.d/vendord", script)
}

func stops(t *testing.T) {
	for _, want := range []struct{ verb, phase string }{{"stop", "stopped"}, {"stop", "stopped"}, {"start", "running"}, {"start", "running"}, {"restart", "running"}} {
		must(t, "vendord", "service", want.verb)
		if phase, pid := state(t); phase != want.phase || (pid != 0) != (phase == "running") {
			t.Errorf("%s: got %s, pid %d, want %s", want.verb, phase, pid, want.phase)
		}
		address(t, want.verb, want.phase == "running")
	}
	if out := must(t, "vendord", "service", "logs", "-n", "5"); !strings.Contains(out, "ready") {
		t.Errorf("logs: got %q, want that it is ready", out)
	}
}

// boots has the manager leave a runlevel with the service in it and come back, as at
// a shutdown and a boot.
func boots(t *testing.T) {
	levels := [][]string{{"openrc", "off"}, {"openrc", "default"}}
	if !openrc() {
		levels = [][]string{{"init", "1"}, {"init", "2"}}
	}
	must(t, levels[0]...)
	within(t, "a stopped service", func() bool { phase, _ := state(t); return phase == "stopped" })
	must(t, levels[1]...)
	within(t, "a running service", func() bool { phase, _ := state(t); return phase == "running" })
	within(t, "credentials", func() bool { return ask(t) == 200 })
}

func uninstalls(t *testing.T) {
	out := must(t, "/root/vendord", "service", "uninstall")
	address(t, "uninstall", false)
	for _, kept := range []string{toml, "/var/lib/vendord", "user vendord"} {
		if !strings.Contains(out, "kept     "+kept) {
			t.Errorf("uninstall: got %q, want that %s is kept", out, kept)
		}
	}
	out = must(t, "/root/vendord", "service", "uninstall", "--purge")
	if !strings.Contains(out, "removed  user vendord") {
		t.Errorf("uninstall --purge: got %q, want the user to be removed", out)
	}
	must(t, "rm", "-r", "/etc/vendord")
	within(t, "an end of all its processes", func() bool { _, err := run("pgrep", "-x", "vendord"); return err != nil })
	left := must(t, "sh", "-c", "find /etc /var /usr/local /opt /tmp -xdev -name '*vendord*' -newer /run/box-is-up; find /run -name '*vendord*'; grep vendord /etc/passwd /etc/group /etc/shadow || :; ls -d /etc/rc?.d/*vendord /etc/runlevels/*/vendord 2>/dev/null || :")
	if left != "" {
		t.Errorf("after uninstall --purge: got %q, want nothing left", left)
	}
}

func run(command ...string) (string, error) {
	ctx, cancel := context.WithTimeout(context.Background(), time.Minute)
	defer cancel()
	cmd := exec.CommandContext(ctx, command[0], command[1:]...)
	cmd.WaitDelay = 5 * time.Second
	cmd.Env = append(os.Environ(), "VENDORD_LOG_LEVEL=nonsense", "AWS_ACCESS_KEY_ID=AKIAIOSFODNN7WRONG1") // none of it is the service's
	out, err := cmd.CombinedOutput()
	return string(out), err
}

func must(t *testing.T, command ...string) string {
	t.Helper()
	out, err := run(command...)
	if err != nil {
		t.Fatalf("%s: %v: %s", strings.Join(command, " "), err, out)
	}
	return out
}

func write(t *testing.T, path, text string) {
	t.Helper()
	if err := os.WriteFile(path, []byte(text), 0o644); err != nil {
		t.Fatal(err)
	}
}

func within(t *testing.T, what string, ok func() bool) {
	t.Helper()
	for end := time.Now().Add(time.Minute); time.Now().Before(end); time.Sleep(50 * time.Millisecond) {
		if ok() {
			return
		}
	}
	t.Fatal(fmt.Sprint(what, ": not within a minute"))
}
