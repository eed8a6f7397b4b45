package apps

import (
	"cmp"
	"time"
)

// Token is one token, without its secret.
type Token struct {
	// ID names it in lists, logs and for Revoke: eight characters of NewID.
	ID string `json:"id"`
	// App is the app that it is good for.
	App string `json:"app"`
	// User is the user it was issued for, or empty: whoever holds it. UID is
	// the user's number when it was issued, by which the kernel knows who
	// presents it; it means nothing without User.
	User string `json:"user,omitempty"`
	UID  uint32 `json:"uid"`
	// Profile is the one profile of a token of the app "cli"; other apps'
	// tokens get their app's current profile, and it is empty.
	Profile string `json:"profile,omitempty"`
	// Path says that its secret is an id in a path, one of NewPathSecret, and good for
	// nothing in a header.
	Path bool `json:"path,omitempty"`
	// Hash is the SHA-256 of the secret.
	Hash [32]byte `json:"-"`
	// Steer says that whoever issued it may steer. Without it the token is
	// one that a user asked for, and good only as long as the user has a
	// live token from somebody who may: of the same app or, for "cli", of
	// an app that has the profile.
	Steer bool `json:"steer,omitempty"`
	// Policy and PolicyARNs, a session.List, narrow the sessions of this
	// token beyond its profile. Only held tokens of the app "cli" have them,
	// so that they are never in a file.
	Policy     string `json:"-"`
	PolicyARNs string `json:"-"`
	// Held says that it lives in memory, as long as the program that it was
	// made for. Hold sets it.
	Held bool `json:"held,omitempty"`
	// Exec says that it was made for a program under exec, which alone gets what
	// is protected. Only held tokens have it.
	Exec bool `json:"-"`
	// Adopted says that its secret is the owner's own, and not one of NewSecret.
	// Adopt sets it.
	Adopted bool `json:"adopted,omitempty"`
	// Rotated is the ID of the token that takes its place, until it ends. Rotate
	// sets it.
	Rotated string `json:"rotated,omitempty"`
	// Issued is when it was issued, and Expires from when on it is refused.
	Issued  time.Time `json:"issued"`
	Expires time.Time `json:"expires"`

	// waits says that a former process held it, and is its end once its program
	// has come back: until then, Expires is soon. See Restore.
	waits time.Time
}

// Narrowed says whether the token has session policies of its own.
func (t Token) Narrowed() bool { return t.Policy != "" || t.PolicyARNs != "" }

// liveAt says whether the token is still good at now.
func (t Token) liveAt(now time.Time) bool { return now.Before(t.Expires) }

// byIssue sorts tokens by age, the oldest first.
func byIssue(a, b Token) int {
	return cmp.Or(a.Issued.Compare(b.Issued), cmp.Compare(a.ID, b.ID))
}
