package session_test

import (
	"bytes"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/vendord/vendord/session"
)

// How long credentials are good, by two clocks that need not agree.
func TestLeft(t *testing.T) {
	const m, h = time.Minute, time.Hour
	for _, test := range []struct {
		name           string
		mono, wall     time.Duration // since minting, by either clock
		life           time.Duration
		answered, skew time.Duration // what AWS said they are good for, by our clock and skew; AWS's clock minus ours
		want           time.Duration
		withoutMono    time.Duration // where no monotonic reading is left
	}{
		{"just minted", 0, 0, h, h, 0, h, h},
		{"half way", 30 * m, 30 * m, h, h, 0, 30 * m, 30 * m},
		{"the last nanosecond", h - 1, h - 1, h, h, 0, 1, 1},
		{"at the end", h, h, h, h, 0, 0, 0},
		{"after the end", 61 * m, 61 * m, h, h, 0, -m, -m},
		{"read before minting", -m, -m, h, h, 0, h, h},

		{"AWS is ahead", 10 * m, 10 * m, h, h, 9 * m, 50 * m, 50 * m},
		{"AWS is behind", 10 * m, 10 * m, h, h, -9 * m, 50 * m, 50 * m},
		{"AWS is ahead, unseen", 10 * m, 10 * m, h, 69 * m, 0, 50 * m, 50 * m},
		{"AWS is behind, unseen", 10 * m, 10 * m, h, 51 * m, 0, 41 * m, 41 * m},

		{"clock set back", 10 * m, -110 * m, h, h, 0, 50 * m, h},
		{"clock set back after death", 70 * m, -50 * m, h, h, 0, -10 * m, h},
		{"clock set back a little", 10 * m, 9 * m, h, h, 0, 50 * m, 51 * m},
		{"clock set back, the last nanosecond", h - 1, -h, h, h, 0, 1, h},
		{"clock set forward", 10 * m, 40 * m, h, h, 0, 20 * m, 20 * m},
		{"clock set forward beyond the end", 10 * m, 3 * h, h, h, 0, -2 * h, -2 * h},
		{"clock set right, to AWS's", 10 * m, 19 * m, h, h, 9 * m, 41 * m, 41 * m},
		{"asleep for two hours", 10 * m, 130 * m, h, h, 0, -70 * m, -70 * m},

		{"cut to what was asked for", 10 * m, 10 * m, 15 * m, 12 * h, 0, 5 * m, 5 * m},
		{"over, though AWS would take them", 16 * m, 16 * m, 15 * m, 12 * h, 0, -m, -m},
		{"AWS gave less than was asked for", 10 * m, 10 * m, h, 15 * m, 0, 5 * m, 5 * m},
	} {
		now := time.Now()
		// Setting the wall clock forward moves what was noted by it back.
		minted := now.Round(0).Add(-test.wall)
		c := session.NewCredentials("K", "s", "t", minted)
		c.Expires = minted.Add(test.answered + test.skew) // with the fraction that the steps of the test have
		c.Minted, c.Life, c.Skew = now.Add(-test.mono), test.life, test.skew
		if got := c.Left(now); got != test.want {
			t.Errorf("%s: got %v, want %v", test.name, got, test.want)
		}
		if got := c.Left(now.UTC()); got != test.want {
			t.Errorf("%s, in UTC: got %v, want %v", test.name, got, test.want)
		}
		c.Minted = minted
		if got := c.Left(now); got != test.withoutMono {
			t.Errorf("%s, minted without a monotonic reading: got %v, want %v", test.name, got, test.withoutMono)
		}
		if got := c.Left(now.Round(0)); got != test.withoutMono {
			t.Errorf("%s, no monotonic readings: got %v, want %v", test.name, got, test.withoutMono)
		}
	}
}

func TestLeftAsTimePasses(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c := session.NewCredentials("K", "s", "t", time.Now().Add(time.Hour))
		c.Minted, c.Life = time.Now(), time.Hour
		for left := time.Hour; left >= -time.Hour; left -= 10 * time.Minute {
			if got := c.Left(time.Now()); got != left {
				t.Errorf("Left: got %v, want %v", got, left)
			}
			time.Sleep(10 * time.Minute)
		}
	})
}

