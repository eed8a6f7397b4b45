//go:build machine

package service_test

import (
	"fmt"
	"os"
	"os/exec"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/vendord/vendord/conformance/machine"
)

// TestCrash: a daemon that ends by itself is back before anybody notices.
func TestCrash(t *testing.T) {
	m := installed(t)
	for _, how := range []struct {
		name   string
		signal syscall.Signal
	}{
		{"killed", syscall.SIGKILL},
		{"ended by a panic, or the kernel", syscall.SIGABRT},
	} {
		m.Scene(how.name, func(t *testing.T, m *machine.Machine) {
			old, since := m.PID(), m.Now()
			first := m.As("load")
			m.Forget()
			load := m.During("load", func() {
				_ = syscall.Kill(old, how.signal)
				m.Within("another daemon", func() bool { pid := m.PID(); return pid != old && pid != 0 })
				m.Do("vendord status --check")
			})
			// What it was answering when it died is lost, and nothing else.
			if lost := load.Refused(); lost > 4 || lost > load.Answers["reading: EOF"]+load.Answers["reading: unexpected EOF"]+load.Answers["reading: connection reset by peer"] {
				t.Errorf("got %+v, want no more lost than the four that it was answering", load)
			}
			if calls := m.Calls(); len(calls) > 0 || load.Keys[first.Key] != load.Answers["200"] {
				t.Errorf("got the calls %v and the keys %v, want AWS not asked, and %s", calls, load.Keys, first.Key)
			}
			noSecrets(t, "the journal", m.Journal(since))
		})
	}
}

// TestWatchdog: a daemon that answers nobody is ended and started again. What it did
// is in the journal, without secrets.
func TestWatchdog(t *testing.T) {
	m := machine.New(t, users, "", apps, "WatchdogSec=2s\n")
	m.As("load")
	old, since := m.PID(), m.Now()
	m.Scene("one that is well is left alone", func(t *testing.T, m *machine.Machine) {
		time.Sleep(3 * time.Second) // longer than the watchdog's patience
		if m.PID() != old {
			t.Errorf("got another process, want %d:\n%s", old, m.Journal(since))
		}
	})
	m.Scene("one that hangs is replaced", func(t *testing.T, m *machine.Machine) {
		stop := m.Load("load", "-workers", "1")
		began := time.Now()
		_ = syscall.Kill(old, syscall.SIGSTOP)
		m.Within("another daemon", func() bool { pid := m.PID(); return pid != old && pid != 0 })
		m.Ready()
		took := time.Since(began)
		load := stop()
		if load.Refused() > 1 {
			t.Errorf("meanwhile: got %+v, want one lost at most: the one that it was answering", load)
		}
		fmt.Printf("figure: a daemon that hangs: replaced after %.1f s with WatchdogSec=2s; the longest wait of a program %d ms, %d refused\n", took.Seconds(), load.Longest, load.Refused())
		said := m.Journal(since)
		m.Says("the journal", said, "watchdog", "goroutine ")
		noSecrets(t, "the journal", said)
	})
}

// TestReload: a configuration is taken as a whole or not at all, and systemctl says
// which.
func TestReload(t *testing.T) {
	m := installed(t)
	pid := m.PID()
	m.As("load")
	m.Scene("a good one is in force when systemctl is done", func(t *testing.T, m *machine.Machine) {
		if a := m.As("joe"); a.Status != 401 {
			t.Errorf("before: got %+v, want 401", a)
		}
		m.Configure("", apps+"\n[apps.joe]\nprofiles = [\"upload\"]\nmatch = {user = \"joe\"}\n")
		m.Do("systemctl reload vendord")
		if a := m.As("joe"); a.Status != 200 {
			t.Errorf("got %+v, want credentials", a)
		}
	})
	m.Scene("a bad one fails, and the old one goes on", func(t *testing.T, m *machine.Machine) {
		since := m.Now()
		m.Configure("", apps+"\n[apps.joe]\nprofiles = [\"uplaod\"]\n")
		m.Fails("systemctl reload vendord")
		m.Says("the journal", m.Journal(since), "uplaod", "upload")
		if a := m.As("joe"); a.Status != 200 {
			t.Errorf("got %+v, want credentials", a)
		}
		m.Do("systemctl is-active vendord")
		m.Says("status", m.Do("vendord status"), "changed on disk, not loaded")
	})
	m.Scene("one that needs more than the unit gives says what gives it", func(t *testing.T, m *machine.Machine) {
		m.Configure("", apps+"\n[sources.second]\nprofile = \"john\"\ncredentials_file = \"credential:second\"\n")
		out, _ := m.Type("vendord reload")
		m.Says("vendord reload", out, "credential:second: was not handed over: LoadCredential=", `hint: "vendord service install" writes the unit`)
	})
	if m.PID() != pid {
		t.Errorf("got another process, want %d", pid)
	}
}

