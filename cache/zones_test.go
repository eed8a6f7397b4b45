package cache

import (
	"testing"
	"time"

	"github.com/vendord/vendord/session"
)

const m = time.Minute

// The lines of lives that people configure. renew is where AWS is asked for
// the next, wait is where callers wait for the answer.
func TestLines(t *testing.T) {
	for _, test := range []struct {
		life, renew, wait time.Duration
	}{
		{12 * time.Hour, 6 * time.Hour, 25 * m},
		{2 * time.Hour, 60 * m, 25 * m},
		{time.Hour, 30 * m, 25 * m},
		{50 * m, 30 * m, 25 * m},
		{45 * m, 29*m + 15*time.Second, 24*m + 45*time.Second},
		{30 * m, 19*m + 30*time.Second, 16*m + 30*time.Second},
		{25 * m, 16*m + 15*time.Second, 13*m + 45*time.Second},
		{25*m - 4, 12*m + 30*time.Second - 2, 6*m + 15*time.Second - 1},
		{15 * m, 7*m + 30*time.Second, 3*m + 45*time.Second},
		{time.Minute, 30 * time.Second, 15 * time.Second},
	} {
		renew, wait := lines(test.life, 0)
		if renew != test.renew || wait != test.wait {
			t.Errorf("lines(%v, 0): got %v and %v, want %v and %v", test.life, renew, wait, test.renew, test.wait)
		}
		early, same := lines(test.life, 1)
		if early != renew+test.life/20 || same != wait {
			t.Errorf("lines(%v, 1): got %v and %v, want 5 %% of life more than %v, and %v", test.life, early, same, renew, wait)
		}
		if early >= test.life {
			t.Errorf("lines(%v, 1): got %v, want something fresh at first", test.life, early)
		}
	}
}

func TestZoneOf(t *testing.T) {
	renew, wait := lines(time.Hour, 0)
	for _, test := range []struct {
		left time.Duration
		want zone
	}{
		{time.Hour, fresh}, {30 * m, fresh},
		{30*m - 1, due}, {25 * m, due},
		{25*m - 1, late}, {1, late},
		{0, dead}, {-1, dead}, {-time.Hour, dead},
	} {
		if got := zoneOf(test.left, renew, wait); got != test.want {
			t.Errorf("zoneOf(%v): got %d, want %d", test.left, got, test.want)
		}
	}
}

func TestWaits(t *testing.T) {
	const s = time.Second
	for _, test := range []struct {
		name          string
		zone          zone
		age, patience time.Duration
		failed        bool
		want          time.Duration
	}{
		{"fresh: never", fresh, 0, s, false, 0},
		{"due: never", due, 0, s, false, 0},
		{"late, a new attempt: patience", late, 0, s, false, s},
		{"late, a young attempt: what it has left", late, s / 4, s, false, s * 3 / 4},
		{"late, an attempt as old as patience: not", late, s, s, false, 0},
		{"late, an older attempt: not", late, 5 * s, s, false, -4 * s},
		{"late, after a failure: not", late, 0, s, true, 0},
		{"late, the clock was set back: patience", late, -2 * time.Hour, s, false, s},
		{"dead: patience", dead, 0, s, false, s},
		{"dead, an old attempt: patience", dead, 5 * s, s, false, s},
		{"dead, after a failure: patience", dead, 0, s, true, s},
	} {
		if got := waits(test.zone, test.age, test.patience, test.failed); got != test.want {
			t.Errorf("%s: got %v, want %v", test.name, got, test.want)
		}
	}
}

// For how long a failure keeps AWS from being asked, at least and at most.
func TestHolds(t *testing.T) {
	const s = time.Second
	for _, test := range []struct {
		class       session.Class
		streak      int
		least, most time.Duration
	}{
		{session.Configuration, 1, 60 * s, 60 * s},
		{session.Person, 9, 10 * m, 10 * m},
		{session.Administrator, 1, 60 * s, 60 * s},
		{session.Administrator, 2, 2 * m, 2 * m},
		{session.Administrator, 4, 8 * m, 8 * m},
		{session.Administrator, 5, 10 * m, 10 * m},
		{session.Administrator, 1000, 10 * m, 10 * m},
		{session.Retry, 1, s, 2 * s},
		{session.Retry, 2, s, 4 * s},
		{session.Retry, 4, s, 16 * s},
		{session.Retry, 5, s, 30 * s},
		{session.Retry, 1000, s, 30 * s},
		{session.Refused, 5, s, 30 * s},
		{session.Unrecognised, 1, s, 2 * s},
		{session.Class(0), 1, s, 2 * s},
	} {
		least, most := holds(test.class, test.streak, 0), holds(test.class, test.streak, 1)
		if least != test.least || most != test.most {
			t.Errorf("holds(%v, %d): got %v to %v, want %v to %v", test.class, test.streak, least, most, test.least, test.most)
		}
	}
}

