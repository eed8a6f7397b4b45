package apps

import (
	"crypto/subtle"
	"strings"
)

// Memo remembers the hash of the token that came last over a connection, so that
// a program which keeps its connection has it worked out once: that is half of
// what Decide takes. Whether the token is still good is decided each time. The
// zero Memo is ready; a nil one remembers nothing. It is for one goroutine at a
// time, and gone with its connection.
type Memo struct {
	secret string
	sum    [32]byte
}

// hash returns the hash of a secret, if it is the one that is remembered. The
// connection may be a relay's, and the next who asks over it somebody else, who
// must not learn how much of a guess was right.
func (m *Memo) hash(secret string) (sum [32]byte, known bool) {
	if m == nil || len(secret) != secretLen || len(m.secret) != secretLen {
		return sum, false
	}
	var was, is [secretLen]byte
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