// TestNeverGivenUp: while vendord cannot live, its sockets stay systemd's, however
// much somebody connects whom that would suit. Once it can, it is back by itself.
func TestNeverGivenUp(t *testing.T) {
	m := installed(t)
	m.As("load")
	defer hammer(t)()
	good, err := os.ReadFile("/etc/vendord/vendord.toml")
	if err != nil {
		t.Fatal(err)
	}
	m.Scene("the configuration is bad", func(t *testing.T, m *machine.Machine) {
		m.Write("/etc/vendord/vendord.toml", string(good)+"\n[profiles.bad]\nnonsense = 1\n", 0o644)
		_ = syscall.Kill(m.PID(), syscall.SIGKILL)
		starts := looping(t, m, "a bad configuration", 8*time.Second)
		if starts > 12 {
			t.Errorf("got %d starts in 8 s, want one a second at most", starts)
		}
		began := time.Now()
		said := m.Fails("vendord list")
		m.Says("a command", said, "vendord's service: fails each time when it starts", ", and is started again", "vendord check --system")
		if took := time.Since(began); took > 8*time.Second {
			t.Errorf("vendord list: got its answer after %s, want it in a few seconds", took)
		}
		for _, do := range []string{"start", "restart"} {
			began = time.Now()
			m.Says(do, m.Fails("vendord service "+do), "nonsense")
			if took := time.Since(began); took > 8*time.Second {
				t.Errorf("service %s: got its answer after %s, want it in a few seconds", do, took)
			}
		}
		m.Fails("systemctl start vendord")
		out, _ := m.Type("vendord service status")
		m.Says("service status", out, "crashing, and started again each time")
		m.Write("/etc/vendord/vendord.toml", string(good), 0o644)
		backByItself(t, m)
	})
	m.Scene("it dies before it can do anything about it", func(t *testing.T, m *machine.Machine) {
		m.Write("/run/vendord-must-fail", "", 0o644)
		defer os.Remove("/run/vendord-must-fail")
		m.DropIn("ExecStartPre=/bin/sh -c 'test -e /run/vendord-must-fail && kill -ABRT $$$$ || true'\n")
		_ = syscall.Kill(m.PID(), syscall.SIGKILL)
		looping(t, m, "a start that dies at once", 5*time.Second)
		_ = os.Remove("/run/vendord-must-fail")
		backByItself(t, m)
		m.DropIn("")
	})
	m.Scene("it is killed all the time", func(t *testing.T, m *machine.Machine) {
		for range 20 {
			m.Type("systemctl kill --signal=KILL vendord.service")
			time.Sleep(100 * time.Millisecond)
		}
		looping(t, m, "killed twenty times in two seconds", time.Second)
		backByItself(t, m)
	})
}

// hammer has mallory connect all the time, to have vendord started, until the func is
// called.
func hammer(t *testing.T) (enough func()) {
	t.Helper()
	cmd := exec.CommandContext(t.Context(), "setpriv", "--reuid", "mallory", "--regid", "mallory", "--init-groups", "--", "bash", "-c",
		"while :; do exec 3<>/dev/tcp/127.0.0.1/9797; exec 3>&-; sleep 0.01; done")
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	return func() { _, _ = cmd.Process.Kill(), cmd.Wait() }
}

// looping lets a service fail for a while, and returns how often it was started.
func looping(t *testing.T, m *machine.Machine, what string, long time.Duration) int {
	t.Helper()
	since := m.Now()
	for end := time.Now().Add(long); time.Now().Before(end); time.Sleep(100 * time.Millisecond) {
		if state := m.Property("vendord.socket", "ActiveState"); state != "active" {
			t.Fatalf("%s: the socket is %s, want it active", what, state)
		}
	}
	text := m.Journal(since)
	starts := strings.Count(text, "Starting ")
	fmt.Printf("figure: %s, while somebody connects all the time: %d starts, %d lines of log in %s; the sockets stay systemd's\n", what, starts, strings.Count(text, "\n"), long)
	return starts
}