// What nobody filled in is over, whatever the clock says.
func TestLeftOfTheUnfinished(t *testing.T) {
	for name, c := range map[string]*session.Credentials{
		"zero value":      {},
		"no expiry":       {Minted: noon, Life: time.Hour},
		"no life":         {Minted: noon, Expires: noon.Add(time.Hour)},
		"never minted":    {Life: time.Hour, Expires: noon.Add(time.Hour)},
		"minted by a sun": {Life: time.Hour, Minted: time.Unix(1<<40, 0), Expires: noon.Add(-time.Second)},
	} {
		if got := c.Left(noon); got > 0 {
			t.Errorf("%s: got %v, want nothing", name, got)
		}
	}
}

// Programs are told whole seconds: what they read as over is over here as well.
func TestExpiryOfWholeSeconds(t *testing.T) {
	c := session.NewCredentials("K", "s", "t", noon.Add(999*time.Millisecond))
	c.Minted, c.Life = noon.Add(-time.Hour), 2*time.Hour
	if !c.Expires.Equal(noon) || c.Left(noon) > 0 || c.Left(noon.Add(-1)) != 1 {
		t.Errorf("NewCredentials: got %v, with %v left at noon, want noon and nothing", c.Expires, c.Left(noon))
	}
}

func TestReveal(t *testing.T) {
	for name, test := range map[string]struct {
		c             *session.Credentials
		secret, token string
	}{
		"new":        {session.NewCredentials("K", "s", "t", noon), "s", "t"},
		"nil":        {nil, "", ""},
		"zero value": {&session.Credentials{KeyID: "K"}, "", ""},
	} {
		if secret, token := test.c.Reveal(); secret != test.secret || token != test.token {
			t.Errorf("%s: got %q and %q, want %q and %q", name, secret, token, test.secret, test.token)
		}
	}
	if c := session.NewCredentials("K", "s", "t", noon); c.KeyID != "K" || !c.Expires.Equal(noon) || c.TokenUse != -1 {
		t.Errorf("NewCredentials: got %s until %v with %d %% of the token used, want K, noon and -1", c.KeyID, c.Expires, c.TokenUse)
	}
}

func TestBodyIsRenderedOnce(t *testing.T) {
	for name, body := range map[string][]byte{"a body": []byte("body"), "an empty one": {}, "none": nil} {
		c := session.NewCredentials("K", "s", "t", noon)
		renders := 0
		for range 3 {
			got := c.Body(func(given *session.Credentials) []byte {
				if given != c {
					t.Errorf("%s: render got %p, want %p", name, given, c)
				}
				renders++
				return body
			})
			if !bytes.Equal(got, body) || (got == nil) != (body == nil) {
				t.Errorf("%s: got %q, want %q", name, got, body)
			}
		}
		if renders != 1 {
			t.Errorf("%s: rendered %d times, want once", name, renders)
		}
	}
}

// Callers that race for the first body all get a whole one, and those who come
// after them render none.
func TestBodyRace(t *testing.T) {
	c := session.NewCredentials("K", "s", "t", noon)
	var renders atomic.Int64
	render := func(*session.Credentials) []byte { renders.Add(1); return []byte("body") }
	var all sync.WaitGroup
	for range 50 {
		all.Go(func() {
			if got := string(c.Body(render)); got != "body" {
				t.Errorf("Body: got %q, want body", got)
			}
		})
	}
	all.Wait()
	before := renders.Load()
	c.Body(render)
	if after := renders.Load(); before == 0 || after != before {
		t.Errorf("renders: got %d, then %d, want one and no more", before, after)
	}
}

// The hot path of every request.
func TestBodyAndLeftDoNotAllocate(t *testing.T) {
	c, now := planted(), time.Now()
	render := func(*session.Credentials) []byte { return nil }
	if got := testing.AllocsPerRun(100, func() { c.Body(render); c.Left(now) }); got != 0 {
		t.Errorf("allocations: got %v, want none", got)
	}
}
