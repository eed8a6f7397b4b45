package keyring

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	lib "github.com/zalando/go-keyring"

	"github.com/vendord/vendord/session"
)

// fake is a keyring that the test keeps.
func fake(entries map[string]string) *Keyring {
	return &Keyring{
		get: func(service, name string) (string, error) {
			secret, ok := entries[service+" "+name]
			if !ok {
				return "", lib.ErrNotFound
			}
			return secret, nil
		},
		set: func(service, name, secret string) error { entries[service+" "+name] = secret; return nil },
		delete: func(service, name string) error {
			if _, ok := entries[service+" "+name]; !ok {
				return lib.ErrNotFound
			}
			delete(entries, service+" "+name)
			return nil
		},
		ready: func(context.Context) error { return nil },
		turn:  make(chan struct{}, 1),
	}
}

func TestEntries(t *testing.T) {
	entries := map[string]string{"other source/john": "not ours"}
	k := fake(entries)
	if _, err := k.Get(t.Context(), "source/john"); !errors.Is(err, ErrNotFound) {
		t.Errorf("Get before Set: got %v, want ErrNotFound", err)
	}
	for _, secret := range []string{"first", "second"} {
		if err := k.Set(t.Context(), "source/john", secret); err != nil {
			t.Fatalf("Set: %v", err)
		}
		if got, err := k.Get(t.Context(), "source/john"); err != nil || got != secret {
			t.Errorf("Get: got %q, %v, want %q", got, err, secret)
		}
	}
	if err := k.Delete(t.Context(), "source/john"); err != nil {
		t.Errorf("Delete: %v", err)
	}
	if err := k.Delete(t.Context(), "source/john"); !errors.Is(err, ErrNotFound) {
		t.Errorf("Delete again: got %v, want ErrNotFound", err)
	}
	if entries["other source/john"] != "not ours" || len(entries) != 1 {
		t.Errorf("entries: got %v, want another program's alone", entries)
	}
}

func TestFailures(t *testing.T) {
	const entry = `keyring entry "source/john": `
	for name, test := range map[string]struct {
		ready, lib   error
		class        session.Class
		is           error
		public, hint string
	}{
		"not there": {nil, lib.ErrNotFound, session.Person, ErrNotFound, "there is no such entry", "run: vendord source add john"},
		"locked":    {ErrLocked, nil, session.Person, ErrLocked, "the keyring is locked", "unlock it, as a rule by logging in to the desktop"},
		"no bus": {fmt.Errorf("%w: x", ErrAbsent), nil, session.Configuration, ErrAbsent, "there is no keyring",
			"it needs a login session with a keyring; a system service has none: use a source of another type"},
		"another system": {nil, lib.ErrUnsupportedPlatform, session.Configuration, ErrAbsent, "there is no keyring",
			"it needs a login session with a keyring; a system service has none: use a source of another type"},
		"anything else": {nil, errors.New("security: CANARY"), session.Retry, errFailed, "the keyring does not work", ""},
	} {
		t.Run(name, func(t *testing.T) {
			k := fake(nil)
			k.ready = func(context.Context) error { return test.ready }
			k.get = func(string, string) (string, error) { return "CANARY", test.lib }
			secret, err := k.Get(t.Context(), "source/john")
			got := session.AsError(err)
			if secret != "" || got.Class != test.class || !errors.Is(err, test.is) || got.Public != entry+test.public || got.Hint != test.hint {
				t.Errorf("Get: got %q and %v, %q, hint %q, want %v, %q, hint %q", secret, got.Class, got.Public, got.Hint, test.class, entry+test.public, test.hint)
			}
			if said := fmt.Sprintf("%+v %#v %v", got, *got, got.Err); strings.Contains(said, "CANARY") {
				t.Errorf("Get: got a secret in %s", said)
			}
		})
	}
}

// A keyring that asks its person never answers. Nobody waits longer than five
// seconds, or than their context, and the one call that hangs is the only one.
func TestHang(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var calls atomic.Int64
		typed := make(chan struct{})
		k := fake(nil)
		k.get = func(string, string) (string, error) {
			calls.Add(1)
			<-typed
			return "CANARY", nil
		}
		for _, test := range []struct{ own, want time.Duration }{{time.Minute, patience}, {time.Second, time.Second}, {time.Minute, patience}} {
			ctx, cancel := context.WithTimeout(t.Context(), test.own)
			start := time.Now()
			if _, err := k.Get(ctx, "source/john"); !errors.Is(err, ErrLocked) || time.Since(start) != test.want {
				t.Errorf("Get within %v: got %v after %v, want ErrLocked after %v", test.own, err, time.Since(start), test.want)
			}
			cancel()
		}
		if calls := calls.Load(); calls != 1 {
			t.Errorf("calls of the library: got %d, want the one that hangs", calls)
		}
		close(typed)
		synctest.Wait()
		if got, err := k.Get(t.Context(), "source/john"); err != nil || got != "CANARY" {
			t.Errorf("Get once it is unlocked: got %q, %v, want the secret", got, err)
		}
	})
}
