package session

import (
	"errors"
	"fmt"
)

// Class says what kind of failure an Error is, and with that who can mend it
// and when it is worth trying again. server maps a Class to an HTTP status,
// cache to the time for which a failure is remembered.
type Class int

// The classes, from the caller's fault to AWS's.
const (
	// Unrecognised: nobody knows who is asking. Never remembered.
	Unrecognised Class = iota + 1
	// Refused: the caller is known and may not have this. Never remembered.
	Refused
	// Limited: asked too often. Never remembered.
	Limited
	// Configuration: AWS will refuse until vendord.toml, or an SDK's file,
	// changes. Tried again after minutes, or a reload.
	Configuration
	// Person: somebody has to log in, or mend keys. Tried again after
	// minutes, or a reload.
	Person
	// Administrator: AWS denies what an administrator of the account can
	// allow. Remembered for a minute and more.
	Administrator
	// Retry: AWS or the network, or a source, has a bad day. Tried again
	// after seconds.
	Retry
)

var classNames = [...]string{Unrecognised: "unrecognised", Refused: "refused", Limited: "limited",
	Configuration: "configuration", Person: "person", Administrator: "administrator", Retry: "retry"}

// String returns the class as one lower-case word.
func (c Class) String() string {
	if c < Unrecognised || c > Retry {
		return "unknown"
	}
	return classNames[c]
}

// MarshalText makes a class readable in JSON.
func (c Class) MarshalText() ([]byte, error) { return []byte(c.String()), nil }

// UnmarshalText reads what MarshalText wrote of one of the classes; "unknown"
// is none.
func (c *Class) UnmarshalText(text []byte) error {
	for i, name := range classNames {
		if name != "" && name == string(text) {
			*c = Class(i)
			return nil
		}
	}
	return fmt.Errorf("error class %q: unknown", text)
}

// Error is a failure in the words of whoever meets it: the person at the
// terminal, the log, or the user of another program's SDK, which prints it.
type Error struct {
	// Class says who can mend it.
	Class Class `json:"class"`
	// Code is AWS's own error code, such as "AccessDenied", or empty where
	// the failure did not come from AWS.
	Code string `json:"code,omitempty"`
	// Public is one line, "subject: problem", without secrets, at most
	// about 150 characters: SDKs cut what is longer.
	Public string `json:"message"`
	// Hint is one line that says what to do, or empty.
	Hint string `json:"hint,omitempty"`
	// Err is the cause, for the log. It never crosses a socket.
	Err error `json:"-"`
}

// Error returns the public line.
func (e *Error) Error() string { return e.Public }

// Unwrap returns the cause.
func (e *Error) Unwrap() error { return e.Err }

// AsError returns the Error in err's chain, or wraps err as one of class
// Retry: an unknown failure is never taken for a refusal. It returns nil for
// nil, also for the nil *Error that a careless return makes an error of.
func AsError(err error) *Error {
	if err == nil {
		return nil
	}
	if e, ok := errors.AsType[*Error](err); ok {
		return e
	}
	return &Error{Class: Retry, Public: err.Error(), Err: err}
}
