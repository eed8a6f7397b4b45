package server_test

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"strings"
	"testing"
	"time"

	"github.com/vendord/vendord/apps"
	"github.com/vendord/vendord/peer"
	"github.com/vendord/vendord/server"
	"github.com/vendord/vendord/session"
)

// house is a server with few places, where callers say who they are by the loopback
// address they come from: 127.0.0.N is the user N.
func house(t *testing.T, places int) *world {
	t.Helper()
	ln, err := net.Listen("tcp4", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	w := startOn(t, ln, always(credentials(nil)), func(c *server.Config) {
		c.MaxConns = places
		c.Who = func(conn net.Conn) *peer.Client {
			addr := conn.RemoteAddr().(*net.TCPAddr).AddrPort().Addr().Unmap()
			return &peer.Client{Socket: peer.Socket{UID: uint32(addr.As4()[3])}, Addr: addr}
		}
	})
	return w
}

// own gives a user a token of their own, which is sent from then on.
func (w *world) own(user uint32) {
	w.tb.Helper()
	secret, hash := apps.NewSecret()
	w.token = secret
	if err := w.apps.Issue(apps.Token{App: "uploader", User: fmt.Sprint("user", user), UID: user, Steer: true, Hash: hash, Expires: noon.Add(time.Hour)}); err != nil {
		w.tb.Fatal(err)
	}
}

// from opens a connection of a user.
func (w *world) from(user byte) net.Conn {
	w.tb.Helper()
	c, err := (&net.Dialer{LocalAddr: &net.TCPAddr{IP: net.IPv4(127, 0, 0, user)}}).Dial("tcp4", w.addr)
	if err != nil {
		w.tb.Fatal(err)
	}
	w.tb.Cleanup(func() { _ = c.Close() })
	_ = c.SetDeadline(time.Now().Add(20 * time.Second))
	return c
}

// A user who fills the house pays for each newcomer with the connection that was
// quiet for longest: their own. So do users without a token, all together: one
// person can be a thousand of those.
func TestWhoHasMostMakesRoom(t *testing.T) {
	for name, greedy := range map[string]func(i int) byte{
		"a user with a token":       func(int) byte { return 7 },
		"a user without":            func(int) byte { return 8 },
		"one person as nine others": func(i int) byte { return byte(10 + i) },
	} {
		t.Run(name, func(t *testing.T) {
			w := house(t, 12)
			w.own(7)
			w.own(2)
			newcomers := w.token
			w.own(1)
			calms := w.token
			var calm []net.Conn // came first, and keep their connections
			var in []*bufio.Reader
			for i := range 3 {
				calm = append(calm, w.from(1))
				in = append(in, bufio.NewReader(calm[i]))
				if got := w.askOn(calm[i], in[i], plain); got.status != 200 {
					t.Fatalf("who came first: got %d, want 200", got.status)
				}
			}
			var many []net.Conn
			for i := range 9 {
				many = append(many, w.from(greedy(i)))
			}
			w.token = newcomers
			for i := range 4 {
				c := w.from(2)
				if got := w.askOn(c, bufio.NewReader(c), plain); got.status != 200 {
					t.Fatalf("newcomer %d: got %d %s, want 200", i, got.status, got.body)
				}
			}
			if said := w.log.String(); strings.Count(said, "all places are taken, so that whoever has most connections loses the quiet ones") != 1 {
				t.Errorf("log: got %q, want one line about it", said)
			}
			lost := func() (n int) {
				for _, c := range many {
					_ = c.SetReadDeadline(time.Now().Add(50 * time.Millisecond))
					if _, err := c.Read(make([]byte, 1)); errors.Is(err, io.EOF) {
						n++
					}
				}
				return n
			}
			n := lost()
			for end := time.Now().Add(20 * time.Second); n < 4 && time.Now().Before(end); {
				n = lost() // they were, and a busy machine let the time pass before they were read
			}
			if n < 4 {
				t.Errorf("who has most: lost %d connections, want 4", n)
			}
			w.token = calms
			for i := range calm {
				if got := w.askOn(calm[i], in[i], plain); got.status != 200 {
					t.Errorf("who came first, again: got %d, want 200", got.status)
				}
			}
		})
	}
}

// Only who gets nothing is told to slow down, and the record is not filled by
// them either.
func TestStrangersAreToldToSlowDown(t *testing.T) {
	w := start(t, always(credentials(nil)))
	const wrong = "GET /v1/credentials HTTP/1.1\nHost: ADDR\nAuthorization: vnd_wrong\n\n"
	for i := range 100 {
		if got := w.ask(wrong); got.status != 401 {
			t.Fatalf("refusal %d: got %d, want 401", i+1, got.status)
		}
	}
	for i := range 50 {
		got := w.ask(wrong)
		want := problem("SlowDown", "caller: refused too often lately; hint: mend what was refused: vendord status and the audit log say why")
		if got.status != 429 || got.body != want || got.header.Get("Retry-After") != "1" || !got.closes {
			t.Fatalf("refusal %d: got %d %v %s, want 429 %s", i+101, got.status, got.header, got.body, want)
		}
		if got := w.ask(plain); got.status != 200 {
			t.Fatalf("meanwhile, with a token: got %d, want 200", got.status)
		}
	}
	refused := strings.Count(w.record(), `"status":4`)
	if refused != 101 {
		t.Errorf("record: got %d refusals, want 100 and the first that was too many", refused)
	}
	w.pass(time.Second)
	if got := w.ask(wrong); got.status != 401 {
		t.Errorf("a second later: got %d, want 401", got.status)
	}
	if last := w.audit.Refusals("")[0]; last.Unrecorded != 49 {
		t.Errorf("record: got %d that are not in it, want 49", last.Unrecorded)
	}
}

// Programs that were recognised are always told why: each may be one that asks
// for the first time. Their refusals are not each recorded.
func TestRefusedProgramsAreToldWhy(t *testing.T) {
	w := start(t, always(credentials(nil)))
	const other = "GET /v1/credentials/readonly HTTP/1.1\nHost: ADDR\nAuthorization: TOKEN\n\n"
	for i := range 150 {
		if got := w.ask(other); got.status != 403 || !strings.Contains(got.body, "not the one this token has now") {
			t.Fatalf("refusal %d: got %d %s, want 403 and why", i+1, got.status, got.body)
		}
	}
	if n := strings.Count(w.record(), `"status":403`); n != 101 {
		t.Errorf("record: got %d refusals, want 101", n)
	}
}

// A request waits for AWS, and meanwhile what it is answered by is taken back: nothing
// is handed out, at no endpoint.
func TestWhatIsTakenBackWhileAWSIsAsked(t *testing.T) {
	revoke := func(t *testing.T, w *world) {
		if n, err := w.apps.Revoke("uploader", ""); n == 0 || err != nil {
			t.Fatalf("Revoke: got %d, %v", n, err)
		}
	}
	reload := func(more string) func(*testing.T, *world) {
		return func(t *testing.T, w *world) {
			other, _ := book(t, more)
			w.apps.Set(other.Config())
		}
	}
	for _, row := range []struct {
		name, apps string
		of         server.Endpoint
		request    string
		meanwhile  func(*testing.T, *world)
		want, says string
	}{
		{"a token", "", server.Endpoint{}, plain, revoke, "401", "token: not recognised"},
		{"an id", onECS, server.Endpoint{Kind: server.ECS}, bare("/v2/credentials/ID"), revoke, "400", "id: not recognised"},
		{"an app of the kernel's", self(""), server.Endpoint{Kind: server.EKS}, processPlain, reload(""), "401", "caller: not recognised"},
		{"an app, at the metadata service", self(""), server.Endpoint{Kind: server.Metadata}, reading(roles+"upload", "SESSION"), reload(""), "404", "caller: not recognised"},
		{"an app, at its own port", self(""), server.Endpoint{Kind: server.Metadata, App: "self"}, reading(roles+"upload", "SESSION"), reload(""), "404", "caller: not recognised"},
		{"version 1", self("imdsv1 = true"), server.Endpoint{Kind: server.Metadata}, bare(roles + "upload"), reload(self("")), "401", "session token: missing"},
	} {
		t.Run(row.name, func(t *testing.T) {
			kernel := openKernel(t)
			asked, goOn := make(chan bool), make(chan bool)
			w := startAs(t, listening(t), row.of, func(context.Context, session.Key, time.Duration) (*session.Credentials, error) {
				asked <- true
				<-goOn
				return credentials(nil), nil // the ones of before: a renewal was waited for in vain
			}, func(c *server.Config) {
				if strings.Contains(row.apps, "match") { // john's token and id are good where nobody is known
					c.Who = kernel.Client
				}
			}, row.apps)
			var id, opened string
			switch row.of.Kind {
			case server.ECS:
				id = w.id("john")
			case server.Metadata:
				opened = w.session()
			}
			c := w.dial()
			_, _ = io.WriteString(c, w.fill(strings.NewReplacer("SESSION", opened, "ID", id).Replace(row.request)))
			<-asked
			row.meanwhile(t, w)
			w.pass(100 * time.Millisecond)
			goOn <- true
			_ = c.(*net.TCPConn).CloseWrite()
			answer, _ := io.ReadAll(c)
			if !strings.HasPrefix(string(answer), "HTTP/1.1 "+row.want+" ") || !strings.Contains(string(answer), row.says) || strings.Contains(string(answer), "canary") {
				t.Errorf("got %s, want %s %s", answer, row.want, row.says)
			}
		})
	}
}
