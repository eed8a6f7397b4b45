package main

import (
	"fmt"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"testing"

	"golang.org/x/sys/unix"
)

// A den is the machine of examples/agent: root's vendord in system mode, an agent
// under a user of its own, and what the agent could want.
type den struct {
	*household
	serving []string
	address string
}

// asking is a program that asks at a path, with a token if it is given one.
const asking = `#!/bin/bash
exec 3<>/dev/tcp/127.0.0.1/$PORT
printf 'GET %s HTTP/1.1\r\nHost: 127.0.0.1:%s\r\n' "$1" "$PORT" >&3
[ -z "$2" ] || printf 'Authorization: %s\r\n' "$2" >&3
printf 'Connection: close\r\n\r\n' >&3
answer=$(cat <&3)
echo "${answer%%$'\r'*}"
[[ $answer == *AccessKeyId* ]]
`

// newDen sets one up with the example's own files. All that differs is where AWS and
// the files are, that no systemd hands over the keys, that the agent's user is a
// number, and that there is another app.
func newDen(t *testing.T) *den {
	t.Helper()
	free := mustListen(t)
	d := &den{household: &household{users: newUsers(t), owner: owner}, address: free.Addr().String()}
	_ = free.Close()
	etc, state, record := filepath.Join(d.dir, "etc"), filepath.Join(d.dir, "state"), filepath.Join(d.dir, "audit")
	d.configure(owner, "")
	aws := startDaemon(t).book.Config().Daemon.STSEndpoint
	edit := strings.NewReplacer("[daemon]\n", fmt.Sprintf("[daemon]\nlisten = %q\nsts_endpoint = %q\n", d.address, aws),
		"/var/log/vendord/audit", record, "credential:john", "aws-credentials", `user = "agent"`, `user = "#`+strconv.Itoa(agent)+`"`)
	d.write(filepath.Join(etc, "vendord.toml"), edit.Replace(d.read("vendord.toml"))+"\n[apps.people]\nprofiles = [\"hr-read\"]\n", 0o644)
	d.write(filepath.Join(etc, "read-only.json"), d.read("read-only.json"), 0o644)
	d.write(filepath.Join(d.dir, "ask"), asking, 0o755)
	d.serving = []string{"serve", "--system", "--config", filepath.Join(etc, "vendord.toml"), "--state-dir", state}
	d.wake()
	another := strings.TrimSpace(d.works(owner, "token", "issue", "people", "--user", "#"+strconv.Itoa(thief)))
	_, port, _ := net.SplitHostPort(d.address)
	d.env = append(d.env, "PATH="+d.dir+":/usr/bin:/bin", "DIR="+d.dir, "STATE="+state, "AUDIT="+record, "ETC="+etc, "ANOTHER="+another, "PORT="+port)
	d.secrets = []string{another, exampleKey().Secret, "JohnUploadRole"}
	return d
}

func (d *den) read(name string) string {
	d.t.Helper()
	text, err := os.ReadFile(filepath.Join(examples, "agent", name))
	if err != nil {
		d.t.Fatal(err)
	}
	return string(text)
}

func (d *den) write(path, text string, mode os.FileMode) {
	d.t.Helper()
	if err := os.WriteFile(path, []byte(text), mode); err != nil {
		d.t.Fatal(err)
	}
}

// wake starts the daemon.
func (d *den) wake() {
	d.t.Helper()
	d.daemon, d.log = d.start(owner, d.serving...)
	d.env = append(d.env, "DAEMON="+strconv.Itoa(d.daemon.Process.Pid)) // the last one counts
}

// sleep ends it.
func (d *den) sleep() {
	d.t.Helper()
	_ = d.daemon.Process.Signal(os.Interrupt)
	if err := d.daemon.Wait(); err != nil {
		d.t.Fatal(err)
	}
}