func TestPause(t *testing.T) {
	for left, want := range map[time.Duration]time.Duration{
		6 * time.Hour: 36 * m, 30 * m: 3 * m, 5 * m: 30 * time.Second, time.Second: 30 * time.Second,
	} {
		if got := pause(left); got != want {
			t.Errorf("pause(%v): got %v, want %v", left, got, want)
		}
	}
}

// What of an answer is kept, beside keys K1 that Expire at 12:00.
func TestJudge(t *testing.T) {
	noon := time.Date(2026, 11, 21, 12, 0, 0, 0, time.UTC)
	made := func(id, secret, token string, expires time.Time) *session.Credentials {
		c := session.NewCredentials(id, secret, token, expires)
		c.Minted, c.Life = expires.Add(-time.Hour), time.Hour
		return c
	}
	keys := func(id string, expires time.Time) *session.Credentials { return made(id, "s", "t", expires) }
	const expired = "role: the credentials that came have expired already"
	const empty = "role: an answer without a key id, a secret or a session token"
	for _, test := range []struct {
		name   string
		old    *session.Credentials
		fresh  *session.Credentials
		now    time.Time
		better bool
		err    string
	}{
		{"the first", nil, keys("K2", noon), noon.Add(-m), true, ""},
		{"no answer", nil, nil, noon, false, empty},
		{"no answer beside living", keys("K1", noon), nil, noon.Add(-m), false, empty},
		{"no key id", nil, made("", "s", "t", noon), noon.Add(-m), false, empty},
		{"no secret", nil, made("K2", "", "t", noon), noon.Add(-m), false, empty},
		{"no token", nil, made("K2", "s", "", noon), noon.Add(-m), false, empty},
		{"the zero value", nil, &session.Credentials{KeyID: "K2"}, noon.Add(-m), false, empty},
		{"expired this moment", nil, keys("K2", noon), noon, false, expired},
		{"without a life", nil, session.NewCredentials("K2", "s", "t", noon), noon.Add(-m), false, expired},
		{"newer", keys("K1", noon), keys("K2", noon.Add(time.Second)), noon.Add(-m), true, ""},
		{"another that expires with them", keys("K1", noon), keys("K2", noon), noon.Add(-m), false, ""},
		{"another that expires before them", keys("K1", noon), keys("K2", noon.Add(-time.Second)), noon.Add(-m), false, ""},
		{"the same, not rotated yet", keys("K1", noon), keys("K1", noon), noon.Add(-m), false, ""},
		{"the same with a new expiry", keys("K1", noon), keys("K1", noon.Add(m)), noon.Add(-m), false, ""},
		{"after death", keys("K1", noon), keys("K2", noon.Add(m)), noon, true, ""},
		{"after death, the same prolonged", keys("K1", noon), keys("K1", noon.Add(m)), noon, true, ""},
	} {
		e := &entry{name: "role"}
		var old *view
		if test.old != nil {
			old = newView(session.Request{}, test.old, nil)
		}
		better, err := e.judge(old, test.fresh, test.now)
		if better != test.better || (err == nil) != (test.err == "") || err != nil && (err.Public != test.err || err.Class != session.Retry || err.Hint == "") {
			t.Errorf("%s: got %v, %v, want %v, %q", test.name, better, err, test.better, test.err)
		}
	}
}

// Once seen dead, credentials stay dead, and so does what a source still
// hands out of them.
func TestDeadStayDead(t *testing.T) {
	noon := time.Date(2026, 11, 21, 12, 0, 0, 0, time.UTC)
	creds := session.NewCredentials("K1", "s", "t", noon)
	creds.Minted, creds.Life = noon.Add(-time.Hour), time.Hour
	v := newView(session.Request{}, creds, nil)
	if got := v.zone(noon.Add(-m)); got != late {
		t.Errorf("a minute before the end: got zone %d, want %d", got, late)
	}
	if got := v.zone(noon); got != dead {
		t.Errorf("at the end: got zone %d, want %d", got, dead)
	}
	if got := v.zone(noon.Add(-m)); got != dead {
		t.Errorf("the clock set back: got zone %d, want %d", got, dead)
	}
	if better, err := (&entry{name: "role"}).judge(v, creds, noon.Add(-m)); better || err == nil {
		t.Errorf("judge of the dead: got %v, %v, want an error", better, err)
	}
}
