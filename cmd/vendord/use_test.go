package main

import (
	"context"
	"log/slog"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/vendord/vendord/apps"
	"github.com/vendord/vendord/control"
	"github.com/vendord/vendord/profiles"
	"github.com/vendord/vendord/session"
)

// anySTS answers with a session, after it did what a test has to see in between.
type anySTS func(session.Request) error

func (f anySTS) Mint(_ context.Context, r session.Request) (*session.Credentials, error) {
	if err := f(r); err != nil {
		return nil, err
	}
	c := session.NewCredentials("ASIA"+r.SessionName, "secret", "token", time.Now().Add(time.Hour))
	c.Minted, c.Life = time.Now(), time.Hour
	return c, nil
}

const usable = `
[daemon]
region = "eu-west-1"
[sources.me]
type = "environment"
[profiles.read]
source = "me"
role_arn = "arn:aws:iam::111122223333:role/R"
policy = '{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Action":"s3:GetObject","Resource":"*"}]}'
[profiles.write]
extends = "read"
policy = '{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Action":["s3:GetObject","s3:PutObject"],"Resource":"*"}]}'
[profiles.less]
extends = "read"
policy = '{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Action":"s3:GetObject","Resource":"arn:aws:s3:::b/*"}]}'
[apps.agent]
profiles = ["read", "write", "less"]
`

// switchable is a daemon with an app whose tokens john and jane have, and with an
// AWS that does as sts says.
func switchable(t *testing.T, sts anySTS) *daemon {
	t.Helper()
	path := filepath.Join(t.TempDir(), "vendord.toml")
	if err := os.WriteFile(path, []byte(usable), 0o600); err != nil {
		t.Fatal(err)
	}
	d, err := newDaemon(daemonOptions{config: profiles.Options{Path: path, UID: os.Getuid(), Home: filepath.Dir(path)}, user: "john",
		log: slog.New(slog.DiscardHandler)})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = d.Close() })
	d.gate.mint = sts
	for i, user := range []string{"john", "jane"} {
		token := apps.Token{App: "agent", User: user, UID: uint32(1000 + i), Hash: [32]byte{1: byte(i + 1)}, Steer: true, Expires: time.Now().Add(time.Hour)}
		if err := d.book.Issue(token); err != nil {
			t.Fatal(err)
		}
	}
	return d
}

func never(session.Request) error { return nil }

// Each session is minted before anything changes, and each that cannot be is named.
func TestUseMintsFirst(t *testing.T) {
	var d *daemon
	denied := &session.Error{Class: session.Administrator, Public: "role R: AWS denies sts:AssumeRole", Hint: "ask an administrator"}
	for _, test := range []struct {
		name string
		sts  anySTS
		ask  control.UseSpec
		want string
	}{
		{"all is well", never, control.UseSpec{App: "agent", Profile: "write", For: time.Hour}, ""},
		{"narrower", never, control.UseSpec{App: "agent", Profile: "less"}, ""},
		{"wider, to stay", never, control.UseSpec{App: "agent", Profile: "write", Stay: true}, ""},
		{"wider, and nobody says so", never, control.UseSpec{App: "agent", Profile: "write"},
			`app "agent": profile "write" is wider than "read": it lets through s3:PutObject on *, which read does not`},
		{"one of two cannot have it", func(r session.Request) error {
			if strings.HasPrefix(r.SessionName, "jane") {
				return denied
			}
			return nil
		}, control.UseSpec{App: "agent", Profile: "less"}, `app "agent": not changed: profile "less" for user jane: role R: AWS denies sts:AssumeRole`},
		{"the file is read again meanwhile", func(session.Request) error {
			config, err := profiles.Load(d.options.config)
			if err == nil {
				d.book.Set(config)
			}
			return err
		}, control.UseSpec{App: "agent", Profile: "less"}, `app "agent": configuration changed meanwhile`},
		{"locked", never, control.UseSpec{App: "agent", Profile: "less"}, `app "agent": not changed: profile "less" for user jane: vendord is locked`},
	} {
		t.Run(test.name, func(t *testing.T) {
			d = switchable(t, test.sts)
			if test.name == "locked" {
				if err := d.gate.lock(); err != nil {
					t.Fatal(err)
				}
			}
			used, err := d.use(t.Context(), test.ask)
			if test.want != "" {
				first := ""
				if list := flatten(err); len(list) > 0 {
					first = list[0].Error()
				}
				if first != test.want || d.book.Current("agent") != "read" {
					t.Errorf("use: got %v, and profile %q, want %s, and nothing changed", err, d.book.Current("agent"), test.want)
				}
				return
			}
			if err != nil || d.book.Current("agent") != test.ask.Profile || len(used.Now) != 2 || used.From != "read" || used.Until.IsZero() != (test.ask.For == 0) {
				t.Errorf("use: got %+v, %v, and profile %q, want %q", used, err, d.book.Current("agent"), test.ask.Profile)
			}
			for _, s := range used.Now {
				if s.Profile != test.ask.Profile || s.KeyID != "ASIA"+s.User+"-agent" {
					t.Errorf("use: minted %+v, want a session for each user", s)
				}
			}
		})
	}
}

