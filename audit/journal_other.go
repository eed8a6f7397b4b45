//go:build !linux

package audit

import (
	"errors"
	"io"

	"github.com/vendord/vendord/session"
)

// OpenJournal fails: there is no such journal here.
func OpenJournal(string) (io.WriteCloser, error) {
	return nil, &session.Error{Class: session.Configuration, Public: "audit journal: this system has none",
		Hint: "set journal = false in [audit], and file", Err: errors.ErrUnsupported}
}
