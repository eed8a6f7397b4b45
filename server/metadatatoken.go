package server

import (
	"crypto/hmac"
	"crypto/sha256"
	"encoding/base64"
	"encoding/binary"
	"hash"
	"sync"
	"time"
)

// longestSession is EC2's own bound.
const longestSession = 6 * time.Hour

// holder is who a session token is good for.
type holder struct {
	uid uint32
	app string // the listener's
}

// sessions makes session tokens and knows them again. It keeps none: a token is the time
// at which it ends and a MAC over that and its holder, who is not in it. So it goes over
// a restart, costs no memory, and is as good as none in other hands.
type sessions struct {
	sealers sync.Pool // of *sealer
}

// What a session token is made of: a version, the end in milliseconds, the MAC. In
// base64 it is as long as EC2's own, 56 characters.
const (
	sessionHead = 2 + 8
	sessionRaw  = sessionHead + sha256.Size
	sessionText = sessionRaw / 3 * 4
	// sessionVersion tells this MAC from others under the same key.
	sessionVersion = 1
	sessionPurpose = "vendord metadata session token\x00"
)

var sessionForm = base64.RawURLEncoding.Strict()

// newSessions returns sessions of a key.
func newSessions(key []byte) *sessions {
	return &sessions{sealers: sync.Pool{New: func() any { return &sealer{mac: hmac.New(sha256.New, key)} }}}
}

// sealer is what it takes to make one MAC, without garbage.
type sealer struct {
	mac  hash.Hash
	said []byte
	raw  [sessionRaw]byte
	sum  [sha256.Size]byte
}

// seal computes the MAC over the head of raw and a holder.
func (s *sealer) seal(of holder) []byte {
	s.mac.Reset()
	s.said = append(s.said[:0], sessionPurpose...)
	s.said = append(s.said, s.raw[:sessionHead]...)
	s.said = binary.BigEndian.AppendUint32(s.said, of.uid)
	s.said = append(s.said, of.app...) // the only part without a length, and so the last
	s.mac.Write(s.said)
	return s.mac.Sum(s.sum[:0])
}

// issue makes a session token.
func (s *sessions) issue(of holder, ends time.Time) string {
	by := s.sealers.Get().(*sealer)
	defer s.sealers.Put(by)
	binary.BigEndian.PutUint16(by.raw[:], sessionVersion)
	binary.BigEndian.PutUint64(by.raw[2:], uint64(ends.UnixMilli()))
	copy(by.raw[sessionHead:], by.seal(of))
	return sessionForm.EncodeToString(by.raw[:])
}

// left returns how much longer a session token is good, 0 if it is not. One that would
// live longer than any may was made before the clock was set back.
func (s *sessions) left(of holder, token string, now time.Time) time.Duration {
	if len(token) != sessionText {
		return 0
	}
	by := s.sealers.Get().(*sealer)
	defer s.sealers.Put(by)
	by.said = append(by.said[:0], token...)
	// base64 skips line breaks: with one in it, it is too short.
	n, err := sessionForm.Decode(by.raw[:], by.said)
	if err != nil || n != sessionRaw || binary.BigEndian.Uint16(by.raw[:]) != sessionVersion || !hmac.Equal(by.raw[sessionHead:], by.seal(of)) {
		return 0
	}
	left := time.UnixMilli(int64(binary.BigEndian.Uint64(by.raw[2:]))).Sub(now)
	if left > longestSession {
		return 0
	}
	return max(0, left)
}