// What programs hold now is told, with its end; what nobody was given is not.
func TestUseTellsWhatIsHeld(t *testing.T) {
	d := switchable(t, never)
	for _, g := range d.book.Grants() {
		if g.User != "john" {
			continue
		}
		if _, err := d.gate.Get(t.Context(), g.Session, time.Minute); err != nil {
			t.Fatal(err)
		}
	}
	used, err := d.use(t.Context(), control.UseSpec{App: "agent", Profile: "less"})
	if err != nil || len(used.Held) != 1 || used.Held[0].User != "john" || used.Held[0].Profile != "read" || time.Until(used.Held[0].Expires) < 50*time.Minute {
		t.Errorf("use: got %+v, %v, want the session that john has", used.Held, err)
	}
}

// Of many at once each changes what the one before has made.
func TestUsesAtOnce(t *testing.T) {
	d := switchable(t, func(session.Request) error { time.Sleep(time.Millisecond); return nil })
	var mu sync.Mutex // guards steps
	steps := map[string]int{}
	var using sync.WaitGroup
	for i := range 20 {
		using.Go(func() {
			used, err := d.use(t.Context(), control.UseSpec{App: "agent", Profile: []string{"read", "less"}[i%2]})
			if err != nil {
				t.Errorf("use: %v", err)
			}
			mu.Lock()
			defer mu.Unlock()
			steps[used.From]++
			steps[used.To]--
		})
	}
	using.Wait()
	// From the first to the last, each begins where another ended.
	for profile, n := range steps {
		want := 0
		if profile == "read" {
			want++
		}
		if profile == d.book.Current("agent") {
			want--
		}
		if n != want {
			t.Errorf("profile %q: got %d more that began with it than ended, want %d: two began at once", profile, n, want)
		}
	}
}

// Who gives up waiting for another has changed nothing.
func TestUseGivesUp(t *testing.T) {
	d := switchable(t, never)
	d.using <- struct{}{}
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if _, err := d.use(ctx, control.UseSpec{App: "agent", Profile: "less"}); err == nil || d.book.Current("agent") != "read" {
		t.Errorf("use: got %v, and profile %q, want that it gave up", err, d.book.Current("agent"))
	}
}

// What an app goes back to is there before it does.
func TestWarmBack(t *testing.T) {
	for left, want := range map[time.Duration]bool{time.Hour: false, 30 * time.Second: true} {
		var mu sync.Mutex // guards asked
		asked := map[string]int{}
		d := switchable(t, func(r session.Request) error {
			mu.Lock()
			defer mu.Unlock()
			asked[r.Policy]++
			return nil
		})
		if _, err := d.use(t.Context(), control.UseSpec{App: "agent", Profile: "less", For: left}); err != nil {
			t.Fatal(err)
		}
		before := len(asked)
		d.warmBack(t.Context())
		if got := len(asked) > before; got != want {
			t.Errorf("%v before it goes back: got minted %v, want %v", left, got, want)
		}
	}
}
