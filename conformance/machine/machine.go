//go:build machine

package machine

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"
)

const (
	etc    = "/etc/vendord"
	store  = "/etc/credstore"
	record = "/var/log/vendord/audit"
	aws    = "http://127.0.0.1:4566"
)

// Binary is vendord as it was built: what installs itself.
const Binary = "/mnt/vendord"

// Token and Process are where programs ask: with a token, and as whom the kernel
// knows.
const (
	Token   = "http://127.0.0.1:9797/v1/credentials"
	Process = "http://127.0.0.1:9797/v1/process/credentials"
)

const config = `
[daemon]
listen = "127.0.0.1:9797"
region = "eu-west-1"
sts_endpoint = "` + aws + `"
%s
[audit]
file = "` + record + `"

[sources.john]
profile = "john"
config_file = "aws-config"
credentials_file = "credential:john"

[profiles.upload]
source = "john"
role_arn = "arn:aws:iam::629470240201:role/JohnUploadRole"

[profiles.readonly]
extends = "upload"
policy = '{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Action":"s3:ListBucket","Resource":"*"}]}'
`

const credentials = `[john]
aws_access_key_id = AKIAIOSFODNN7EXAMPLE
aws_secret_access_key = wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY
`

// Machine is one.
type Machine struct {
	t     *testing.T
	since string // where the journal stood when the test began

	mu    sync.Mutex // guards what follows
	asked int
	turns map[string]int // of each name that was asked by
}

// Bare makes the users, and starts fakeaws: a machine on which vendord is to be
// installed. What a test installs there is removed after it.
func Bare(t *testing.T, users ...string) *Machine {
	t.Helper()
	m := Keep(t, users...)
	t.Cleanup(m.remove)
	return m
}

// Keep is Bare for a test that leaves the machine as it is.
func Keep(t *testing.T, users ...string) *Machine {
	t.Helper()
	m := &Machine{t: t, turns: map[string]int{}}
	for _, user := range users {
		if exec.Command("id", user).Run() != nil {
			m.do("useradd", "--create-home", "--shell", "/bin/sh", user)
		}
	}
	m.StartAWS()
	m.since = m.Now()
	return m
}

// New is Bare with vendord installed, as its users do. apps is more of vendord.toml,
// daemon what its [daemon] section has besides, and service are lines for vendord's
// unit.
func New(t *testing.T, users []string, daemon, apps, service string) *Machine {
	t.Helper()
	m := Bare(t, users...)
	m.Configure(daemon, apps)
	m.DropIn(service)
	m.do(Binary, "service", "install", "--system")
	m.Ready()
	return m
}

// remove leaves nothing of vendord, and says what it said where the test failed.
func (m *Machine) remove() {
	if m.t.Failed() {
		out, _ := exec.Command("journalctl", "--no-pager", "-o", "short-precise", "-n", "40", "--after-cursor", m.since, "-u", "vendord.service", "-u", "vendord.socket", "-u", "vendord-net.service", "-u", "fakeaws").CombinedOutput()
		m.t.Logf("the daemons said:\n%s", out)
		text, _ := os.ReadFile(record)
		m.t.Logf("on record:\n%s", last(string(text), 1200))
	}
	if out, err := run(Binary, "service", "uninstall", "--purge", "--system"); err != nil {
		m.t.Errorf("uninstall: %v %s", err, out)
	}
	m.DropIn("")
	_ = os.RemoveAll(etc)
	_ = os.RemoveAll(store)
	_, _ = run("systemctl", "stop", "fakeaws")
}

// last is the end of a text that may be long.
func last(text string, n int) string { return text[max(0, len(text)-n):] }

// Configure writes vendord.toml, and the keys where systemd takes them from.
func (m *Machine) Configure(daemon, apps string) {
	m.t.Helper()
	m.Write(etc+"/vendord.toml", fmt.Sprintf(config, daemon)+apps, 0o644)
	m.Write(etc+"/aws-config", "[profile john]\nregion = eu-west-1\n", 0o644)
	m.Write(store+"/john", credentials, 0o600)
}

// Write writes a file of root's.
func (m *Machine) Write(path, text string, mode os.FileMode) {
	m.t.Helper()
	must(m.t, os.MkdirAll(filepath.Dir(path), 0o755))
	must(m.t, os.WriteFile(path, []byte(text), mode))
	must(m.t, os.Chmod(path, mode))
}

// DropIn sets lines of vendord's unit over those that it was installed with, from
// its next start on; none takes them away again.
func (m *Machine) DropIn(lines string) {
	m.t.Helper()
	const dir = "/etc/systemd/system/vendord.service.d"
	must(m.t, os.RemoveAll(dir))
	if lines != "" {
		m.Write(dir+"/test.conf", "[Service]\n"+lines, 0o644)
	}
	m.do("systemctl", "daemon-reload")
}

// Ready waits for the daemon, ten seconds at most.
func (m *Machine) Ready() {
	m.t.Helper()
	m.Within("vendord status", func() bool { return exec.Command("vendord", "status").Run() == nil })
}

// Within waits until something is so, a minute at most.
func (m *Machine) Within(what string, ok func() bool) {
	m.t.Helper()
	for end := time.Now().Add(time.Minute); time.Now().Before(end); time.Sleep(20 * time.Millisecond) {
		if ok() {
			return
		}
	}
	m.t.Fatalf("%s: not within a minute", what)
}

// do runs a command as root, which must succeed, and returns what it printed.
func (m *Machine) do(command string, args ...string) string {
	m.t.Helper()
	out, err := run(command, args...)
	if err != nil {
		m.t.Fatalf("%s %s: %v", command, strings.Join(args, " "), err)
	}
	return out
}

// Do is do for a line of words.
func (m *Machine) Do(line string) string {
	m.t.Helper()
	words := strings.Fields(line)
	return m.do(words[0], words[1:]...)
}

// run runs a command, a minute at most, and returns what it printed.
func run(command string, args ...string) (string, error) {
	ctx, cancel := context.WithTimeout(context.Background(), time.Minute)
	defer cancel()
	cmd := exec.CommandContext(ctx, command, args...)
	cmd.WaitDelay = 10 * time.Second // for what a child still has to say
	var out, problems bytes.Buffer
	cmd.Stdout, cmd.Stderr = &out, &problems
	if err := cmd.Run(); err != nil {
		return out.String(), fmt.Errorf("%w: %s", err, problems.String())
	}
	return out.String(), nil
}

// Event is what the record says of a request.
type Event struct {
	Agent, App, How, Profile, Unit, Container, Exe, From, Near, Message, Key string
	UID                                                                      json.Number
	PID, Status                                                              int
}

// Event returns the record's line of a question, and waits for it, two seconds at
// most. ok is false if there is none.
func (m *Machine) Event(a Answer) (e Event, ok bool) {
	for range 100 {
		text, _ := os.ReadFile(record)
		n := 0
		for line := range bytes.Lines(text) {
			e = Event{}
			if json.Unmarshal(line, &e) != nil || !strings.HasPrefix(e.Agent, a.agent) {
				continue
			}
			if n++; n >= a.turn {
				return e, true
			}
		}
		time.Sleep(20 * time.Millisecond)
	}
	return Event{}, false
}

func must(t *testing.T, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}
