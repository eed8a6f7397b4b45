package cache_test

import (
	"testing"
	"time"

	"github.com/vendord/vendord/cache"
	"github.com/vendord/vendord/session"
)

func TestRenew(t *testing.T) {
	r := role("Careful")
	renew := func(t *testing.T, c *cache.Cache) (string, error) {
		t.Helper()
		creds, err := c.Renew(t.Context(), r.Key(), patience)
		if err != nil {
			return "", err
		}
		return creds.KeyID, nil
	}
	t.Run("what is fresh is asked for all the same", func(t *testing.T) {
		story(t, &aws{}, func(t *testing.T, c *cache.Cache) {
			want(t, "key", got(t, c, r), "ASIA0001")
			time.Sleep(time.Minute)
			key, err := renew(t, c)
			want(t, "renewed", key, "ASIA0002")
			want(t, "error", err, nil)
			want(t, "key", got(t, c, r), "ASIA0002")
		})
	})
	t.Run("what fails leaves what lives", func(t *testing.T) {
		a := &aws{}
		story(t, a, func(t *testing.T, c *cache.Cache) {
			want(t, "key", got(t, c, r), "ASIA0001")
			a.set(fails(session.Person))
			if _, err := renew(t, c); session.AsError(err) == nil || session.AsError(err).Class != session.Person {
				t.Errorf("Renew: got %v, want an error of class person", err)
			}
			want(t, "key", got(t, c, r), "ASIA0001")
		})
	})
	t.Run("a remembered failure does not count", func(t *testing.T) {
		a := &aws{}
		a.set(fails(session.Person))
		story(t, a, func(t *testing.T, c *cache.Cache) {
			_, err := c.Get(t.Context(), r.Key(), patience)
			want(t, "class", session.AsError(err).Class, session.Person)
			a.set(nil)
			_, err = renew(t, c)
			want(t, "error", err, nil)
		})
	})
	t.Run("patience has an end", func(t *testing.T) {
		a := &aws{latency: 10 * time.Second}
		story(t, a, func(t *testing.T, c *cache.Cache) {
			_, err := renew(t, c)
			want(t, "error", err.Error(), "role "+r.RoleARN+": still asking AWS")
		})
	})
}
