// Package keyring keeps secrets in the operating system's keyring: the Secret
// Service on Linux (gnome-keyring, KWallet), the Keychain on macOS, the Credential
// Manager on Windows.
//
// It never waits longer than its caller's context or five seconds. A locked keyring
// asks its person for a password, and a library that is asked to read it waits until
// they have typed one; here it is ErrLocked, at once where that can be told. Where
// there is no session bus none is started: that is ErrAbsent. Every error is a
// *session.Error, and holds no secret.
//
// Everything is kept under the service name "vendord", by name. What a keyring is
// worth: any program of the same person can read what is unlocked.
package keyring

import (
	"context"
	"errors"
	"strings"
	"time"

	lib "github.com/zalando/go-keyring"

	"github.com/vendord/vendord/session"
)

// service is what all entries belong to.
const service = "vendord"

// patience is the most that any call takes.
const patience = 5 * time.Second

// What a keyring fails with. Find them with errors.Is.
var (
	ErrNotFound = errors.New("there is no such entry")
	ErrLocked   = errors.New("the keyring is locked")
	ErrAbsent   = errors.New("there is no keyring")
)

// Keyring is the operating system's. It is safe for concurrent use.
type Keyring struct {
	get    func(service, name string) (string, error)
	set    func(service, name, secret string) error
	delete func(service, name string) error
	ready  func(context.Context) error
	// turn is for one call at a time. One that never comes back keeps it, so that
	// a keyring that hangs costs one goroutine, however many ask.
	turn chan struct{}
}

// New returns the keyring of whoever runs this program. Nothing is asked yet.
func New() *Keyring {
	return &Keyring{get: lib.Get, set: lib.Set, delete: lib.Delete, ready: ready, turn: make(chan struct{}, 1)}
}

// Get returns an entry. The error is a *session.Error around one of the above, or of
// class Retry.
func (k *Keyring) Get(ctx context.Context, name string) (string, error) {
	var secret string
	err := k.do(ctx, name, func() (err error) {
		secret, err = k.get(service, name)
		return err
	})
	if err != nil {
		return "", err // secret may still be written to
	}
	return secret, nil
}

// Set makes or replaces an entry.
func (k *Keyring) Set(ctx context.Context, name, secret string) error {
	return k.do(ctx, name, func() error { return k.set(service, name, secret) })
}

// Delete removes an entry.
func (k *Keyring) Delete(ctx context.Context, name string) error {
	return k.do(ctx, name, func() error { return k.delete(service, name) })
}

// do makes one call of the library, in a goroutine that is left behind when the call
// does not come back.
func (k *Keyring) do(ctx context.Context, name string, call func() error) error {
	ctx, cancel := context.WithTimeout(ctx, patience)
	defer cancel()
	select {
	case k.turn <- struct{}{}:
	case <-ctx.Done():
		return inWords(name, ErrLocked) // the call before still waits for a person
	}
	done := make(chan error, 1)
	go func() {
		defer func() { <-k.turn }()
		err := k.ready(ctx)
		if err == nil {
			err = ctx.Err() // nobody waits any more: change nothing
		}
		if err == nil {
			err = call()
		}
		done <- err
	}()
	select {
	case err := <-done:
		return inWords(name, err)
	case <-ctx.Done():
		// Nothing but a question to a person takes so long.
		return inWords(name, ErrLocked)
	}
}

// inWords turns a failure into what a person reads. What the library says is kept out
// of it: on macOS it runs a command, and quotes it.
func inWords(name string, err error) error {
	fail := func(class session.Class, cause error, hint string) error {
		return &session.Error{Class: class, Err: cause, Public: "keyring entry \"" + name + "\": " + cause.Error(), Hint: hint}
	}
	switch {
	case err == nil:
		return nil
	case errors.Is(err, lib.ErrNotFound):
		return fail(session.Person, ErrNotFound, "run: vendord source add "+session.Visible(strings.TrimPrefix(name, session.Source{}.KeyringEntry())))
	case errors.Is(err, ErrLocked):
		return fail(session.Person, ErrLocked, "unlock it, as a rule by logging in to the desktop")
	case errors.Is(err, ErrAbsent), errors.Is(err, lib.ErrUnsupportedPlatform):
		return fail(session.Configuration, ErrAbsent, "it needs a login session with a keyring; a system service has none: use a source of another type")
	}
	return fail(session.Retry, errFailed, "")
}

var errFailed = errors.New("the keyring does not work")
