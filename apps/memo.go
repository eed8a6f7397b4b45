package apps

import (
	"crypto/subtle"
	"strings"
	"time"
)

// Memo remembers what was worked out for a connection, so that a program which
// keeps its connection has it worked out once: the hash of the token that came
// last, which is half of what Decide takes, and which app the kernel recognised.
// Whether the token is still good, and what the app may have, is decided each
// time. The zero Memo is ready; a nil one remembers nothing. It is for one
// goroutine at a time, and gone with its connection.
type Memo struct {
	secret string
	sum    [32]byte

	// caller was recognised as a program of app, and of id if the kernel alone
	// did, by what was so in state, until a time.
	caller *Caller
	port   string // the app of the listener
	state  *snapshot
	app    *app
	id     *identity
	until  time.Time
	// holder is a token whose user has the right to it as a member of a group.
	holder *entry
}

// rememberMember remembers that a token's user is a member of a group.
func (m *Memo) rememberMember(s *snapshot, e *entry, now time.Time) {
	if m != nil {
		m.app, m.holder, m.state, m.until = nil, e, s, now.Add(rememberedFor)
	}
}

// isMember returns what rememberMember remembered, as long as nothing has changed.
func (m *Memo) isMember(s *snapshot, e *entry, now time.Time) bool {
	return m != nil && m.holder == e && m.state == s && now.Before(m.until)
}

// remember remembers the app of a caller. What rests on an executable is never
// remembered: a process can run another at any time.
func (m *Memo) remember(s *snapshot, r *Request, a *app, id *identity, f *facts) {
	if m != nil && !f.looked {
		m.caller, m.port, m.state, m.app, m.id, m.until, m.holder = r.Caller, r.App, s, a, id, r.Now.Add(rememberedFor), nil
	}
}

// recognised returns what remember remembered, as long as nothing has changed.
func (m *Memo) recognised(s *snapshot, r *Request) (*identity, *app) {
	if m == nil || m.app == nil || m.state != s || m.caller != r.Caller || m.port != r.App || !r.Now.Before(m.until) {
		return nil, nil
	}
	return m.id, m.app
}

// hash returns the hash of a secret, if it is the one that is remembered. The
// connection may be a relay's, and the next who asks over it somebody else, who
// must not learn how much of a guess was right.
func (m *Memo) hash(secret string) (sum [32]byte, known bool) {
	if m == nil || len(secret) != len(m.secret) || len(secret) == 0 || len(secret) > longest {
		return sum, false
	}
	var was, is [longest]byte
	copy(was[:], m.secret)
	copy(is[:], secret)
	if subtle.ConstantTimeCompare(was[:], is[:]) != 1 {
		return sum, false
	}
	return m.sum, true
}

// keep remembers the hash of a secret, in a copy: net/http's may hold on to a
// header of 16 KiB.
func (m *Memo) keep(secret string, sum [32]byte) {
	if m != nil {
		m.secret, m.sum = strings.Clone(secret), sum
	}
}
