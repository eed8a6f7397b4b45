//go:build secretservice

// Package keyring_test meets a real Secret Service: see the script run beside it,
// which sets the scene.
package keyring_test

import (
	"context"
	"errors"
	"os"
	"strings"
	"testing"
	"time"

	"github.com/vendord/vendord/keyring"
)

// soon is within the time that a locked keyring may take to be found out: no prompt
// was waited for.
const soon = 2 * time.Second

func TestScene(t *testing.T) {
	scene, known := map[string]func(*testing.T, *keyring.Keyring){
		"open":   open,
		"locked": fails(keyring.ErrLocked),
		"empty":  fails(keyring.ErrAbsent), // running, with nothing to keep a secret in
		"absent": fails(keyring.ErrAbsent),
		"no-bus": fails(keyring.ErrAbsent),
	}[os.Getenv("SCENE")]
	if !known {
		t.Fatalf("SCENE=%q: run conformance/keyring/run, which sets the scenes", os.Getenv("SCENE"))
	}
	t.Run(os.Getenv("SCENE"), func(t *testing.T) { scene(t, keyring.New()) })
}

// open keeps, replaces and removes entries; the last one stays for the next scene.
func open(t *testing.T, k *keyring.Keyring) {
	large := strings.Repeat("CANARY0/", 2048) // a token of 16 KiB
	for _, secret := range []string{"CANARY first", "CANARY second ü", large} {
		if err := k.Set(t.Context(), "source/john", secret); err != nil {
			t.Fatalf("Set: %v", err)
		}
		if got, err := k.Get(t.Context(), "source/john"); err != nil || got != secret {
			t.Fatalf("Get: got %d characters, %v, want %d", len(got), err, len(secret))
		}
	}
	if _, err := k.Get(t.Context(), "source/mary"); !errors.Is(err, keyring.ErrNotFound) {
		t.Errorf("Get of another: got %v, want ErrNotFound", err)
	}
	if err := k.Delete(t.Context(), "source/john"); err != nil {
		t.Errorf("Delete: %v", err)
	}
	if _, err := k.Get(t.Context(), "source/john"); !errors.Is(err, keyring.ErrNotFound) {
		t.Errorf("Get after Delete: got %v, want ErrNotFound", err)
	}
	if err := k.Set(t.Context(), "source/john", "CANARY kept"); err != nil {
		t.Errorf("Set: %v", err)
	}
}

// fails is a scene in which nothing can be kept, and nobody waits to learn so.
func fails(want error) func(*testing.T, *keyring.Keyring) {
	return func(t *testing.T, k *keyring.Keyring) {
		for name, call := range map[string]func(context.Context) error{
			"Get":    func(ctx context.Context) error { _, err := k.Get(ctx, "source/john"); return err },
			"Set":    func(ctx context.Context) error { return k.Set(ctx, "source/john", "CANARY") },
			"Delete": func(ctx context.Context) error { return k.Delete(ctx, "source/john") },
		} {
			start := time.Now()
			if err := call(t.Context()); !errors.Is(err, want) {
				t.Errorf("%s: got %v (%v), want %v", name, err, errors.Unwrap(err), want)
			}
			if took := time.Since(start); took > soon {
				t.Errorf("%s: took %v, want an answer at once", name, took)
			}
		}
	}
}
