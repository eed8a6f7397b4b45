package cache_test

import (
	"context"
	"testing"
	"time"

	"github.com/vendord/vendord/cache"
	"github.com/vendord/vendord/session"
)

// A session that takes a code to renew is not asked for until it ends soon, is
// handed out to its end, and then says at once who is wanted.
func TestOnlyAPersonCanRenew(t *testing.T) {
	typed := role("Careful")
	typed.MFASerial, typed.Duration = "arn:aws:iam::123456789012:mfa/john", 12*time.Hour
	a := &aws{life: 12 * time.Hour}
	story(t, a, func(t *testing.T, c *cache.Cache) {
		want(t, "key", got(t, c, typed), "ASIA0001")
		a.set(fails(session.Person))
		for range 11*60 + 29 {
			time.Sleep(time.Minute)
			want(t, "key", got(t, c, typed), "ASIA0001")
		}
		want(t, "attempts until half an hour before the end", a.count(), 1)
		want(t, "state", c.Status()[0].State, session.Live)
		for range 30 {
			time.Sleep(time.Minute)
			want(t, "key", got(t, c, typed), "ASIA0001")
		}
		want(t, "state near the end", c.Status()[0].State, session.Failing)
		time.Sleep(2 * time.Minute)
		start := time.Now()
		if _, err := c.Get(t.Context(), typed.Key(), patience); session.AsError(err) == nil || session.AsError(err).Class != session.Person {
			t.Errorf("Get after the end: got %v, want an error of class person", err)
		}
		want(t, "wait", time.Since(start), 0)
		a.set(nil)
		c.Retry(func(session.Request) bool { return true })
		want(t, "key after a login", got(t, c, typed)[:4], "ASIA")
	})
}

// With a command that prints codes nobody is wanted.
func TestACommandRenews(t *testing.T) {
	printed := role("Careful")
	printed.MFASerial, printed.MFACommand, printed.Duration = "arn:aws:iam::123456789012:mfa/john", session.List([]string{"code"}), 12*time.Hour
	a := &aws{}
	story(t, a, func(t *testing.T, c *cache.Cache) {
		a.set(func(_ context.Context, r session.Request) (*session.Credentials, error) {
			return a.make(r, 12*time.Hour), nil
		})
		got(t, c, printed)
		time.Sleep(7 * time.Hour)
		want(t, "attempts after half its life", a.count(), 2)
	})
}
