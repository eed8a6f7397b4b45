package cache_test

import (
	"context"
	"fmt"
	"testing"
	"time"

	"github.com/vendord/vendord/cache"
	"github.com/vendord/vendord/session"
)

// What a hundred profiles in steady use cost: each is asked for every five minutes
// for twelve hours. AWS lets an account ask STS 600 times a second.
func TestCallsOfAHundredProfiles(t *testing.T) {
	mfa := session.Request{Operation: session.GetSessionToken, MFASerial: "arn:aws:iam::123456789012:mfa/john",
		Source: session.Source{Name: "john"}, Duration: 12 * time.Hour}
	rows := []struct {
		name    string
		request func(i int) session.Request
		most    float64 // calls an hour
	}{
		{"a role each, of an hour", func(i int) session.Request { return role(fmt.Sprint("Role", i)) }, 230},
		{"a role each, of twelve hours", func(i int) session.Request {
			r := role(fmt.Sprint("Role", i))
			r.Duration = 12 * time.Hour
			return r
		}, 26},
		{"one session shared by all", func(int) session.Request { return role("Shared") }, 2.3},
		{"one MFA session, a role each behind it", func(i int) session.Request { return child(fmt.Sprint("Role", i), mfa) }, 230},
		{"one role, a role each behind it", func(i int) session.Request { return child(fmt.Sprint("Role", i), role("Hub")) }, 232},
		{"a role each, and a scope of it", func(i int) session.Request {
			scoped := child(fmt.Sprint("Role", i), role(fmt.Sprint("Role", i)))
			scoped.Operation, scoped.Duration = session.GetScopedCredentials, 0
			return scoped
		}, 560},
	}
	for _, row := range rows {
		t.Run(row.name, func(t *testing.T) {
			a := &aws{latency: 200 * time.Millisecond}
			story(t, a, func(t *testing.T, c *cache.Cache) {
				a.set(func(ctx context.Context, r session.Request) (*session.Credentials, error) {
					life := r.Duration
					if r.Parent != "" {
						parent, err := session.ParseRequest(r.Parent)
						if err != nil {
							return nil, err
						}
						of, err := c.Get(ctx, parent.Key(), 5*time.Second)
						if err != nil {
							return nil, err
						}
						if life == 0 {
							life = of.Left(a.now())
						}
					}
					return a.make(r, life), nil
				})
				const hours = 12
				for range hours * 12 {
					for i := range 100 {
						if got := got(t, c, row.request(i)); got[0] == '[' {
							t.Fatalf("profile %d: got %s, want credentials", i, got)
						}
					}
					time.Sleep(5 * time.Minute)
				}
				perHour := float64(a.count()) / hours
				t.Logf("%d calls in %d hours: %.1f an hour", a.count(), hours, perHour)
				if perHour > row.most {
					t.Errorf("calls an hour: got %.1f, want at most %.1f", perHour, row.most)
				}
			})
		})
	}
}