// TestAgent has the user of examples/agent try to get more than the example gives
// it. The attempts are in a table of the documentation, with what comes of each.
func TestAgent(t *testing.T) {
	d := newDen(t)
	var rows []string
	row := func(name, attempt, observed string) {
		rows = append(rows, fmt.Sprintf("| %s: `%s` | refused | %s | `TestAgent` |", name, strings.ReplaceAll(attempt, "|", `\|`), observed))
	}
	// First: for a minute after it was asked, nobody but its user can have its port.
	t.Run("the port", func(t *testing.T) { row("take the port while the daemon is down", "listen", d.squat(t)) })
	d.gets(t, "before")
	for _, a := range temptations {
		t.Run(a.name, func(t *testing.T) {
			out, err := d.sh(agent, a.line)
			if err == nil {
				t.Errorf("%s: got %q, want it refused", a.line, out)
			}
			d.holdsNothing(t, a.line, out)
			row(a.name, a.line, d.words(out))
			if a.harm {
				return
			}
			if out, err := d.sh(owner, a.line); err != nil {
				t.Errorf("%s: as root: %v, %s: so this shows nothing", a.line, err, out)
			}
		})
	}
	t.Run("a debugger", func(t *testing.T) {
		d.as(agent, func() {
			err := unix.PtraceSeize(d.daemon.Process.Pid)
			if err != unix.EPERM {
				t.Errorf("attaching: got %v, want %v", err, unix.EPERM)
			}
			row("attach to the daemon", "ptrace(PTRACE_SEIZE)", fmt.Sprint(err))
		})
	})
	d.gets(t, "after")
	d.works(owner, "exec", "hr-upload", "--", "true")
	compareTable(t, "agent", rows)
}

// gets has the agent ask as it may: without that, all else would show nothing.
func (d *den) gets(t *testing.T, when string) {
	t.Helper()
	if out, err := d.sh(agent, "ask /v1/process/credentials"); err != nil {
		t.Fatalf("%s: the agent got %q, want its credentials", when, out)
	}
	if out, err := d.sh(agent, "vendord exec hr-read -- true"); err != nil {
		t.Fatalf("%s: exec of the agent's own profile: %s", when, out)
	}
}

// squat has the agent listen at the daemon's address while that is down. The daemon
// does not start elsewhere instead, and says who listens.
func (d *den) squat(t *testing.T) (observed string) {
	d.sleep()
	var ln net.Listener
	d.as(agent, func() {
		var err error
		if ln, err = net.Listen("tcp4", d.address); err != nil {
			t.Errorf("listening: %v", err)
		}
	})
	if ln == nil {
		return ""
	}
	_, problems, ok := d.run(owner, d.serving...)
	if ok || !strings.Contains(problems, "in use by ") || !strings.Contains(problems, "user #"+strconv.Itoa(agent)) {
		t.Errorf("serve: got %q, want it to say who listens there", problems)
	}
	_ = ln.Close()
	d.wake()
	return d.words(problems)
}

var process = regexp.MustCompile(`pid \d+`)

// words are what the documentation has of an answer: the problem, without what
// differs from run to run.
func (d *den) words(out string) string {
	problem, _, _ := strings.Cut(strings.TrimSpace(out), "\n")
	if said, ok := strings.CutPrefix(problem, "vendord: "); ok {
		return process.ReplaceAllString(strings.NewReplacer(d.dir, "…", d.address, "…").Replace(said), "pid …")
	}
	if status, ok := strings.CutPrefix(problem, "HTTP/1.1 "); ok {
		return status
	}
	parts := strings.Split(problem, ": ")
	return parts[len(parts)-1]
}

// compareTable fails unless a section of docs/hostile-callers.md has these rows. With
// UPDATE=1 it writes them there.
func compareTable(t *testing.T, section string, rows []string) {
	t.Helper()
	if t.Failed() {
		return
	}
	list := filepath.Join(t.TempDir(), "rows")
	if err := os.WriteFile(list, []byte("row: "+strings.Join(rows, "\nrow: ")+"\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	if out, err := exec.Command("../../conformance/table", section, list).CombinedOutput(); err != nil {
		t.Errorf("docs/hostile-callers.md: %s", out)
	}
}
