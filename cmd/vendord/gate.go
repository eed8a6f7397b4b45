package main

import (
	"context"
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"sync"
	"sync/atomic"
	"time"

	"github.com/vendord/vendord/cache"
	"github.com/vendord/vendord/disk"
	"github.com/vendord/vendord/session"
)

// A gate stands before the cache and behind it: while it is locked nobody is
// handed a session, and AWS is not asked for one. A request that was let in
// before somebody locked, or signed out, gets nothing either.
type gate struct {
	cache *cache.Cache // set before it is used
	mint  cache.Minter

	// turns counts what ends the requests under way: locking makes it odd,
	// unlocking even, signing out adds two.
	turns atomic.Uint64

	// other is a state directory whose lock counts too: the daemon inside an
	// exec has none of its own. "": there is none.
	other string

	mu   sync.Mutex
	file string          // where being locked is kept; "" in memory alone
	open context.Context // ends when the gate is locked; guarded by mu
	shut context.CancelFunc
}

// lockFile is the file in the state directory that says: locked.
const lockFile = "locked"

// newGate returns a gate as it was left. Where that cannot be told it is locked.
func newGate(state string, mint cache.Minter) *gate {
	g := &gate{mint: mint}
	g.open, g.shut = context.WithCancel(context.Background())
	if state != "" {
		g.file = filepath.Join(state, lockFile)
	}
	if keptLocked(state) {
		g.turns.Store(1)
		g.shut()
	}
	return g
}

// keptLocked reports whether the state directory says that vendord is locked.
func keptLocked(state string) bool {
	if state == "" {
		return false
	}
	_, err := os.Lstat(filepath.Join(state, lockFile))
	return !errors.Is(err, fs.ErrNotExist)
}

// locked reports whether nothing is handed out. Where another daemon, or a
// command, has locked, what is in memory is forgotten here too.
func (g *gate) locked() bool {
	if g.turns.Load()%2 == 1 {
		return true
	}
	if !keptLocked(g.other) {
		return false
	}
	g.turns.Add(2)
	g.cache.Retain(func(session.Request) bool { return false })
	return true
}

// Get is the cache's, of an open gate. What somebody signed out of while it was
// waited for is not handed out. As a rule they signed out of something else: what
// the cache has then is as good.
func (g *gate) Get(ctx context.Context, key session.Key, patience time.Duration) (*session.Credentials, error) {
	c, err := g.through(func() (*session.Credentials, error) { return g.cache.Get(ctx, key, patience) })
	if errors.Is(err, errTurned) {
		return g.through(func() (*session.Credentials, error) { return g.cache.Get(ctx, key, 0) })
	}
	return c, err
}

// Renew is the cache's, of an open gate.
func (g *gate) Renew(ctx context.Context, key session.Key, patience time.Duration) (*session.Credentials, error) {
	return g.through(func() (*session.Credentials, error) { return g.cache.Renew(ctx, key, patience) })
}

// errTurned is in the chain of what was waited for while somebody signed out.
var errTurned = errors.New("signed out")

func (g *gate) through(get func() (*session.Credentials, error)) (*session.Credentials, error) {
	before := g.turns.Load()
	if g.locked() {
		return nil, errLocked()
	}
	c, err := get()
	switch {
	case g.locked():
		return nil, errLocked()
	case g.turns.Load() == before:
		return c, err
	}
	return nil, &session.Error{Class: session.Retry, Public: "session: somebody signed out while it was waited for", Hint: "ask again", Err: errTurned}
}

// Mint is the minter's, of an open gate: locked, neither renewals nor parents
// ask AWS, and what is being asked is given up.
func (g *gate) Mint(ctx context.Context, r session.Request) (*session.Credentials, error) {
	if g.locked() {
		return nil, errLocked()
	}
	ctx, done := g.while(ctx)
	defer done()
	c, err := g.mint.Mint(ctx, r)
	if g.locked() {
		return nil, errLocked()
	}
	return c, err
}

// while returns a context that ends when the gate is locked.
func (g *gate) while(ctx context.Context) (context.Context, func()) {
	g.mu.Lock()
	open := g.open
	g.mu.Unlock()
	ctx, cancel := context.WithCancel(ctx)
	stop := context.AfterFunc(open, cancel)
	return ctx, func() { stop(); cancel() }
}

// signedOut ends the requests under way.
func (g *gate) signedOut() { g.turns.Add(2) }

// lock locks at once, and then for good. The error is about the latter.
func (g *gate) lock() error {
	g.mu.Lock()
	defer g.mu.Unlock()
	if g.turns.Load()%2 == 0 {
		g.turns.Add(1)
		g.shut()
	}
	if err := g.keep(); err != nil {
		return &session.Error{Class: session.Configuration, Err: err,
			Public: "lock: locked, but only until vendord stops: " + err.Error(), Hint: "look at the state directory, and lock again"}
	}
	return nil
}

// keep writes the file, and waits until the disk has it. What has its name
// already locks as well, whatever it is, and is not opened: a link would lead
// elsewhere, and a pipe would make us wait.
func (g *gate) keep() error {
	if g.file == "" {
		return nil
	}
	dir, err := os.OpenRoot(filepath.Dir(g.file))
	if err != nil {
		return err
	}
	defer dir.Close()
	f, err := dir.OpenFile(lockFile, os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o600)
	if err == nil {
		err = errors.Join(f.Sync(), f.Close())
	}
	if err != nil && !errors.Is(err, fs.ErrExist) {
		return err
	}
	return disk.Sync(dir)
}

// unlock unlocks if that can be kept.
func (g *gate) unlock() error {
	g.mu.Lock()
	defer g.mu.Unlock()
	if g.file != "" {
		if err := os.Remove(g.file); err != nil && !errors.Is(err, fs.ErrNotExist) {
			return &session.Error{Class: session.Configuration, Err: err,
				Public: "unlock: still locked: " + err.Error(), Hint: "look at the state directory, and unlock again"}
		}
	}
	if g.turns.Load()%2 == 1 {
		g.open, g.shut = context.WithCancel(context.Background())
		g.turns.Add(1)
	}
	return nil
}

// errLocked is what everybody is told while vendord is locked.
func errLocked() error {
	return &session.Error{Class: session.Person, Public: "vendord is locked", Hint: "run: vendord unlock"}
}
