package audit

import (
	"encoding/json"
	"time"
)

// Event is one decision: who asked, what for, what they got or why not. Its
// JSON form has the keys of a line.
type Event struct {
	// Time is when the request came in.
	Time time.Time `json:"time"`
	// ID is the request's number since the daemon started. Record sets it.
	ID uint64 `json:"id"`
	// Path is the path as it was asked for, cut to 200 bytes.
	Path string `json:"path,omitempty"`
	// Endpoint is where it was asked for: loopback, ecs, eks or imds; Listen is the
	// address and port of one that is an app's own. Older lines have neither.
	Endpoint string `json:"endpoint,omitempty"`
	Listen   string `json:"listen,omitempty"`
	// App and User are who asked, How says how they were recognised, and
	// TokenID by which token. All are empty for a stranger.
	App  string `json:"app,omitempty"`
	How  string `json:"how,omitempty"`
	User string `json:"user,omitempty"`
	// UID is the number of the user whose connection it was, by the kernel's
	// word; empty where that is not known. It is User's, or the request is
	// refused.
	UID     json.Number `json:"uid,omitempty"`
	TokenID string      `json:"token,omitempty"`
	// PID and Exe are a process that held the connection, and Unit and Container
	// what its control group belongs to, as far as they are known. Nothing was
	// decided by PID and Exe unless How says so.
	PID       int    `json:"pid,omitempty"`
	Exe       string `json:"exe,omitempty"`
	Unit      string `json:"unit,omitempty"`
	Container string `json:"container,omitempty"`
	// From is the address of a caller without a UID.
	From string `json:"from,omitempty"`
	// Narrowed says that the token has session policies of its own, beyond
	// the profile's.
	Narrowed bool `json:"narrowed,omitempty"`
	// Profile is what they asked for, RoleARN and SessionName what it means
	// to AWS.
	Profile     string `json:"profile,omitempty"`
	RoleARN     string `json:"role,omitempty"`
	SessionName string `json:"session,omitempty"`
	// KeyID is the access key id handed out, by which CloudTrail knows what
	// was done with it; empty for a refusal. Expires is when it ends, and
	// Minted tells whether AWS was asked for it in this request.
	KeyID   string    `json:"key,omitempty"`
	Expires time.Time `json:"expires,omitzero"`
	Minted  bool      `json:"minted"`
	// Status is the HTTP status; whatever is not 200 is a refusal. Code,
	// Message and Hint say why.
	Status  int    `json:"status"`
	Code    string `json:"code,omitempty"`
	Message string `json:"message,omitempty"`
	Hint    string `json:"hint,omitempty"`
	// Near says for the owner, and never for the caller, which rule nearly let a
	// refused caller through, and what about the caller is different.
	Near string `json:"near,omitempty"`
	// Unrecorded is how many refusals of the same caller since the last one
	// here have no line of their own: there were too many.
	Unrecorded uint64 `json:"unrecorded,omitempty"`
	// Agent is the User-Agent, cut to 200 bytes. It proves nothing.
	Agent string `json:"agent,omitempty"`
}
