package control

import (
	"math"
	"os"
	"sync"
)

// How many connections there may be. A user without Steer has at most perUser,
// and all such users together at most shared; the rest of total is for those
// who steer, so that nobody can keep the owner from a daemon by connecting to
// it. The owner has no limit of their own: a build may run `vendord exec` a
// hundred times at once, and each holds a connection.
//
// Whether somebody steers is known only once their names are. Until then they
// count as if they did not, but may use all of total except kept: that is for
// root, for the daemon's own user, and for users who steered when they were
// here last.
const (
	perUser = 64
	shared  = 192
	total   = 256
	kept    = 32
)

// nobody is the number under which callers who are not known are counted
// together. It is no user's: the kernel reserves it as "none".
const nobody = math.MaxUint32

// standing is what is known of a connection's rights.
type standing int

const (
	unsettled standing = iota
	ordinary           // without Steer
	steering
)

// places counts connections.
type places struct {
	mu     sync.Mutex      // guards the rest
	byUser map[uint32]int  // uid → connections that are not steering
	sum    [3]int          // by standing
	trusts map[uint32]bool // users who count as steering before they are known to; it gives no rights
}

func newPlaces() *places {
	return &places{byUser: make(map[uint32]int), trusts: map[uint32]bool{0: true, uint32(os.Geteuid()): true}}
}

// place is what one connection takes up.
type place struct {
	in   *places
	uid  uint32
	as   standing
	gone bool // given back; guarded, like as, by in.mu
}

// enter takes a place for a connection of a user.
func (p *places) enter(uid uint32) (*place, bool) {
	p.mu.Lock()
	defer p.mu.Unlock()
	one := &place{in: p, uid: uid}
	if p.trusts[uid] {
		one.as = steering
	}
	if !p.roomLocked(uid, one.as) {
		return nil, false
	}
	p.countLocked(one, 1)
	return one, true
}

// settle says whether a connection's user steers. If there is no room for it as
// what it is, the place is given back.
func (one *place) settle(steers bool) bool {
	p := one.in
	p.mu.Lock()
	defer p.mu.Unlock()
	if one.gone {
		return false
	}
	p.countLocked(one, -1)
	one.as = ordinary
	delete(p.trusts, one.uid)
	if steers {
		one.as, p.trusts[one.uid] = steering, true
	}
	if !p.roomLocked(one.uid, one.as) {
		one.gone = true
		return false
	}
	p.countLocked(one, 1)
	return true
}

// leave gives a place back. It may be called more than once.
func (one *place) leave() {
	one.in.mu.Lock()
	defer one.in.mu.Unlock()
	if !one.gone {
		one.gone = true
		one.in.countLocked(one, -1)
	}
}

// roomLocked reports whether there is room for one more connection.
func (p *places) roomLocked(uid uint32, as standing) bool {
	others := p.sum[unsettled] + p.sum[ordinary]
	switch {
	case others+p.sum[steering] >= total:
		return false
	case as == steering:
		return true
	case p.byUser[uid] >= perUser:
		return false
	case as == ordinary:
		return p.sum[ordinary] < shared
	}
	return others < total-kept
}

func (p *places) countLocked(one *place, n int) {
	p.sum[one.as] += n
	if one.as == steering {
		return
	}
	if p.byUser[one.uid] += n; p.byUser[one.uid] == 0 {
		delete(p.byUser, one.uid) // or every uid that ever came stays
	}
}
