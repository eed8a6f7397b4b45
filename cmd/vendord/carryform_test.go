package main

import (
	"bytes"
	"errors"
	"fmt"
	"reflect"
	"strings"
	"testing"
	"time"

	"github.com/vendord/vendord/apps"
	"github.com/vendord/vendord/cache"
	"github.com/vendord/vendord/session"
)

// leftAt is when the things of these tests were left: an hour after the machine
// started. Half an hour of a session of one hour is over.
func leftAt() moment {
	return moment{now: time.Now(), boot: "a-start", since: time.Hour}
}

// after is the same machine later, by both of its clocks.
func (m moment) after(d time.Duration) moment {
	return moment{now: m.now.Add(d), boot: m.boot, since: m.since + d}
}

func leftSession(at moment) cache.Carried {
	c := session.NewCredentials("ASIA0001", "sEcReT/+<&>", "tOkEn==", at.now.Add(30*time.Minute))
	c.Minted, c.Life, c.Skew = at.now.Add(-30*time.Minute), time.Hour, time.Second
	c.RoleARN, c.Principal, c.AccountID, c.Region, c.TokenUse = "arn:aws:iam::123456789012:role/R", "arn:aws:sts::123456789012:assumed-role/R/me", "123456789012", "eu-west-1", 7
	r := session.Request{Source: session.Source{Name: "john"}, Operation: session.AssumeRole, RoleARN: c.RoleARN, Policy: `{"a":"<&>"}`, Duration: time.Hour}
	return cache.Carried{Request: r, Credentials: c, Used: at.now.Add(-time.Minute), Before: at.now.Add(-time.Hour)}
}

func leftToken(at moment) apps.Token {
	_, hash := apps.NewSecret()
	return apps.Token{ID: apps.NewID(), App: "cli", User: "john", UID: 4001, Profile: "p", Hash: hash, Steer: true, Exec: true,
		Policy: "{}", PolicyARNs: `["a"]`, Issued: at.now.UTC().Round(0), Expires: at.now.Add(time.Hour).UTC().Round(0)}
}

func mustEncode(t testing.TB, c carried, at moment) []byte {
	t.Helper()
	text, err := c.encode(at)
	if err != nil {
		t.Fatal(err)
	}
	return text
}

func TestCarriedComesBackAsItWas(t *testing.T) {
	at := leftAt()
	was, token := leftSession(at), leftToken(at)
	seen := apps.Seen{App: "a", User: "u", UID: 1, Rule: "r"}
	text := mustEncode(t, carried{[]cache.Carried{was}, apps.Carried{Tokens: []apps.Token{token}, Seen: []apps.Seen{seen}}}, at)
	later := at.after(time.Minute)
	got, err := decodeCarried(text, later)
	if err != nil || len(got.sessions) != 1 {
		t.Fatalf("decode: got %+v, %v, want one session", got, err)
	}
	is := got.sessions[0]
	if is.Request != was.Request || !is.Used.Equal(was.Used) || !is.Before.Equal(was.Before) {
		t.Errorf("decode: got %+v, want %+v", is, was)
	}
	secret, sessionToken := is.Credentials.Reveal()
	if s, x := was.Credentials.Reveal(); s != secret || x != sessionToken {
		t.Error("decode: got other secrets")
	}
	fields := func(c *session.Credentials) string {
		return fmt.Sprint(c.KeyID, c.Expires.Unix(), c.Life, c.Skew, c.RoleARN, c.Principal, c.AccountID, c.Region, c.TokenUse)
	}
	if got, want := fields(is.Credentials), fields(was.Credentials); got != want {
		t.Errorf("decode: got %s, want %s", got, want)
	}
	if d := is.Credentials.Minted.Sub(was.Credentials.Minted).Abs(); d > 2*time.Second {
		t.Errorf("minted: got %v away from what it was: it would count as new", d)
	}
	if got, want := is.Credentials.Left(later.now), was.Credentials.Left(later.now); (got - want).Abs() > 2*time.Second {
		t.Errorf("left: got %v, want %v", got, want)
	}
	if !reflect.DeepEqual(got.known, apps.Carried{Tokens: []apps.Token{token}, Seen: []apps.Seen{seen}}) {
		t.Errorf("decode: got %+v, want %+v", got.known, token)
	}
}

// No clock can make a session live longer than either of the two says.
func TestCarriedIsJudgedByBothClocks(t *testing.T) {
	for _, row := range []struct {
		name         string
		wall, really time.Duration // what the wall clock and the other one say has passed
		left         time.Duration // 0: gone
	}{
		{"both agree", 10 * time.Minute, 10 * time.Minute, 20 * time.Minute},
		{"both agree that it is over", 31 * time.Minute, 31 * time.Minute, 0},
		{"the clock was set back an hour", 10*time.Minute - time.Hour, 10 * time.Minute, 20 * time.Minute},
		{"set back, and it is over", 31*time.Minute - time.Hour, 31 * time.Minute, 0},
		{"set forward", 10*time.Minute + 15*time.Minute, 10 * time.Minute, 5 * time.Minute},
		{"set forward past its end", time.Hour, time.Minute, 0},
	} {
		t.Run(row.name, func(t *testing.T) {
			at := leftAt()
			text := mustEncode(t, carried{sessions: []cache.Carried{leftSession(at)}}, at)
			later := moment{now: at.now.Add(row.wall), boot: at.boot, since: at.since + row.really}
			got, err := decodeCarried(text, later)
			switch {
			case err != nil:
				t.Fatal(err)
			case row.left == 0 && len(got.sessions) != 0:
				t.Errorf("got a session with %v left, want none", got.sessions[0].Credentials.Left(later.now))
			case row.left != 0 && len(got.sessions) != 1:
				t.Fatal("got no session, want one")
			case row.left != 0:
				if left := got.sessions[0].Credentials.Left(later.now); (left - row.left).Abs() > 2*time.Second {
					t.Errorf("left: got %v, want %v", left, row.left)
				}
			}
		})
	}
}

