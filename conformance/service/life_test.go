//go:build machine

package service_test

import (
	"fmt"
	"os"
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
	if m.PID() != pid {
		t.Errorf("got another process, want %d", pid)
	}
}

// TestCrashLoop: what cannot live is not started for ever, and says so; once it can,
// one command brings it back.
func TestCrashLoop(t *testing.T) {
	m := installed(t)
	m.As("load")
	m.Write("/run/vendord-must-fail", "", 0o644)
	defer os.Remove("/run/vendord-must-fail")
	m.DropIn("ExecStartPre=/bin/sh -c '! test -e /run/vendord-must-fail'\n")
	stop := m.Load("load", "-pace", "20ms", "-workers", "2")
	_ = syscall.Kill(m.PID(), syscall.SIGKILL)
	m.Within("an end of it", func() bool { return m.Property("vendord.service", "ActiveState") == "failed" })
	out, _ := m.Type("vendord service status")
	t.Logf("vendord service status\n%s", out)
	m.Says("service status", out, "failed")
	_ = os.Remove("/run/vendord-must-fail")
	t.Log(m.Do("vendord service start"))
	if a := m.As("load"); a.Status != 200 {
		t.Errorf("once it can: got %+v, want credentials", a)
	}
	load := stop()
	fmt.Printf("figure: a crash loop until systemd gives up, and after: %v\n", load.Answers)
	for answer := range load.Answers {
		if answer != "200" && strings.Contains(answer, "200") || load.Answers["200"] == 0 {
			t.Errorf("got %+v, want credentials again", load)
		}
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