func backByItself(t *testing.T, m *machine.Machine) {
	t.Helper()
	m.Within("a daemon", func() bool { return m.Property("vendord.service", "ActiveState") == "active" })
	if a := m.As("load"); a.Status != 200 {
		t.Errorf("once it can: got %+v, want credentials", a)
	}
}

// canaries are what must be nowhere: john's secret key, and what begins a token's and
// a session's secrets.
var canaries = []string{"wJalrXUtnFEMI", "vnd_", "FwoGZXIvYXdz", "IQoJ"}

func noSecrets(t *testing.T, where, text string) {
	t.Helper()
	for _, canary := range canaries {
		if strings.Contains(text, canary) {
			t.Errorf("%s: got %q in it, want no secret", where, canary)
		}
	}
}

// TestSecrets: no secret is where others, or an operator by mistake, could see it.
func TestSecrets(t *testing.T) {
	since := machine.Bare(t).Now()
	m := installed(t)
	m.Unit("web", "User=web")
	token := strings.TrimSpace(m.Do("vendord token issue jane --user jane"))
	m.As("jane", "-url", machine.Token, "-token", token)
	m.As("mallory", "-url", machine.Token, "-token", token)
	secret, _ := m.Type("su load -c \"bash -c 'exec 3<>/dev/tcp/127.0.0.1/9797; printf \\\"GET /v1/process/credentials HTTP/1.0\\r\\nHost: 127.0.0.1:9797\\r\\n\\r\\n\\\" >&3; cat <&3'\"")
	var session string
	if _, after, ok := strings.Cut(secret, `"SecretAccessKey":"`); ok {
		session, _, _ = strings.Cut(after, `"`)
	}
	if len(session) < 20 {
		t.Fatalf("got %s, want a session's secret", secret)
	}
	m.Do("systemctl restart vendord")
	_ = syscall.Kill(m.PID(), syscall.SIGABRT)
	m.Ready()
	environ, err := os.ReadFile("/proc/" + m.Property("vendord.service", "MainPID") + "/environ")
	if err != nil || len(environ) == 0 {
		t.Errorf("environ: got %v, want one", err)
	}
	for where, text := range map[string]string{
		"the journal":       m.Journal(since) + m.Do("journalctl --no-pager -o export"),
		"systemctl show":    m.Do("systemctl show vendord.service vendord.socket"),
		"the environment":   string(environ),
		"the state":         m.Do("grep -r . /var/lib/vendord /var/log/vendord /etc/systemd/system /run/vendord"),
		"systemctl status":  m.Do("systemctl status vendord.service"),
		"the command lines": m.Do("ps axww -o args"),
	} {
		noSecrets(t, where, strings.ReplaceAll(text, "-token "+token, ""))
		if strings.Contains(text, session) {
			t.Errorf("%s: got a session's secret in it", where)
		}
	}
}

// TestAgreement: who asks systemd, the service and the daemon is told the same.
func TestAgreement(t *testing.T) {
	m := installed(t)
	m.As("load")
	agree := func(words ...string) {
		t.Helper()
		m.Within("one summary", func() bool {
			line := m.Property("vendord.service", "StatusText")
			ours, _ := m.Type("vendord status")
			service, _ := m.Type("vendord service status")
			return strings.Contains(ours, line) && strings.Contains(service, line) && line != "" && containsAll(line, words)
		})
		t.Log(m.Property("vendord.service", "StatusText"))
	}
	agree("session")
	m.Do("vendord status --check")
	m.Fault(`{"operation":"AssumeRole","kind":"access-denied"}`)
	m.Configure("", apps+"\n[profiles.fresh]\nextends = \"upload\"\nsession_name = \"fresh\"\n[apps.joe]\nprofiles = [\"fresh\"]\nmatch = {user = \"joe\"}\n")
	_, _ = m.Type("systemctl reload vendord")
	m.As("joe")
	agree("unwell", "fresh")
	m.Fails("vendord status --check")
	m.Mend()
}

func containsAll(text string, words []string) bool {
	for _, word := range words {
		if !strings.Contains(text, word) {
			return false
		}
	}
	return true
}
