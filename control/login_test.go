//go:build unix

package control_test

import (
	"context"
	"errors"
	"strings"
	"testing"
	"time"

	"github.com/vendord/vendord/control"
	"github.com/vendord/vendord/session"
)

// portal stands for a login: ended gets what ended its waiting.
type portal struct {
	login  control.Login
	result chan error
	ended  chan error
}

func newPortal() *portal {
	return &portal{login: control.Login{Kind: control.Browser, ID: "1", Source: "john", Subject: "acme", URL: "https://acme.example/"},
		result: make(chan error, 1), ended: make(chan error, 1)}
}

func (p *portal) begin(context.Context, control.LoginSpec) (control.Login, func(context.Context) (control.LoggedIn, error), error) {
	return p.login, func(ctx context.Context) (control.LoggedIn, error) {
		select {
		case err := <-p.result:
			p.ended <- nil
			return control.LoggedIn{Kind: control.Browser, Source: "john", Expires: noon, Sessions: 3}, err
		case <-ctx.Done():
			p.ended <- ctx.Err()
			return control.LoggedIn{}, ctx.Err()
		}
	}, nil
}

// served returns a client of a daemon whose owner this user is.
func served(t *testing.T, change func(*control.Config)) (*control.Client, func() error) {
	d := newDaemon(control.Steer)
	path, stop := d.serveAs(t, change)
	return dial(t, path), stop
}

func browser(name string) control.LoginSpec {
	return control.LoginSpec{Name: name, Port: 4711}
}

func TestLogin(t *testing.T) {
	t.Run("waits for the person", func(t *testing.T) {
		p := newPortal()
		c, _ := served(t, func(cfg *control.Config) { cfg.Login = p.begin })
		w, err := c.Login(t.Context(), browser("john"))
		if err != nil || w.Login != p.login {
			t.Fatalf("Login: got %+v, %v, want %+v", w, err, p.login)
		}
		defer w.Close()
		p.result <- nil
		in, err := w.Wait(t.Context())
		if want := (control.LoggedIn{Kind: control.Browser, Source: "john", Expires: noon, Sessions: 3}); err != nil || in != want {
			t.Errorf("Wait: got %+v, %v, want %+v", in, err, want)
		}
	})
	t.Run("says what AWS said", func(t *testing.T) {
		p := newPortal()
		c, _ := served(t, func(cfg *control.Config) { cfg.Login = p.begin })
		w, err := c.Login(t.Context(), browser("john"))
		if err != nil {
			t.Fatal(err)
		}
		defer w.Close()
		p.result <- &session.Error{Class: session.Person, Public: "acme: refused in the browser", Hint: "again"}
		_, err = w.Wait(t.Context())
		wantSaid(t, "Wait", err, "acme: refused in the browser | again")
		if e := session.AsError(err); e.Class != session.Person {
			t.Errorf("Wait: got class %v, want person", e.Class)
		}
	})
	t.Run("ends with its command", func(t *testing.T) {
		p := newPortal()
		c, _ := served(t, func(cfg *control.Config) { cfg.Login = p.begin })
		w, err := c.Login(t.Context(), browser("john"))
		if err != nil {
			t.Fatal(err)
		}
		w.Close()
		wantEnd(t, p, context.Canceled)
	})
	t.Run("ends with its command's context", func(t *testing.T) {
		p := newPortal()
		c, _ := served(t, func(cfg *control.Config) { cfg.Login = p.begin })
		w, err := c.Login(t.Context(), browser("john"))
		if err != nil {
			t.Fatal(err)
		}
		defer w.Close()
		ctx, cancel := context.WithCancel(t.Context())
		cancel()
		_, err = w.Wait(ctx)
		wantSaid(t, "Wait", err, "control socket "+c.Path()+": interrupted")
		wantEnd(t, p, context.Canceled)
	})
	t.Run("ends with the daemon", func(t *testing.T) {
		p := newPortal()
		c, stop := served(t, func(cfg *control.Config) { cfg.Login = p.begin })
		w, err := c.Login(t.Context(), browser("john"))
		if err != nil {
			t.Fatal(err)
		}
		defer w.Close()
		if err := stop(); err != nil {
			t.Errorf("Serve: got %v, want nil", err)
		}
		wantEnd(t, p, context.Canceled)
		_, err = w.Wait(t.Context())
		wantSaid(t, "Wait", err, "daemon: stopping | try again when it runs")
	})
	t.Run("with nothing to wait for", func(t *testing.T) {
		c, _ := served(t, func(cfg *control.Config) {
			cfg.Login = func(context.Context, control.LoginSpec) (control.Login, func(context.Context) (control.LoggedIn, error), error) {
				return control.Login{Kind: control.Nothing, Message: "keys of its own"}, nil, nil
			}
		})
		w, err := c.Login(t.Context(), control.LoginSpec{Name: "john"})
		if err != nil || w.Kind != control.Nothing || w.Message != "keys of its own" {
			t.Fatalf("Login: got %+v, %v, want nothing", w, err)
		}
		w.Close()
	})
}

