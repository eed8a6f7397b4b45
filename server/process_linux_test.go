package server_test

import (
	"context"
	"fmt"
	"io"
	"net"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/vendord/vendord/session"
)

// The users of the programs that ask, by numbers that no name belongs to.
const (
	alone  = 20001 // matches one app
	double = 20002 // matches two
	runner = 20003 // matches one, with one executable
	either = 20004 // matches one, if it has a token as well
	none   = 20005
)

// town is a server that knows its callers, with apps for some users. EXE is an
// executable of the runner's.
func town(t *testing.T, g get) (w *world, exe string) {
	t.Helper()
	needsRoot(t, "be more than one user")
	dir, err := os.MkdirTemp("", "vendord-server-")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { os.RemoveAll(dir) })
	if err := os.Chmod(dir, 0o755); err != nil {
		t.Fatal(err)
	}
	exe = filepath.Join(dir, "program")
	copyProgram(t, exe)
	text := `
[apps.alone]
profiles = ["upload", "readonly"]
match = {user = "#20001"}
[apps.one]
profiles = ["upload"]
match = {user = "#20002"}
[apps.two]
profiles = ["readonly"]
match = {user = "#20002"}
[apps.runner]
profiles = ["upload"]
match = {user = "#20003", exe = "EXE"}
[apps.either]
profiles = ["upload"]
match = {user = "#20004"}
require = "both"
`
	return startKnowing(t, g, strings.ReplaceAll(text, "EXE", exe)), exe
}

// copyProgram writes this test binary where every user may run it.
func copyProgram(t *testing.T, to string) {
	t.Helper()
	from, err := os.Open("/proc/self/exe")
	if err != nil {
		t.Fatal(err)
	}
	defer from.Close()
	file, err := os.OpenFile(to, os.O_CREATE|os.O_WRONLY, 0o755)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := io.Copy(file, from); err != nil {
		t.Fatal(err)
	}
	if err := file.Close(); err != nil {
		t.Fatal(err)
	}
}

// mustConnect is newChild with a connection.
func mustConnect(t *testing.T, w *world, uid uint32, exe string) *child {
	t.Helper()
	c := newChild(t, w, uid, exe)
	if said := c.does("connect"); said != "connected" {
		t.Fatalf("connect: %s", said)
	}
	return c
}

// TestWhoTheKernelRecognises has processes of several users ask without a token.
func TestWhoTheKernelRecognises(t *testing.T) {
	w, exe := town(t, always(credentials(nil)))
	bearer := "Authorization: " + w.token + "|"
	for _, test := range []struct {
		name    string
		uid     uint32
		exe     string
		headers string
		status  string
		code    string // in the body
	}{
		{"a user with an app", alone, "", "", "200", "ASIAEXAMPLE"},
		{"the same, with a token", alone, "", bearer, "401", "its token belongs to /v1/credentials"},
		{"the same, with a wrong token", alone, "", "Authorization: vnd_wrong|", "401", "its token belongs to /v1/credentials"},
		{"the same, with an empty token", alone, "", "Authorization:|", "401", "its token belongs to /v1/credentials"},
		{"the same, in a browser", alone, "", "Sec-Fetch-Site: same-origin|", "403", "only a browser or a proxy sends"},
		{"the same, in a page", alone, "", "Origin: http://evil.example|", "403", "only a browser or a proxy sends"},
		{"the same, behind a proxy", alone, "", "X-Forwarded-For: 127.0.0.1|", "403", "only a browser or a proxy sends"},
		{"a user with two apps", double, "", "", "403", "more than one app matches"},
		{"a user and an executable", runner, exe, "", "200", "ASIAEXAMPLE"},
		{"the user without the executable", runner, "", "", "401", "NotRecognized"},
		{"the executable of another user", none, exe, "", "401", "NotRecognized"},
		{"a user whose app wants a token too", either, "", "", "401", "NotRecognized"},
		{"a user without an app", none, "", "", "401", "NotRecognized"},
		{"root", 0, "", "", "401", "NotRecognized"},
		{"nobody", 65534, "", "", "401", "NotRecognized"},
	} {
		t.Run(test.name, func(t *testing.T) {
			c := mustConnect(t, w, test.uid, test.exe)
			status, body := c.asks(test.headers)
			if status != test.status || !strings.Contains(body, test.code) {
				t.Errorf("got %s %s, want %s and %q", status, body, test.status, test.code)
			}
			if status != "200" && strings.Contains(body, "canary") {
				t.Errorf("got a secret: %s", body)
			}
			if closed := strings.HasPrefix(c.does("send "), "error") || strings.HasPrefix(c.does("read"), "error"); closed != (status != "200") {
				t.Errorf("the connection: closed %v after %s", closed, status)
			}
		})
	}
	w.wroteNoSecret(t)
}

// TestARefusedTokenGetsNothingWithout is JavaScript's SDK, which asks once more
// without its token when that is refused (as of 2026-11): the path with tokens
// never asks the kernel instead.
func TestARefusedTokenGetsNothingWithout(t *testing.T) {
	w := startByKernel(t, always(credentials(nil)))
	w.path = ""
	for _, request := range []string{carrying("vnd_wrong"), get1("Host: ADDR"), to("/v1/credentials/upload")} {
		request = strings.Replace(request, "Authorization: TOKEN\n", "", 1)
		if got := w.ask(request); got.status != 401 {
			t.Errorf("%q: got %d %s, want 401", request, got.status, got.body)
		}
	}
}