func TestOddCarriedIsRefused(t *testing.T) {
	at := leftAt()
	good := string(mustEncode(t, carried{[]cache.Carried{leftSession(at)}, apps.Carried{Tokens: []apps.Token{leftToken(at)}}}, at))
	change := func(old, new string) string {
		if !strings.Contains(good, old) {
			t.Fatalf("%s is not in %s", old, good)
		}
		return strings.Replace(good, old, new, 1)
	}
	for _, row := range []struct {
		name, text string
		want       error
	}{
		{"nothing", "", errCarryDamaged},
		{"no JSON", "vendord", errCarryDamaged},
		{"cut short", good[:len(good)-1], errCarryDamaged},
		{"of the next version", change(`"version":1`, `"version":2`), errCarryVersion},
		{"of no version", change(`"version":1,`, ``), errCarryVersion},
		{"a field that nobody knows", change(`"key_id"`, `"key"`), errCarryDamaged},
		{"a request that is none", change(`"request":"{`, `"request":"[`), errCarryDamaged},
		{"without a key id", change(`"ASIA0001"`, `""`), errCarryDamaged},
		{"without a secret", change(`"secret":"c0VjUmVULys8Jj4="`, `"secret":""`), errCarryDamaged},
		{"more left than it ever had", change(`"left_ns":1`, `"left_ns":9991`), errCarryDamaged},
		{"nothing left", change(`"left_ns":1`, `"left_ns":-1`), errCarryDamaged},
		{"a hash that is none", change(`"hash":"`, `"hash":"x`), errCarryDamaged},
		{"another start of the machine", change(`"boot":"a-start"`, `"boot":"another"`), errCarryBoot},
		{"from the future of this start", change(`"since_boot_ns":36`, `"since_boot_ns":46`), errCarryBoot},
	} {
		if c, err := decodeCarried([]byte(row.text), at); !errors.Is(err, row.want) || len(c.sessions)+len(c.known.Tokens) != 0 {
			t.Errorf("%s: got %v with %d sessions, want %v and nothing", row.name, err, len(c.sessions), row.want)
		}
	}
	if _, err := decodeCarried([]byte(change(`"boot":"a-start"`, `"boot":""`)), at); err != nil {
		t.Errorf("where a sandbox hides the start of the machine: got %v, want nil", err)
	}
}

// What is printed by mistake has no secret.
func TestCarryFormPrintsNoSecret(t *testing.T) {
	s := carrySession{KeyID: "ASIA0001", Secret: hidden("sEcReT"), Token: hidden("sEcReT")}
	for _, verb := range []string{"%v", "%+v", "%#v", "%s", "%x"} {
		if text := fmt.Sprintf(verb, s); strings.Contains(text, "sEcReT") || strings.Contains(text, "734563") || strings.Contains(text, "0x73") {
			t.Errorf("%s: got %s", verb, text)
		}
	}
}

// Whatever a predecessor left, it is read to the letter or not at all: what was
// read, written again, says the same.
func FuzzCarried(f *testing.F) {
	at := leftAt()
	f.Add(mustEncode(f, carried{[]cache.Carried{leftSession(at)}, apps.Carried{Tokens: []apps.Token{leftToken(at)},
		Seen: []apps.Seen{{App: "a", User: "u", UID: 1, Rule: "r"}}}}, at))
	f.Add([]byte(`{"version":1,"boot":"a-start","since_boot_ns":0,"sessions":null,"tokens":null,"seen":null}`))
	f.Add([]byte(`{"version":1}`))
	f.Add([]byte(`[]`))
	f.Fuzz(func(t *testing.T, text []byte) {
		c, err := decodeCarried(bytes.Clone(text), at)
		if err != nil {
			return
		}
		for _, s := range c.sessions {
			if left := s.Credentials.Left(at.now); left <= 0 || left > s.Credentials.Life {
				t.Fatalf("left %v of %v", left, s.Credentials.Life)
			}
		}
		again, err := c.encode(at)
		if err != nil {
			t.Skip() // a time beyond the year 9999
		}
		if d, err := decodeCarried(again, at); err != nil || len(d.sessions) != len(c.sessions) || !reflect.DeepEqual(d.known.Tokens, c.known.Tokens) {
			t.Fatalf("written again: got %v, %d sessions, want %d", err, len(d.sessions), len(c.sessions))
		}
	})
}
