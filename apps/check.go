package apps

import (
	"context"
	"errors"
	"sync"
)

// turns tells when a change could be made, for Check.
type turns struct {
	mu  sync.Mutex    // guards the next
	had chan struct{} // closed when it could; nil where nobody waits
}

// Check fails if no change can be made before ctx ends, since one that was begun
// never ends. Programs with tokens are answered all the same, but nobody can run
// exec, reload or revoke. A disk that does not answer is no reason to begin anew,
// which would wait for it too: that is doubt.
func (a *Apps) Check(ctx context.Context) (doubt, err error) {
	select {
	case <-a.turns.wait(&a.mu):
		return nil, nil
	case <-ctx.Done():
	}
	if a.store.busy.Load() {
		return errors.New("the state directory's disk does not answer"), nil
	}
	return nil, errors.New("a change does not end")
}

// wait returns what is closed once the lock was had. However often it is asked, one
// goroutine waits.
func (t *turns) wait(lock *sync.Mutex) <-chan struct{} {
	t.mu.Lock()
	defer t.mu.Unlock()
	if t.had != nil {
		return t.had
	}
	had := make(chan struct{})
	t.had = had
	go func() {
		pass(lock)
		t.mu.Lock()
		defer t.mu.Unlock()
		t.had = nil
		close(had)
	}()
	return had
}

// pass takes a lock and gives it back.
func pass(lock *sync.Mutex) {
	lock.Lock()
	defer lock.Unlock()
}