// The record says which process asked, and for the owner what was missing.
func TestTheRecordHasTheProcess(t *testing.T) {
	w, exe := town(t, always(credentials(nil)))
	granted, refused := mustConnect(t, w, runner, exe), mustConnect(t, w, runner, "")
	granted.asks()
	granted.asks()
	refused.asks()
	var lines []string
	for line := range strings.Lines(w.record()) {
		lines = append(lines, line)
	}
	if len(lines) != 3 {
		t.Fatalf("record: got %q, want three lines", lines)
	}
	for _, line := range lines[:2] {
		for _, want := range []string{`"app":"runner"`, `"how":"user, exe"`, `"uid":20003`, fmt.Sprintf(`"pid":%d`, granted.pid), `"exe":"` + exe + `"`, `"status":200`} {
			if !strings.Contains(line, want) {
				t.Errorf("record: got %s, want %s in it", line, want)
			}
		}
	}
	for _, want := range []string{`"uid":20003`, fmt.Sprintf(`"pid":%d`, refused.pid), `"near":"`, `"status":401`} {
		if !strings.Contains(lines[2], want) {
			t.Errorf("record: got %s, want %s in it", lines[2], want)
		}
	}
	if strings.Contains(lines[2], `"app"`) {
		t.Errorf("record: got %s, want no app", lines[2])
	}
}

// A program that may have credentials gives its connection to one that may not.
// Whose executable counts is seen at once: what rests on the user alone goes with
// the socket, which is still the user's who made it.
func TestAConnectionInOtherHands(t *testing.T) {
	w, exe := town(t, always(credentials(nil)))
	giver, taker := mustConnect(t, w, runner, exe), newChild(t, w, none, "")
	if status, _ := giver.asks(); status != "200" {
		t.Fatalf("before: got %s, want 200", status)
	}
	socket := fmt.Sprintf("@vendord-server-%d", taker.pid)
	if said := taker.does("listen " + socket); said != "listening" {
		t.Fatalf("listen: %s", said)
	}
	taker.order("take")
	if said := giver.does("give " + socket); said != "given" {
		t.Fatalf("give: %s", said)
	}
	if said := taker.heard(); said != "taken" {
		t.Fatalf("take: %s", said)
	}
	if status, body := taker.asks(); status != "401" || strings.Contains(body, "canary") {
		t.Errorf("with both at the connection: got %s %s, want 401", status, body)
	}
}

// until waits for something that another process does.
func until(t *testing.T, done func() bool) {
	t.Helper()
	for deadline := time.Now().Add(time.Minute); !done(); time.Sleep(5 * time.Millisecond) {
		if time.Now().After(deadline) {
			t.Fatal("waited for a minute in vain")
		}
	}
}

// A program leaves while AWS is asked: there is nobody any more whom the kernel
// could know, and nothing is handed out.
func TestAClientThatClosesWhileAWSIsAsked(t *testing.T) {
	asked, goOn := make(chan bool), make(chan bool)
	w, _ := town(t, func(context.Context, session.Key, time.Duration) (*session.Credentials, error) {
		asked <- true
		<-goOn
		return credentials(nil), nil
	})
	c := mustConnect(t, w, alone, "")
	c.order("send ")
	<-asked
	c.stop()
	w.pass(100 * time.Millisecond)
	goOn <- true
	until(t, func() bool { return len(w.audit.Refusals("")) > 0 })
	got := w.audit.Refusals("")[0]
	if got.Status != 401 || got.Code != "NotRecognized" || got.KeyID != "" || got.UID != "20001" || !strings.HasPrefix(got.Message, "caller: gone") {
		t.Errorf("record: got %+v, want 401 for who is gone", got)
	}
	if said := w.record(); strings.Contains(said, `"status":200`) {
		t.Errorf("record: got %s, want nothing handed out", said)
	}
}

// Two thousand programs start at once. All are recognised and answered while
// their processes are looked for, and the record has each: the process of as many
// as there is time for, and the user of all.
func TestABurstIsRecognised(t *testing.T) {
	w := startByKernel(t, always(credentials(nil)))
	const programs = 2000
	var wrong atomic.Int64
	var all sync.WaitGroup
	places := make(chan bool, 256) // of the queue of a listener that Go makes
	slowest := make([]time.Duration, programs)
	for i := range programs {
		all.Go(func() {
			places <- true
			defer func() { <-places }()
			began := time.Now()
			answer := w.onceOver(plain)
			for range 5 { // SDKs try again too: two seconds for a header can be over on a busy machine
				if answer != "" {
					break
				}
				answer = w.onceOver(plain)
			}
			if !strings.HasPrefix(answer, "HTTP/1.1 200 ") || !strings.HasSuffix(answer, golden) {
				wrong.Add(1)
				t.Logf("got %q", answer)
			}
			slowest[i] = time.Since(began)
		})
	}
	all.Wait()
	if n := wrong.Load(); n > 0 {
		t.Errorf("%d of %d programs got something else than credentials", n, programs)
	}
	said := w.record()
	uid := fmt.Sprintf(`"uid":%d,`, os.Getuid())
	known, found := strings.Count(said, uid), strings.Count(said, fmt.Sprintf(`"pid":%d,`, os.Getpid()))
	if known != programs || found == 0 {
		t.Errorf("record: got %d with the user and %d with the process, want %d and some", known, found, programs)
	}
	t.Logf("%d programs, %d processes on record, the slowest answered in %v", programs, found, slices.Max(slowest))
}

// onceOver asks over a connection of its own and returns all that comes.
func (w *world) onceOver(request string) string {
	c, err := net.DialTimeout("tcp", w.addr, 30*time.Second)
	if err != nil {
		return err.Error()
	}
	defer c.Close()
	_ = c.SetDeadline(time.Now().Add(time.Minute))
	_, _ = io.WriteString(c, w.fill(strings.TrimSuffix(request, "\n")+"Connection: close\n\n"))
	answer, _ := io.ReadAll(c)
	return string(answer)
}
