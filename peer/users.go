package peer

import (
	"errors"
	"fmt"
	"maps"
	"os/user"
	"strconv"
	"sync"
	"time"
)

// UserCache remembers what the system's user database says of users: it can be a
// directory on the network, and a program must not wait for it at each request.
// What changes there is seen within a minute. Its methods may be called at the
// same time.
type UserCache struct {
	now    func() time.Time
	lookup func(uid uint32) (name string, groups []string, err error)

	mu     sync.Mutex
	users  map[uint32]*userEntry
	asking int // lookups that are under way
}

// userEntry is one user, or the lookup of one that is under way.
type userEntry struct {
	done   chan struct{} // closed when the rest is there
	until  time.Time
	name   string
	groups []string
	err    error
}

const (
	userFor    = time.Minute
	failureFor = 5 * time.Second
	// mostKept bounds them: with a user namespace, one person has 65,536 users.
	mostKept = 4_096
	// lookupPatience is less than a program waits for its credentials.
	lookupPatience = 500 * time.Millisecond
	// mostLookups bounds those of a directory that does not answer.
	mostLookups = 64
)

var errSlowUsers = errors.New("the user database does not answer")

// NewUsers returns an empty UserCache with a clock, by default time.Now.
func NewUsers(now func() time.Time) *UserCache {
	if now == nil {
		now = time.Now
	}
	return &UserCache{now: now, lookup: lookupUser, users: map[uint32]*userEntry{}}
}

// Of returns a user's name and the names of its groups, the primary one first, all
// written as in Peer. A user without an entry is "#1234", has no groups, and is no
// error. The groups must not be changed.
//
// It waits for a lookup for half a second at most, since whoever asks has a program
// waiting; one that takes longer goes on, and its answer is there for the next who
// asks. A failure is told again for five seconds.
func (c *UserCache) Of(uid uint32) (name string, groups []string, err error) {
	e, err := c.entry(uid)
	if err != nil {
		return "", nil, err
	}
	select {
	case <-e.done: // mostly
		return e.name, e.groups, e.err
	default:
	}
	patience := time.NewTimer(lookupPatience)
	defer patience.Stop()
	select {
	case <-e.done:
		return e.name, e.groups, e.err
	case <-patience.C:
		return "", nil, fmt.Errorf("looking up user %d: %w", uid, errSlowUsers)
	}
}

// entry returns a user's entry, whose lookup may be under way.
func (c *UserCache) entry(uid uint32) (*userEntry, error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if e, ok := c.users[uid]; ok && !e.over(c.now()) {
		return e, nil
	}
	if c.asking >= mostLookups {
		return nil, fmt.Errorf("looking up user %d: %w", uid, errSlowUsers)
	}
	c.asking++
	e := &userEntry{done: make(chan struct{})}
	c.makeRoom()
	c.users[uid] = e
	go c.fill(e, uid)
	return e, nil
}

// fill asks for a user.
func (c *UserCache) fill(e *userEntry, uid uint32) {
	e.name, e.groups, e.err = c.lookup(uid)
	kept := userFor
	if e.err != nil {
		kept = failureFor
	}
	e.until = c.now().Add(kept)
	c.mu.Lock()
	c.asking--
	c.mu.Unlock()
	close(e.done)
}

// over reports whether a user has to be looked up again.
func (e *userEntry) over(now time.Time) bool {
	select {
	case <-e.done:
		return !now.Before(e.until)
	default:
		return false
	}
}

// makeRoom drops what is over, and then whatever comes first.
func (c *UserCache) makeRoom() {
	if len(c.users) < mostKept {
		return
	}
	now := c.now()
	maps.DeleteFunc(c.users, func(_ uint32, e *userEntry) bool { return e.over(now) })
	for uid := range c.users {
		if len(c.users) < mostKept {
			return
		}
		delete(c.users, uid)
	}
}

// lookupUser asks the system's user database.
func lookupUser(uid uint32) (string, []string, error) {
	number := strconv.FormatUint(uint64(uid), 10)
	u, err := user.LookupId(number)
	if _, unknown := errors.AsType[user.UnknownUserIdError](err); unknown {
		return "#" + number, nil, nil
	}
	if err != nil {
		return "", nil, fmt.Errorf("looking up user %d: %w", uid, err)
	}
	gids, err := u.GroupIds()
	if err != nil {
		return "", nil, fmt.Errorf("looking up the groups of user %d: %w", uid, err)
	}
	var groups []string
	for i, gid := range gids {
		id, err := strconv.ParseUint(gid, 10, 32)
		if err == nil && id != overflowID && (i == 0 || gid != gids[0]) {
			groups = append(groups, name(uint32(id), groupName))
		}
	}
	return name(uid, func(string) (string, error) { return u.Username, nil }), groups, nil
}
