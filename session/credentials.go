package session

import (
	"fmt"
	"io"
	"log/slog"
	"sync/atomic"
	"time"
)

// Redacted stands where a secret would be, in every form of printing.
const Redacted = "[redacted]"

// Credentials are one set that AWS gave for a session. They are immutable:
// renewing a session makes new ones. The secret key and the session token are
// held behind a func, where neither fmt nor JSON nor a debugger's dump of the
// struct finds them; only Reveal gives them out.
type Credentials struct {
	// KeyID is the access key id. It is not a secret: CloudTrail shows it,
	// and the audit log names it.
	KeyID string
	// Expires is when AWS stops accepting them, by AWS's clock. It is never
	// later than what AWS said.
	Expires time.Time
	// Minted is when they were received, by our clock, with its monotonic
	// reading.
	Minted time.Time
	// Life is how long they were good for when they were minted: what AWS
	// said, and at most what was asked for.
	Life time.Duration
	// Skew is AWS's clock minus ours when they were minted, as far as AWS's
	// Date header told; zero if it did not.
	Skew time.Duration
	// RoleARN is the role asked for, or empty.
	RoleARN string
	// Principal is the ARN that AWS knows the session by, such as
	// arn:aws:sts::123456789012:assumed-role/Role/name, or empty.
	Principal string
	// AccountID is the twelve digits of the account, or empty.
	AccountID string
	// Region is the region that programs are told.
	Region string
	// TokenUse is how much of the session token's size limit is used, in
	// percent, or -1 where AWS did not say.
	TokenUse int

	reveal         func() (secret, token string)
	body, metadata atomic.Pointer[[]byte]
}

// NewCredentials returns credentials with their secrets. The caller fills in
// the other fields before it shares them; from then on nothing may change.
// Expires is cut to whole seconds, which is all that programs are told: in the
// rest of that second they would be handed what has expired by its own words.
func NewCredentials(keyID, secret, token string, expires time.Time) *Credentials {
	return &Credentials{
		KeyID: keyID, Expires: expires.Truncate(time.Second), TokenUse: -1,
		reveal: func() (string, string) { return secret, token },
	}
}

// Reveal returns the secret access key and the session token. Whoever calls it
// writes them to the caller who may have them and nowhere else.
func (c *Credentials) Reveal() (secret, token string) {
	if c == nil || c.reveal == nil {
		return "", ""
	}
	return c.reveal()
}

// Left returns how long the credentials are still good at now, at most Life:
// the smaller of what the wall clock, corrected by Skew, and the monotonic
// clock leave. A clock that was set back does not revive dead keys, and one
// that stood still in a laptop's sleep does not keep them alive.
func (c *Credentials) Left(now time.Time) time.Duration {
	byWall := c.Expires.Sub(now.Round(0).Add(c.Skew))
	// Below zero for a reader of the clock whom the minting overtook, and,
	// where a monotonic reading is missing, for a clock set back.
	age := max(0, now.Sub(c.Minted))
	return min(byWall, c.Life-age)
}

// Body returns the form in which a server hands the credentials out, calling
// render the first time and keeping what it returned. Callers must not change
// it. Those that race to be the first may each call render, which returns the
// same for the same credentials.
func (c *Credentials) Body(render func(*Credentials) []byte) []byte {
	return c.kept(&c.body, render)
}

// MetadataBody is Body for the form of EC2's metadata.
func (c *Credentials) MetadataBody(render func(*Credentials) []byte) []byte {
	return c.kept(&c.metadata, render)
}

func (c *Credentials) kept(in *atomic.Pointer[[]byte], render func(*Credentials) []byte) []byte {
	if b := in.Load(); b != nil {
		return *b
	}
	b := render(c)
	in.Store(&b)
	return b
}

// String returns the key id and the expiry, and no secret.
func (c *Credentials) String() string {
	if c == nil {
		return "no credentials"
	}
	return fmt.Sprintf("credentials %s until %s %s", c.KeyID, c.Expires.UTC().Format(time.RFC3339), Redacted)
}

// Format prints String for every verb, so that %+v and %#v show no more.
func (c *Credentials) Format(f fmt.State, _ rune) { _, _ = io.WriteString(f, c.String()) }

// GoString returns String.
func (c *Credentials) GoString() string { return c.String() }

// LogValue returns String.
func (c *Credentials) LogValue() slog.Value { return slog.StringValue(c.String()) }

// MarshalText returns String; with it JSON, XML and TOML encoders print no
// secret either.
func (c *Credentials) MarshalText() ([]byte, error) { return []byte(c.String()), nil }
