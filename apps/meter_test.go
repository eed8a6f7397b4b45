package apps_test

import (
	"strings"
	"testing"
	"time"

	"github.com/vendord/vendord/apps"
	"github.com/vendord/vendord/session"
)

// bounded is a configuration in which programs may ask a hundred times a second.
func bounded(perSecond string, list ...string) string {
	return strings.Replace(file(list...), "requests_per_second = 0", "requests_per_second = "+perSecond, 1)
}

// asks returns how often in a row a token is granted something, up to most.
func (b book) asks(secret string, most int) (granted int) {
	for range most {
		if _, err := b.decide(secret); err != nil {
			const public = `app "uploader": more than 100 requests a second`
			refusal(b.t, "too fast", err, session.Limited, public,
				"use one SDK client: it keeps credentials; or raise daemon.requests_per_second")
			break
		}
		granted++
	}
	return granted
}

// What one app's programs of one user ask is bounded, and nobody else's by that.
func TestProgramsThatAskTooOften(t *testing.T) {
	c := &clock{start}
	config := load(t, bounded("100", "uploader=up", "claude=read"))
	a, err := apps.Open(apps.Config{Profiles: config, Now: func() time.Time { return c.now }})
	if err != nil {
		t.Fatal(err)
	}
	b := book{a, c, t}
	johns, johnsToo := b.issue("uploader", "john", nil), b.issue("uploader", "john", nil)
	janes, other := b.issue("uploader", "jane", nil), b.issue("claude", "john", nil)
	if n := b.asks(johns, 1000); n != 200 {
		t.Errorf("at once: got %d, want 200", n)
	}
	if n := b.asks(johnsToo, 1); n != 0 {
		t.Errorf("with another token of the same user: got %d, want 0", n)
	}
	b.granted("another user", janes, "up")
	b.granted("another app", other, "read")
	c.pass(100 * time.Millisecond)
	if n := b.asks(johns, 1000); n != 10 {
		t.Errorf("a tenth of a second later: got %d, want 10", n)
	}

	b.issue("claude", "jane", nil)
	if n := b.asks(johns, 1); n != 0 {
		t.Errorf("after another token was issued: got %d, want 0: no way to begin anew", n)
	}
	b.Set(load(t, bounded("100", "uploader=up", "claude=read")))
	if n := b.asks(johns, 1); n != 0 {
		t.Errorf("after a reload: got %d, want 0", n)
	}
	b.Set(load(t, bounded("0", "uploader=up", "claude=read")))
	if n := b.asks(johns, 1000); n != 1000 {
		t.Errorf("without a bound: got %d, want 1000", n)
	}
	b.Set(load(t, bounded("100", "uploader=up", "claude=read")))
	if n := b.asks(johns, 1000); n != 200 {
		t.Errorf("with a bound again: got %d, want 200", n)
	}
}
