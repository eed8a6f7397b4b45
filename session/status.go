package session

import "time"

// The states of a session, as its Status shows them.
const (
	Idle     = "idle"     // nothing yet, or lapsed, and nobody is asking
	Asking   = "asking"   // nothing yet, and AWS is being asked
	Live     = "live"     // has credentials
	Renewing = "renewing" // has credentials, and AWS is being asked for the next
	Failing  = "failing"  // has credentials, but renewing them failed last time
	Failed   = "failed"   // has none, and getting some failed last time
)

// Status is one row of the cache: how one session is doing.
type Status struct {
	Request Request
	// State is one of the constants above.
	State string
	// KeyID and Principal are those of the current credentials, or empty.
	KeyID, Principal string
	// Minted and Expires are those of the current credentials; Used is when
	// they, or their predecessors, were last handed out; Next is when AWS
	// will be asked again, if nothing changes. Zero where there is none.
	Minted, Expires, Used, Next time.Time
	// TokenUse is that of the current credentials, -1 if unknown.
	TokenUse int
	// Mints and Failures count attempts since the daemon started.
	Mints, Failures int
	// Last is the failure of the latest attempt, or nil.
	Last *Error
}
