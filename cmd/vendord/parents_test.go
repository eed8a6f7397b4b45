package main

import (
	"context"
	"fmt"
	"testing"
	"testing/synctest"
	"time"

	"github.com/vendord/vendord/cache"
	"github.com/vendord/vendord/session"
)

// slowSTS takes two seconds for each session, once its parent is there.
type slowSTS struct{ d *daemon }

func (s slowSTS) Mint(ctx context.Context, r session.Request) (*session.Credentials, error) {
	if r.Parent != "" {
		parent, err := session.ParseRequest(r.Parent)
		if err == nil {
			_, err = s.d.parent(ctx, parent)
		}
		if err != nil {
			return nil, err
		}
	}
	time.Sleep(2 * time.Second)
	c := session.NewCredentials("ASIA"+r.SessionName, "secret", "token", time.Now().Add(time.Hour))
	c.Minted, c.Life = time.Now(), time.Hour
	return c, nil
}

// The longest chain there can be comes through though each step of it is slow, and
// so do a hundred sessions that end in it: they wait for its parents together.
func TestSlowChain(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		d := &daemon{}
		d.gate = newGate("", slowSTS{d})
		d.cache = cache.New(cache.Config{Mint: d.gate})
		d.gate.cache = d.cache
		r := session.Request{SessionName: "0"}
		for i := range 4 {
			r = session.Request{SessionName: fmt.Sprint(i + 1), Parent: r.Canonical()}
		}
		ends := make(chan error)
		for i := range 100 {
			r := session.Request{SessionName: fmt.Sprint("end ", i), Parent: r.Canonical()}
			go func() {
				_, err := d.gate.Get(t.Context(), r.Key(), commandPatience)
				ends <- err
			}()
		}
		begun, failed := time.Now(), 0
		for range 100 {
			if err := <-ends; err != nil {
				failed++
			}
		}
		// Sixteen at a time have a turn with AWS, and two seconds each.
		if took := time.Since(begun); failed > 100-16 || took > 25*time.Second {
			t.Errorf("Get: %d of 100 failed after %v, want 16 or more to come through", failed, took)
		}
		time.Sleep(time.Minute)
		for i := range 100 {
			r := session.Request{SessionName: fmt.Sprint("end ", i), Parent: r.Canonical()}
			if _, err := d.gate.Get(t.Context(), r.Key(), commandPatience); err != nil {
				t.Fatalf("Get, a minute later: got %v, want all to come through", err)
			}
		}
	})
}
