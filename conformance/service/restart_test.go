//go:build machine

package service_test

import (
	"fmt"
	"os"
	"strings"
	"testing"
	"time"

	"github.com/vendord/vendord/conformance/machine"
)

// TestRestarts: who asks while the daemon is restarted waits a moment longer. None of
// these programs asks twice.
func TestRestarts(t *testing.T) {
	m := installed(t)
	tenTimes := func(unit string) func() {
		return func() {
			m.Do("systemctl reset-failed " + unit) // or forty within half a minute count as a crash loop
			for range 10 {
				m.Do("systemctl restart " + unit)
			}
		}
	}
	first := m.As("load")
	m.Forget()
	figure := func(what string, load machine.Load) {
		fmt.Printf("figure: ten restarts, %s: %d of %d requests refused (%v), longest wait %d ms\n", what, load.Refused(), total(load), load.Answers, load.Longest)
	}
	m.Scene("a connection for each request", func(t *testing.T, m *machine.Machine) {
		load := m.During("load", tenTimes("vendord"))
		figure("a connection for each request", load)
		if load.Refused() > 0 || total(load) < 100 {
			t.Errorf("got %+v, want none refused, of many", load)
		}
		if calls := m.Calls(); len(calls) > 0 || load.Keys[first.Key] != total(load) {
			t.Errorf("got the calls %v and the keys %v, want AWS not asked, and %s", calls, load.Keys, first.Key)
		}
	})
	m.Scene("connections that are kept", func(t *testing.T, m *machine.Machine) {
		load := m.During("load", tenTimes("vendord"), "-kept")
		figure("connections kept", load)
		// Between two requests a connection may be closed, which no server can help:
		// clients that keep connections ask again.
		if lost := load.Refused(); lost > 40 || load.Answers["200"] < 100 || lost != load.Answers["reading: EOF"]+load.Answers["reading: unexpected EOF"]+load.Answers["reading: connection reset by peer"]+load.Answers["writing: broken pipe"]+load.Answers["writing: connection reset by peer"] {
			t.Errorf("got %+v, want nothing but connections that were closed, each once a restart at most", load)
		}
	})
	m.Scene("AWS out of reach", func(t *testing.T, m *machine.Machine) {
		m.Do("systemctl stop fakeaws")
		defer m.StartAWS()
		load := m.During("load", tenTimes("vendord"))
		figure("AWS out of reach", load)
		if load.Refused() > 0 || load.Keys[first.Key] != total(load) {
			t.Errorf("got %+v, want none refused, and the session that there was", load)
		}
	})
	m.Scene("without the socket unit", func(t *testing.T, m *machine.Machine) {
		m.Do("systemctl stop vendord.service vendord.socket")
		_ = os.RemoveAll("/run/vendord")
		m.Do("sed -i s/:9797/:9798/ /etc/vendord/vendord.toml") // what is left of connections to the other is root's for a minute
		unit, _ := os.ReadFile("/etc/systemd/system/vendord.service")
		alone := strings.ReplaceAll(strings.ReplaceAll(string(unit), "Requires=vendord.socket", ""), "vendord.socket", "")
		alone = strings.Replace(alone, "[Service]\n", "[Service]\nRuntimeDirectory=vendord\n", 1)
		m.Write("/etc/systemd/system/vendord-alone.service", alone, 0o644)
		defer func() {
			m.Do("systemctl stop vendord-alone")
			_ = os.Remove("/etc/systemd/system/vendord-alone.service")
			m.Do("systemctl daemon-reload")
		}()
		m.Do("systemctl daemon-reload")
		if out, err := m.Type("systemctl start vendord-alone || { journalctl --no-pager -u vendord-alone; false; }"); err != nil {
			t.Fatal(out)
		}
		load := m.During("load", tenTimes("vendord-alone"), "-url", strings.Replace(machine.Process, ":9797", ":9798", 1))
		figure("a connection for each request, without the socket unit", load)
		if load.Refused() == 0 {
			t.Errorf("got %+v, want some refused: else the socket unit is for nothing, or this does not show it", load)
		}
	})
}

