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
	record = "/var/log/vendord.audit"
	aws    = "http://127.0.0.1:4566"
)

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
[sources.john]
profile = "john"
config_file = "aws-config"
credentials_file = "aws-credentials"

[profiles.upload]
source = "john"
role_arn = "arn:aws:iam::629470240201:role/JohnUploadRole"

[profiles.readonly]
extends = "upload"
policy = '{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Action":"s3:ListBucket","Resource":"*"}]}'
`

const fakeaws = `[Service]
ExecStart=/usr/local/bin/fakeaws -listen 127.0.0.1:4566
`

const credentials = `[john]
aws_access_key_id = AKIAIOSFODNN7EXAMPLE
aws_secret_access_key = wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY
`

// Machine is one.
type Machine struct {
	t *testing.T

	mu    sync.Mutex // guards what follows
	asked int
	turns map[string]int // of each name that was asked by
}

// New makes the users, and starts fakeaws and vendord with apps: more of
// vendord.toml, and daemon what its [daemon] section has besides. service are lines
// for vendord's unit.
func New(t *testing.T, users []string, daemon, apps, service string) *Machine {
	t.Helper()
	m := &Machine{t: t, turns: map[string]int{}}
	for _, user := range users {
		if exec.Command("id", user).Run() != nil {
			m.do("useradd", "--create-home", "--shell", "/bin/sh", user)
		}
	}
	must(t, os.MkdirAll(etc, 0o755))
	m.Configure(daemon, apps)
	must(t, os.WriteFile(filepath.Join(etc, "aws-config"), []byte("[profile john]\nregion = eu-west-1\n"), 0o600))
	must(t, os.WriteFile(filepath.Join(etc, "aws-credentials"), []byte(credentials), 0o600))
	write(t, "fakeaws.service", fakeaws)
	write(t, "vendord.service", "[Unit]\nAfter=fakeaws.service\nWants=fakeaws.service\n[Service]\nStateDirectory=vendord\nStateDirectoryMode=0700\nRuntimeDirectory=vendord\nRestart=on-failure\nRestartSec=100ms\n"+
		"ExecStart=/usr/local/bin/vendord serve --system --audit-log "+record+"\nExecReload=kill -HUP $MAINPID\n"+service)
	_ = os.Remove(record)
	m.do("systemctl", "daemon-reload")
	m.do("systemctl", "start", "fakeaws")
	m.do("systemctl", "start", "vendord")
	t.Cleanup(func() {
		if t.Failed() {
			out, _ := exec.Command("journalctl", "--no-pager", "-o", "cat", "-n", "60", "-u", "vendord", "-u", "fakeaws").CombinedOutput()
			t.Logf("the daemons said:\n%s", out)
			text, _ := os.ReadFile(record)
			t.Logf("on record:\n%s", text)
		}
		_ = exec.Command("systemctl", "stop", "vendord", "fakeaws").Run()
	})
	m.Ready()
	return m
}

// Configure writes vendord.toml.
func (m *Machine) Configure(daemon, apps string) {
	m.t.Helper()
	must(m.t, os.WriteFile(filepath.Join(etc, "vendord.toml"), []byte(fmt.Sprintf(config, daemon)+apps), 0o600))
}

// Ready waits for the daemon, ten seconds at most.
func (m *Machine) Ready() {
	m.t.Helper()
	m.Within("vendord status", func() bool { return exec.Command("vendord", "status").Run() == nil })
}

// Within waits until something is so, ten seconds at most.
func (m *Machine) Within(what string, ok func() bool) {
	m.t.Helper()
	for end := time.Now().Add(10 * time.Second); time.Now().Before(end); time.Sleep(20 * time.Millisecond) {
		if ok() {
			return
		}
	}
	m.t.Fatalf("%s: not within 10 s", what)
}

func write(t *testing.T, unit, text string) {
	t.Helper()
	must(t, os.WriteFile(filepath.Join("/etc/systemd/system", unit), []byte(text), 0o644))
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
