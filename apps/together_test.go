package apps_test

import (
	"errors"
	"path/filepath"
	"sync"
	"testing"
	"time"

	"github.com/vendord/vendord/apps"
	"github.com/vendord/vendord/profiles"
	"github.com/vendord/vendord/session"
)

// Everything at once, on a real directory: a steady token is granted one of its
// app's profiles at every moment, whatever else goes on, and the race detector
// sees no two that touch the same.
func TestTogether(t *testing.T) {
	t.Parallel()
	dir := filepath.Join(t.TempDir(), "state")
	b := open(t, dir, "uploader=one,two", "claude=three")
	configs := []*profiles.Config{b.Config(), load(t, file("uploader=two,one", "claude=three")), load(t, file("uploader=one,two"))}
	steady := b.issue("uploader", "john", nil)
	done := make(chan struct{})
	var readers, writers sync.WaitGroup
	for range 2 {
		readers.Go(func() {
			for {
				select {
				case <-done:
					return
				default:
				}
				b.granted("meanwhile", steady, "one")
				b.Grants()
				b.Tokens("")
				b.Allowed("john")
				b.rendered("meanwhile", profiles.CLI, "john", "one")
				_, token := b.token("uploader", "john")
				if g, err := b.Prepare(token); err != nil || g.Profile != "one" {
					t.Errorf("Prepare meanwhile: got profile %q, %v, want one", g.Profile, err)
				}
			}
		})
	}
	const rounds = 10
	writers.Go(func() {
		for i := range rounds {
			b.Set(configs[i%len(configs)])
		}
	})
	for i := range 2 {
		writers.Go(func() { // a profile that nobody else asks about
			for range rounds {
				if c, err := b.Change("claude", "three"); err == nil {
					_ = b.Use(c, []time.Time{{}, b.now.Add(time.Hour)}[i])
				}
				b.State("claude")
			}
		})
	}
	for _, user := range []string{"ann", "bob"} {
		writers.Go(func() {
			for range rounds {
				secret, token := b.token("uploader", user)
				token.ID = apps.NewID()
				if err := b.Issue(token); err != nil {
					t.Errorf("Issue: %v", err)
				}
				b.granted("just issued", secret, "one")
				if n, err := b.Revoke("uploader", token.ID); n != 1 || err != nil {
					t.Errorf("Revoke: got %d, %v, want 1", n, err)
				}
				if _, err := b.decide(secret); err == nil {
					t.Errorf("Decide: got a grant for what was revoked")
				}
			}
		})
		writers.Go(func() {
			for range 10 * rounds {
				secret, token := b.token(profiles.CLI, user)
				token.Profile = "two"
				release, err := b.Hold(token)
				if err != nil {
					t.Errorf("Hold: %v", err)
					return
				}
				b.granted("held", secret, "two")
				release()
				release()
				_, err = b.decide(secret)
				if e, ok := errors.AsType[*session.Error](err); !ok || e.Class != session.Unrecognised {
					t.Errorf("Decide: got %v for what was released, want unrecognised", err)
				}
			}
		})
	}
	writers.Wait()
	close(done)
	readers.Wait()
	b = reopen(t, b, dir, time.Minute, "uploader=one")
	if left := b.Tokens(""); len(left) != 1 || left[0].User != "john" {
		t.Errorf("Tokens after a restart: got %v, want the steady one alone", left)
	}
}