func wantEnd(t *testing.T, p *portal, want error) {
	t.Helper()
	select {
	case err := <-p.ended:
		if !errors.Is(err, want) {
			t.Errorf("the daemon's side: got %v, want %v", err, want)
		}
	case <-time.After(30 * time.Second):
		t.Errorf("the daemon still waits for the person after 10 s")
	}
}

// What is not a login of a command of ours is refused before the daemon is
// asked: its funcs are nil here.
func TestLoginRefused(t *testing.T) {
	c, _ := served(t, nil)
	login := func(name string) act {
		return func(ctx context.Context, c *control.Client) error {
			_, err := c.Login(ctx, control.LoginSpec{Name: name})
			return err
		}
	}
	finish := func(id, code, state string) act {
		return func(ctx context.Context, c *control.Client) error { return c.Finish(ctx, id, code, state) }
	}
	code := func(name, code string) act {
		return func(ctx context.Context, c *control.Client) error { _, err := c.Code(ctx, name, code); return err }
	}
	const which = " | use the vendord that the daemon was started from, or restart the daemon"
	const six = "code: not six digits | type what the MFA device shows now"
	for _, r := range []struct {
		does string
		act  act
		want string
	}{
		{"names nothing", login(""), "name: missing | name a source or a profile: vendord list shows them"},
		{"names a path", login("../john"), `name "../john": not a name | names have letters, digits and . _ -, and no . or - in front`},
		{"finishes nothing", finish("", "c", "s"), "id: empty, too long or not printable" + which},
		{"finishes with two lines", finish("1", "c", "s\r\nx"), "state: empty, too long or not printable" + which},
		{"finishes with a book", finish("1", strings.Repeat("c", 16385), "s"), "code: empty, too long or not printable" + which},
		{"types five digits", code("john", "12345"), six},
		{"types a password", code("john", "hunter2"), six},
		{"types for nobody", code("", "123456"), "name: missing | name a source or a profile: vendord list shows them"},
		{"checks nothing", func(ctx context.Context, c *control.Client) error { _, err := c.CheckSource(ctx, ""); return err },
			"source: missing | name a source or a profile: vendord list shows them"},
		{"refreshes nothing", func(ctx context.Context, c *control.Client) error { _, err := c.Refresh(ctx, "", true); return err },
			"source: missing | name a source or a profile: vendord list shows them"},
	} {
		t.Run(r.does, func(t *testing.T) { wantSaid(t, r.does, r.act(t.Context(), c), r.want) })
	}
	t.Run("listens elsewhere", func(t *testing.T) {
		for _, body := range []string{`{"name":"john","port":65536}`, `{"name":"john","port":-1}`, `{"name":"john","port":"80"}`,
			`{"name":"john","redirect":"http://192.0.2.1:80/oauth/callback"}`} {
			if status, said := raw(t, c.Path(), post("/login", body)); status != 400 {
				t.Errorf("/login %s: got %d %s, want 400", body, status, said)
			}
		}
	})
	t.Run("neither locks nor unlocks", func(t *testing.T) {
		for _, body := range []string{`{}`, `null`, `{"Locked":null}`, `{"unlocked":true}`} {
			if status, said := raw(t, c.Path(), post("/lock", body)); status != 400 {
				t.Errorf("/lock %s: got %d %s, want 400", body, status, said)
			}
		}
	})
}

// All of it is steering: who may only vend or see is refused before the daemon
// is asked.
func TestLoginRights(t *testing.T) {
	for name, a := range map[string]act{
		"login": func(ctx context.Context, c *control.Client) error {
			_, err := c.Login(ctx, browser("john"))
			return err
		},
		"finish": func(ctx context.Context, c *control.Client) error { return c.Finish(ctx, "1", "code", "state") },
		"code": func(ctx context.Context, c *control.Client) error {
			_, err := c.Code(ctx, "john", "123456")
			return err
		},
		"logout":       func(ctx context.Context, c *control.Client) error { _, err := c.Logout(ctx, ""); return err },
		"lock":         func(ctx context.Context, c *control.Client) error { return c.Unlock(ctx) },
		"sources":      func(ctx context.Context, c *control.Client) error { _, err := c.Sources(ctx); return err },
		"check-source": func(ctx context.Context, c *control.Client) error { _, err := c.CheckSource(ctx, "john"); return err },
		"refresh":      func(ctx context.Context, c *control.Client) error { _, err := c.Refresh(ctx, "john", true); return err },
	} {
		t.Run(name, func(t *testing.T) {
			for _, rights := range []control.Rights{0, control.See, control.Vend, control.Vend | control.See} {
				path, _ := newDaemon(rights).serve(t, 0o600)
				wantSaid(t, name, a(t.Context(), dial(t, path)), strings.Replace(mayNot, "reload", name, 1))
			}
		})
	}
}