func total(l machine.Load) (n int) {
	for _, times := range l.Answers {
		n += times
	}
	return n
}

// TestSquatter: while the daemon is down its addresses are nobody else's, and
// whoever asks there starts it.
func TestSquatter(t *testing.T) {
	m := installed(t)
	m.Do("systemctl stop vendord.service")
	out, err := m.TypeAs("mallory", "probe -relay 127.0.0.1:9797")
	if err == nil || !strings.Contains(out, "in use") {
		t.Errorf("another user listens: got %v %s, want the address in use", err, out)
	}
	for _, line := range []string{"rm /run/vendord/control.sock", "mv /run/vendord /run/other", "touch /run/vendord/x"} {
		if out, err := m.TypeAs("mallory", line); err == nil {
			t.Errorf("%s: got %s, want it denied", line, out)
		}
	}
	if a := m.As("load"); a.Status != 200 {
		t.Errorf("who asks: got %+v, want credentials of a daemon that was started for it", a)
	}
	m.Within("ready", func() bool { return m.Property("vendord.service", "ActiveState") == "active" })
	m.Do("systemctl stop vendord.service")
	m.Do("vendord status") // a command does the same
}

// TestStop: whoever waits for AWS is answered before the daemon ends.
func TestStop(t *testing.T) {
	m := installed(t)
	// Of a group nobody knows beforehand who will ask: there is no session yet.
	m.Configure("", apps+"\n[apps.joe]\nprofiles = [\"upload\"]\nmatch = {group = \"joe\"}\n")
	m.Do("systemctl reload vendord")
	m.Forget()
	m.Fault(`{"operation":"AssumeRole","kind":"latency","latency":"600ms"}`)
	defer m.Mend()
	answers := make(chan machine.Answer, 8)
	for range cap(answers) {
		go func() { answers <- m.As("joe") }()
	}
	m.Within("AWS being asked", func() bool { return len(m.Calls()) > 0 })
	m.Do("systemctl stop vendord.service")
	if got := m.Property("vendord.service", "Result"); got != "success" {
		t.Errorf("Result: got %s, want success", got)
	}
	for range cap(answers) {
		if a := <-answers; a.Status != 200 {
			t.Errorf("got %+v, want credentials", a)
		}
	}
}

// TestExec: a command goes on over restarts and crashes of the daemon, with its own
// token.
func TestExec(t *testing.T) {
	m := installed(t)
	const goOn = "/tmp/exec-go-on"
	m.Write(goOn, "", 0o644)
	done := make(chan string, 1)
	go func() {
		out, err := m.Type(`vendord exec upload -- sh -c 'exec probe -url "$AWS_CONTAINER_CREDENTIALS_FULL_URI" -token "$AWS_CONTAINER_AUTHORIZATION_TOKEN" -workers 1 -pace 20ms -load ` + goOn + `'`)
		done <- fmt.Sprint(err, " ", out)
	}()
	time.Sleep(time.Second)
	m.Do("systemctl restart vendord")
	time.Sleep(time.Second)
	m.Do("systemctl kill --signal KILL --kill-who main vendord")
	time.Sleep(12 * time.Second) // longer than a token lives that nobody registers again
	_ = os.Remove(goOn)
	out := <-done
	_, answers, _ := strings.Cut(out, `{"Answers":{`)
	answers, _, _ = strings.Cut(answers, "}")
	fmt.Printf("figure: a command over a restart and a crash: its requests were answered %s\n", answers)
	if !strings.HasPrefix(out, "<nil>") || !strings.HasPrefix(answers, `"200":`) || strings.Count(answers, ",") > 0 && !strings.Contains(answers, `"reading: EOF":1`) {
		t.Errorf("got %s, want every request answered, but for the one that it was answering when it was killed", out)
	}
}
