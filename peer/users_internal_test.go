package peer // with a database of its own: the system's is not a test's to break

import (
	"errors"
	"slices"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"
)

// counted is a database that counts how often it is asked.
func counted(now *time.Time, answer func(uid uint32) (string, []string, error)) (*UserCache, *atomic.Int32) {
	c, asked := NewUsers(func() time.Time { return *now }), new(atomic.Int32)
	c.lookup = func(uid uint32) (string, []string, error) { asked.Add(1); return answer(uid) }
	return c, asked
}

func TestUsersAreRememberedForAMinute(t *testing.T) {
	now := time.Unix(1_800_000_000, 0)
	c, asked := counted(&now, func(uint32) (string, []string, error) { return "ann", []string{"staff"}, nil })
	for _, step := range []struct {
		after time.Duration
		want  int32
	}{{0, 1}, {59 * time.Second, 1}, {time.Second, 2}, {time.Second, 2}} {
		now = now.Add(step.after)
		name, groups, err := c.Of(1000)
		if name != "ann" || !slices.Equal(groups, []string{"staff"}) || err != nil || asked.Load() != step.want {
			t.Errorf("Of, %v later: got %q, %q, %v, asked %d times, want ann of staff, asked %d times", step.after, name, groups, err, asked.Load(), step.want)
		}
	}
}

func TestFailuresAreRememberedForSeconds(t *testing.T) {
	now := time.Unix(1_800_000_000, 0)
	broken := errors.New("the directory is down")
	c, asked := counted(&now, func(uint32) (string, []string, error) { return "", nil, broken })
	for _, step := range []struct {
		after time.Duration
		want  int32
	}{{0, 1}, {4 * time.Second, 1}, {time.Second, 2}} {
		now = now.Add(step.after)
		if _, _, err := c.Of(1000); err != broken || asked.Load() != step.want {
			t.Errorf("Of, %v later: got %v, asked %d times, want %v, %d times", step.after, err, asked.Load(), broken, step.want)
		}
	}
}

// A slow database is asked once for a user, and another user does not wait for it.
func TestOneLookupAtATimeForAUser(t *testing.T) {
	now, release := time.Unix(1_800_000_000, 0), make(chan struct{})
	c, asked := counted(&now, func(uid uint32) (string, []string, error) {
		if uid == 1000 {
			<-release
		}
		return "ann", nil, nil
	})
	var all sync.WaitGroup
	for range 20 {
		all.Go(func() {
			if name, _, err := c.Of(1000); name != "ann" || err != nil {
				t.Errorf("Of: got %q, %v, want ann", name, err)
			}
		})
	}
	if name, _, _ := c.Of(1001); name != "ann" {
		t.Errorf("Of another user meanwhile: got %q", name)
	}
	close(release)
	all.Wait()
	if asked.Load() != 2 {
		t.Errorf("asked %d times, want once for each user", asked.Load())
	}
}

// A directory that does not answer costs a program half a second, and not its
// connection; nor does it fill the daemon with lookups.
func TestUsersOfADirectoryThatHangs(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		release := make(chan struct{})
		c := NewUsers(time.Now)
		c.lookup = func(uint32) (string, []string, error) { <-release; return "ann", nil, nil }
		began := time.Now()
		if _, _, err := c.Of(1000); !errors.Is(err, errSlowUsers) || time.Since(began) != lookupPatience {
			t.Errorf("Of: got %v after %v, want %v after %v", err, time.Since(began), errSlowUsers, lookupPatience)
		}
		var all sync.WaitGroup
		for uid := range uint32(2 * mostLookups) {
			all.Go(func() { _, _, _ = c.Of(2000 + uid) })
		}
		all.Wait()
		if c.asking != mostLookups {
			t.Errorf("got %d lookups under way, want %d", c.asking, mostLookups)
		}
		close(release)
		synctest.Wait()
		if name, _, err := c.Of(1000); name != "ann" || err != nil {
			t.Errorf("Of, once there is an answer: got %q, %v, want ann", name, err)
		}
	})
}

// One person with a user namespace cannot make us remember 65,536 users.
func TestUsersAreBounded(t *testing.T) {
	now := time.Unix(1_800_000_000, 0)
	c, _ := counted(&now, func(uint32) (string, []string, error) { return "ann", nil, nil })
	for uid := range uint32(mostKept + 100) {
		_, _, _ = c.Of(100_000 + uid)
	}
	if len(c.users) > mostKept {
		t.Errorf("got %d users remembered, want %d at most", len(c.users), mostKept)
	}
	now = now.Add(time.Hour)
	if _, _, _ = c.Of(1); len(c.users) != 1 {
		t.Errorf("an hour later: got %d users remembered, want those that are over to be gone", len(c.users))
	}
}
