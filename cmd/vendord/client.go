package main

import (
	"context"
	"encoding/hex"
	"errors"
	"io"
	"log/slog"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strconv"

	"github.com/vendord/vendord/apps"
	"github.com/vendord/vendord/control"
	"github.com/vendord/vendord/near"
	"github.com/vendord/vendord/profiles"
	"github.com/vendord/vendord/server"
	"github.com/vendord/vendord/session"
)

// connect finds the daemon that this user has: their own, else the system's.
func (p *program) connect(ctx context.Context) (*control.Client, error) {
	if err := p.refuseLoop(); err != nil {
		return nil, err
	}
	return control.Dial(ctx, p.sockets()...)
}

// refuseLoop ends a credential_process that leads back to the daemon which
// runs it. The daemon would wait for itself until both gave up.
func (p *program) refuseLoop() error {
	if around := p.getenv(inside); around != "" && slices.Contains(p.sockets(), around) {
		return fail("give the source keys, or a sign-in, of its own",
			"a source of its own asks this vendord: a loop")
	}
	return nil
}

// connectOrServe is connect, but where no daemon runs it starts a private one
// inside this process: in memory only, on a free port, gone with it.
func (p *program) connectOrServe(ctx context.Context) (c *control.Client, stop func(), err error) {
	c, err = p.connect(ctx)
	if !errors.Is(err, control.ErrNoDaemon) || p.system {
		return c, func() {}, err
	}
	path := p.configPath()
	if _, gone := os.Stat(path); errors.Is(gone, os.ErrNotExist) {
		return nil, nil, fail("start one with vendord serve, or write "+path+" (see examples/vendord.toml)",
			"no daemon is running, and there is no configuration of your own")
	}
	socket, stop, err := p.private(ctx)
	if err != nil {
		return nil, nil, err
	}
	if c, err = control.Dial(ctx, socket); err != nil {
		stop()
		return nil, nil, err
	}
	return c, stop, nil
}

// private runs a daemon inside this process until stop is called.
func (p *program) private(ctx context.Context) (socket string, stop func(), err error) {
	dir, err := os.MkdirTemp("", "vendord-")
	if err != nil {
		return "", nil, fail("free some space in "+os.TempDir(), "private daemon: %w", err)
	}
	remove := func() { os.RemoveAll(dir) }
	socket = filepath.Join(dir, "control.sock")
	options := p.daemonOptions("", slog.New(slog.NewTextHandler(io.Discard, nil)), nil)
	p.leaveAWS()
	d, err := newDaemon(options)
	if err != nil {
		remove()
		return "", nil, err
	}
	ctl, err := control.Listen(socket, 0o600)
	if err != nil {
		remove()
		return "", nil, err
	}
	vend, err := bind("127.0.0.1:0", "")
	if err != nil {
		ctl.Close()
		remove()
		return "", nil, err
	}
	ctx, cancel := context.WithCancel(context.WithoutCancel(ctx))
	ready, done := make(chan struct{}), make(chan struct{})
	go func() {
		defer close(done)
		if err := d.Run(ctx, vend, ctl, func() { close(ready) }); err != nil {
			p.warn(fail("run the command again", "private daemon: %w", err))
		}
	}()
	<-ready
	return socket, func() { cancel(); <-done; remove() }, nil
}

// newToken makes a secret and what registers it. The secret stays in this
// process: the daemon is told its hash.
func newToken(spec control.TokenSpec) (secret string, _ control.TokenSpec) {
	secret, hash := apps.NewSecret()
	spec.Hash = hex.EncodeToString(hash[:])
	return secret, spec
}

// fetch gets a profile's credentials over the way that every program takes:
// with a token, from the vending endpoint.
func (p *program) fetch(ctx context.Context, profile string) (*session.Credentials, control.Issued, error) {
	c, stop, err := p.connectOrServe(ctx)
	if err != nil {
		return nil, control.Issued{}, err
	}
	defer stop()
	defer c.Close()
	secret, spec := newToken(control.TokenSpec{App: profiles.CLI, Profile: profile, Warm: true})
	held, err := c.Hold(ctx, spec)
	if err != nil {
		return nil, control.Issued{}, err
	}
	defer held.Close()
	credentials, err := server.Fetch(ctx, held.URL, secret)
	return credentials, held.Issued, err
}

// unknownName says that there is no such app or profile, and names the one
// that was likely meant.
func unknownName[V any](kind, name string, known map[string]V) error {
	names := slices.Sorted(maps.Keys(known))
	hint := "see: vendord list"
	if near := near.Name(name, names); near != "" {
		hint = "did you mean " + strconv.Quote(near) + "? " + hint
	}
	return fail(hint, "%s %q: unknown", kind, name)
}
