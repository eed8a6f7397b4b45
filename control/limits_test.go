//go:build unix

package control_test

import (
	"io"
	"net"
	"strings"
	"testing"
	"time"

	"github.com/vendord/vendord/control"
)

// enter takes up to n places for a user and returns how many there were, and
// the funcs that give them back.
func enter(p *control.Places, uid uint32, steers bool, n int) (got int, leave []func()) {
	for range n {
		if back, ok := p.Enter(uid, steers); ok {
			got++
			leave = append(leave, back)
		}
	}
	return got, leave
}

func TestPlaces(t *testing.T) {
	const owner, jane, john, jack, jill = 1000, 1001, 1002, 1003, 1004
	p := new(control.Places)
	var leave []func()
	for _, test := range []struct {
		who       string
		uid       uint32
		steers    bool
		ask, want int
	}{
		{"a user", jane, false, 1000, control.PerUser},
		{"the same user again", jane, false, 1, 0},
		{"another", john, false, 1000, control.PerUser},
		{"a third", jack, false, control.PerUser - 1, control.PerUser - 1},
		{"a fourth, where the users' share ends", jill, false, 10, 1},
		{"a third again", jack, false, 1, 0},
		{"the owner, whom nobody keeps out", owner, true, 1000, control.Total - control.Shared},
		{"the owner, when all is taken", owner, true, 1, 0},
	} {
		got, back := enter(p, test.uid, test.steers, test.ask)
		leave = append(leave, back...)
		if got != test.want {
			t.Errorf("%s: got %d places, want %d", test.who, got, test.want)
		}
	}
	for _, back := range leave {
		back()
		back() // a connection can be closed twice
	}
	if !p.Empty() {
		t.Errorf("places: got some left, want none")
	}
	if got, _ := enter(p, owner, true, 1000); got != control.Total {
		t.Errorf("the owner alone: got %d places, want %d", got, control.Total)
	}
}

// connect opens connections until one is closed at once, and returns how many
// were not. Each says hello, so that the server has decided about it.
func connect(t *testing.T, path string, most int) (n int, closeAll func()) {
	t.Helper()
	var conns []net.Conn
	closeAll = func() {
		for _, c := range conns {
			_ = c.Close()
		}
	}
	for range most {
		c, err := net.Dial("unix", path)
		if err != nil {
			t.Fatal(err)
		}
		conns = append(conns, c)
		_ = c.SetDeadline(time.Now().Add(10 * time.Second))
		_, _ = io.WriteString(c, get("/", vendordHost, version1))
		if _, err := c.Read(make([]byte, 1)); err != nil {
			return n, closeAll
		}
		n++
	}
	return n, closeAll
}

// A user's connections are limited, and places come back.
func TestConnectionLimit(t *testing.T) {
	d := newDaemon(control.Vend)
	path, _ := d.serve(t, 0o600)
	c := dial(t, path)
	n, closeAll := connect(t, path, 100)
	if n != control.PerUser {
		t.Errorf("connections: got %d, want %d", n, control.PerUser)
	}
	wantSaid(t, "one more", tokens(t.Context(), c), "vendord at "+path+": closed the connection without an answer"+
		" | it may be stopping, or this user may have too many connections to it: try again")
	closeAll()
	for deadline := time.Now().Add(10 * time.Second); ; {
		err := tokens(t.Context(), c)
		if err == nil {
			break
		}
		if time.Now().After(deadline) {
			t.Fatalf("after the others left: got %v, want an answer", err)
		}
	}
	owner, _ := newDaemon(control.Steer).serve(t, 0o600)
	n, closeAll = connect(t, owner, 1000)
	closeAll()
	if n != control.Total {
		t.Errorf("the owner's connections: got %d, want %d", n, control.Total)
	}
}

// Changes by who steers are in the log with who and what, and no hash; what
// others do for themselves is not.
func TestLog(t *testing.T) {
	all := []act{issue(tok("claude", "", "")), hold(tok("cli", "", "readonly")), revoke("claude", "mine")}
	d := newDaemon(control.Steer)
	path, stop := d.serve(t, 0o600)
	for _, do := range append(all, reload, status, tokens) {
		if err := do(t.Context(), dial(t, path)); err != nil {
			t.Errorf("got %v, want no error", err)
		}
	}
	_ = stop()
	var got []string
	for line := range strings.Lines(d.logged()) {
		_, line, _ = strings.Cut(strings.TrimSpace(line), " ") // the time
		who, rest, _ := strings.Cut(line, " uid=")
		_, rest, _ = strings.Cut(rest, " pid=")
		_, rest, _ = strings.Cut(rest, " ")
		got = append(got, strings.TrimSpace(who+" "+rest))
	}
	want := strings.ReplaceAll(`level=INFO msg="token issued" user=ME app=claude for=ME profile="" id=new expires=2026-11-21T12:30:00.000Z
level=INFO msg="token held" user=ME app=cli for=ME profile=readonly id=new
level=INFO msg="tokens revoked" user=ME app=claude id=mine tokens=1
level=INFO msg="configuration reloaded" user=ME`, "ME", me())
	if text := strings.Join(got, "\n"); text != want {
		t.Errorf("log:\n got %s\nwant %s", text, want)
	}

	d = newDaemon(control.Vend | control.See)
	path, stop = d.serve(t, 0o600)
	for _, do := range append(all, reload) {
		_ = do(t.Context(), dial(t, path))
	}
	_ = stop()
	if d.logged() != "" {
		t.Errorf("log of who may not steer: got %s, want nothing", d.logged())
	}
}
