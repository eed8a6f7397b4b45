package peer_test

import (
	"errors"
	"strconv"
	"testing"
	"time"

	"github.com/vendord/vendord/peer"
)

// A user who opens connection after connection, each to be looked for among all
// processes, pays for that, and nobody else does.
func TestAUserWhoAsksAllDay(t *testing.T) {
	needRoot(t, "be two users")
	s := newStage(t)
	_, greedy := s.connected(userOf(20001))
	_, modest := s.connected(userOf(20002))
	now := time.Unix(1_800_000_000, 0)
	holders, charged := peer.CostlyHolders(func() time.Time { return now }, 50*time.Millisecond)
	granted := func(c *peer.Client, asked int) (n int) {
		for range asked {
			switch err := holders(c.Socket, c.Still); {
			case err == nil:
				n++
			case !errors.Is(err, peer.ErrBusy) || err.Error() != "too much asked at once":
				t.Fatalf("Processes: got %v, want ErrBusy", err)
			}
		}
		return n
	}
	for _, step := range []struct {
		name  string
		after time.Duration
		of    *peer.Client
		asked int
		want  int
	}{
		{"two seconds' worth at once", 0, greedy, 100, 21},
		{"none right after it", 0, greedy, 10, 0},
		{"another user, all the same", 0, modest, 10, 10},
		{"a fifth of the time from then on", 5 * time.Second, greedy, 100, 10},
		{"and no more than that after a day", 24 * time.Hour, greedy, 100, 21},
	} {
		now = now.Add(step.after)
		if got := granted(step.of, step.asked); got != step.want {
			t.Errorf("%s: got %d of %d, want %d", step.name, got, step.asked, step.want)
		}
	}
	if got, want := charged(), 2*(21+10+10+21); got != want {
		t.Errorf("got %d looks at all processes and at those found, want %d, none for those who are refused", got, want)
	}
}

// Who opens files by the ten thousand makes each look at all processes longer for
// everybody, and has nobody else pay so much for it that they are refused.
func TestAUserWithManyOpenFiles(t *testing.T) {
	needRoot(t, "be two users")
	const each, processes = 19_000, 12
	raiseOpenFiles(t, each)
	s := newStage(t)
	for range processes {
		puppetAs(t, userOf(20001)).do("open-many", strconv.Itoa(each))
	}
	p, modest := s.connected(userOf(20002))
	for n := range 12 {
		found, err := modest.Processes()
		if err != nil {
			t.Fatalf("Processes, the %dth time: %v", n+1, err)
		}
		expect(t, "Processes", described(found), holder(p.PID, 20002))
	}
}
