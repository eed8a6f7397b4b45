//go:build unix

package control_test

import (
	"context"
	"io"
	"net"
	"net/http"
	"slices"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/vendord/vendord/control"
	"github.com/vendord/vendord/peer"
)

// place is what one connection takes up.
type place interface {
	Settle(steers bool) bool
	Leave()
}

// enter takes up to n places for a user whose rights are not known yet.
func enter(p *control.Places, uid uint32, n int) (got []place) {
	for range n {
		if one, ok := p.Enter(uid); ok {
			got = append(got, one)
		}
	}
	return got
}

// settle finds out about places, and returns those that stay.
func settle(entered []place, steers bool) (got []place) {
	return slices.DeleteFunc(entered, func(one place) bool { return !one.Settle(steers) })
}

const jane, john, jack, jill, joan = 1001, 1002, 1003, 1004, 1005

func TestPlaces(t *testing.T) {
	const owner = 1000
	p := control.NewPlaces()
	var all []place
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
		var got []place
		for range test.ask { // each is known before the next comes
			got = append(got, settle(enter(p, test.uid, 1), test.steers)...)
		}
		all = append(all, got...)
		if len(got) != test.want {
			t.Errorf("%s: got %d places, want %d", test.who, len(got), test.want)
		}
	}
	for _, one := range all {
		one.Leave()
		one.Leave() // a connection can be closed twice
	}
	if !p.Empty() {
		t.Errorf("places: got some left, want none")
	}
	if got := settle(enter(p, owner, 1000), true); len(got) != control.Total {
		t.Errorf("the owner alone: got %d places, want %d", len(got), control.Total)
	}
}

// While a directory takes its time to say who somebody is, they have no more
// than a user without Steer, and a few places stay free for who steers.
func TestPlacesOfUnknown(t *testing.T) {
	const operator, seldom = 1006, 1007
	p := control.NewPlaces()
	if got := settle(enter(p, operator, 1), true); len(got) != 1 {
		t.Fatalf("an operator: got %d places, want 1", len(got))
	} else {
		got[0].Leave()
	}
	waiting := map[uint32][]place{}
	for _, test := range []struct {
		who       string
		uid       uint32
		ask, want int
	}{
		{"a user", jane, 1000, control.PerUser},
		{"another", john, 1000, control.PerUser},
		{"a third", jack, 1000, control.PerUser},
		{"a fourth", jill, 1000, control.Total - control.Kept - control.Shared},
		{"a fifth", joan, 1000, 0},
		{"an operator who was never here", seldom, 1, 0},
		{"an operator who was here", operator, 1, 1},
		{"root, and the rest", 0, 1000, control.Kept - 1},
	} {
		got := enter(p, test.uid, test.ask)
		waiting[test.uid] = got
		if len(got) != test.want {
			t.Errorf("%s: got %d places, want %d", test.who, len(got), test.want)
		}
	}
	for _, one := range waiting[jill] {
		one.Leave() // before it is known who it was
		if one.Settle(false) {
			t.Errorf("one who has left: got a place, want none")
		}
	}
	for _, uid := range []uint32{jane, john, jack} {
		if got := settle(waiting[uid], false); len(got) != control.PerUser {
			t.Errorf("user %d, once known: got %d places, want %d", uid, len(got), control.PerUser)
		}
	}
	if got := settle(enter(p, joan, 10), false); len(got) != 0 {
		t.Errorf("a fifth, known and over the users' share: got %d places, want 0", len(got))
	}
	if got := settle(enter(p, seldom, 10), true); len(got) != 10 {
		t.Errorf("an operator who was never here, now: got %d places, want 10", len(got))
	}
	if got := settle(waiting[operator], false); len(got) != 0 {
		t.Errorf("one who is no operator any more: got %d places, want 0: the users' share is taken", len(got))
	}
	if got := enter(p, operator, 1000); len(got) == 1000 || len(got) > control.PerUser {
		t.Errorf("and comes again: got %d places, want those of a user", len(got))
	}
}

// A directory that does not say who one caller is keeps nobody else waiting.
func TestSlowDirectory(t *testing.T) {
	t.Parallel()
	d := newDaemon(control.Steer)
	looking, found := make(chan struct{}), make(chan struct{})
	var asked atomic.Bool
	d.rights = func(peer.Peer) (control.Rights, error) {
		if !asked.Swap(true) {
			close(looking)
			<-found
		}
		return control.Steer, nil
	}
	path, _ := d.serve(t, 0o600)
	slow, err := net.Dial("unix", path)
	if err != nil {
		t.Fatal(err)
	}
	defer slow.Close()
	<-looking
	ctx, cancel := context.WithTimeout(t.Context(), 30*time.Second)
	defer cancel()
	if err := status(ctx, dial(t, path)); err != nil {
		t.Errorf("another caller: got %v, want an answer", err)
	}
	time.Sleep(control.HeaderTimeout + 100*time.Millisecond) // it is not the client who was slow
	close(found)
	if code, said := exchange(t, slow, get("/status", vendordHost, version1)); code != http.StatusOK {
		t.Errorf("who was looked up: got %d %s, want 200", code, said)
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
		_ = c.SetDeadline(time.Now().Add(30 * time.Second))
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
	wantSaid(t, "one more", tokens(t.Context(), c), "control socket "+path+": the connection was closed without an answer"+
		" | it may be stopping, or this user may have too many connections to it: try again")
	closeAll()
	for deadline := time.Now().Add(30 * time.Second); ; {
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
