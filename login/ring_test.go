package login_test

import (
	"context"
	"errors"
	"sync"
)

var errNotFound = errors.New("there is no such entry")

// ring is a keyring in memory.
type ring struct {
	mu      sync.Mutex
	entries map[string]string
	fails   error // what every call says, or nil
}

func newRing() *ring { return &ring{entries: map[string]string{}} }

func (r *ring) Get(_ context.Context, name string) (string, error) {
	r.mu.Lock()
	defer r.mu.Unlock()
	secret, ok := r.entries[name]
	if r.fails == nil && !ok {
		return "", errNotFound
	}
	return secret, r.fails
}

func (r *ring) Set(_ context.Context, name, secret string) error {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.fails == nil {
		r.entries[name] = secret
	}
	return r.fails
}

func (r *ring) Delete(_ context.Context, name string) error {
	r.mu.Lock()
	defer r.mu.Unlock()
	if _, ok := r.entries[name]; r.fails == nil && !ok {
		return errNotFound
	}
	delete(r.entries, name)
	return r.fails
}
