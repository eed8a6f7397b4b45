package login

import (
	"encoding/json"
	"errors"
	"strings"
	"time"

	"github.com/vendord/vendord/session"
)

// secret is text that no way of printing shows: fmt prints a func's address, and
// encoders refuse one.
type secret func() string

func hide(text string) secret { return func() string { return text } }

// text returns the secret, or "" for none.
func (s secret) text() string {
	if s == nil {
		return ""
	}
	return s()
}

// token is what somebody who signed in was given. It is immutable.
type token struct {
	access  secret
	refresh secret // nil: it cannot be renewed
	expires time.Time
	client  registration // that it was given to, and that alone can renew it

	born time.Time // when AWS gave it, with the monotonic clock; zero if another process was given it
	life time.Duration

	spent bool // AWS does not take it any more
}

// left returns how long it is still good: by the wall clock, and by the other. A
// clock that was ahead and is set right would have it live for a day, all of which
// AWS refuses it.
func (t *token) left(now time.Time) time.Duration {
	if t.spent {
		return 0
	}
	left := t.expires.Sub(now)
	if !t.born.IsZero() {
		left = min(left, t.life-time.Since(t.born))
	}
	return left
}

// record is a token in a store, in the names of the AWS CLI's cache: its file is
// exactly this without the rest. Files of ours have more fields (see keptFile).
type record struct {
	StartURL     string `json:"startUrl"`
	Region       string `json:"region"`
	AccessToken  string `json:"accessToken"`
	ExpiresAt    string `json:"expiresAt"`
	ClientID     string `json:"clientId,omitempty"`
	ClientSecret string `json:"clientSecret,omitempty"`
	// RegistrationExpiresAt ends the client, and with it the refresh token.
	RegistrationExpiresAt string `json:"registrationExpiresAt,omitempty"`
	RefreshToken          string `json:"refreshToken,omitempty"`
}

func (t *token) record(s session.SignIn) record {
	r := record{StartURL: s.StartURL, Region: s.Region, AccessToken: t.access.text(), ExpiresAt: stamp(t.expires),
		ClientID: t.client.id, ClientSecret: t.client.secret.text(), RefreshToken: t.refresh.text()}
	if !t.client.expires.IsZero() {
		r.RegistrationExpiresAt = stamp(t.client.expires)
	}
	return r
}

var errNoToken = errors.New("no whole token in it")

// tokenText reports whether a text can be a token, a code, or the id of a client:
// nothing that could end a header or a line.
func tokenText(text string) bool {
	return text != "" && len(text) <= 16<<10 && !strings.ContainsFunc(text, func(r rune) bool { return r <= ' ' || r > '~' })
}

// parseRecord reads a token. The stores can hold anything: the AWS CLI's is
// written by many tools, and read as its readers read it: unknown fields are left
// alone, times may be of any zone.
func parseRecord(text []byte) (*token, error) {
	var r record
	if err := json.Unmarshal(text, &r); err != nil {
		return nil, errors.New("not JSON of the form expected")
	}
	return r.token()
}

func (r record) token() (*token, error) {
	expires, err := parseStamp(r.ExpiresAt)
	if err != nil || !tokenText(r.AccessToken) {
		return nil, errNoToken
	}
	t := &token{access: hide(r.AccessToken), expires: expires}
	// A refresh token is of no use without the client that it belongs to.
	until, err := parseStamp(r.RegistrationExpiresAt)
	if err == nil && tokenText(r.RefreshToken) && tokenText(r.ClientID) && tokenText(r.ClientSecret) {
		t.refresh = hide(r.RefreshToken)
		t.client = registration{id: r.ClientID, secret: hide(r.ClientSecret), expires: until}
	}
	return t, nil
}

// stamp is the form of the AWS CLI: UTC, whole seconds.
func stamp(at time.Time) string { return at.UTC().Format("2006-01-02T15:04:05Z") }

// parseStamp also reads what older tools write, "UTC" for "Z". Times that cannot
// be written again are none: RFC 3339 has years of four digits, and encoding/json
// knows no zone of 24 hours, which time.Parse takes.
func parseStamp(text string) (time.Time, error) {
	at, err := time.Parse(time.RFC3339, text)
	if err != nil {
		at, err = time.Parse("2006-01-02T15:04:05UTC", text)
	}
	if at = at.UTC(); err == nil && at.Year() > 9999 {
		err = errNoToken
	}
	return at, err
}

// renewable reports whether the entry's token can be renewed without a person.
func (e *entry) renewable(now time.Time) bool {
	return e.token != nil && e.token.refresh != nil && !e.refused && now.Before(e.token.client.expires)
}
