package main

import (
	"cmp"
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
	c, err := control.Dial(ctx, p.sockets()...)
	if err == nil && c.ByManager() {
		err = p.await(ctx, c, p.managerOf(c))
	}
	if e, ok := errors.AsType[*session.Error](err); ok && errors.Is(err, control.ErrNoDaemon) {
		told := *e
		told.Hint = p.howToStart(unitInstalled())
		return nil, &told
	}
	if err != nil {
		return nil, err
	}
	if err := p.refuseOther(ctx, c); err != nil {
		c.Close()
		return nil, err
	}
	return c, nil
}

// howToStart says how to have a daemon, where the machine's service is installed or not.
func (p *program) howToStart(installed bool) string {
	if p.socket != "" || !installed {
		return "start it: vendord serve" + p.howToServe()
	}
	hint := "sudo vendord service start; vendord service logs --system says why it is down"
	if !p.system {
		hint += "; or run one of your own: vendord serve"
	}
	return hint
}

// howToServe is what makes serve open the socket that was looked for.
func (p *program) howToServe() string {
	switch {
	case p.socket != "":
		return " --socket " + p.socket
	case p.system:
		return " --system"
	}
	return ""
}

// refuseOther ends a command that names a configuration where the daemon runs
// with another: the same profile may be another account's role there.
func (p *program) refuseOther(ctx context.Context, c *control.Client) error {
	if p.config == "" {
		return nil
	}
	status, err := c.Status(ctx)
	if err != nil || status.Config == "" || sameFile(p.config, status.Config) {
		return err
	}
	return fail("leave --config and $VENDORD_CONFIG out, or name a --socket of your own",
		"--config %s: the daemon runs with %s", p.config, status.Config)
}

// sameFile tells whether two paths lead to one file.
func sameFile(a, b string) bool {
	first, err := os.Stat(a)
	if err != nil {
		return false
	}
	second, err := os.Stat(b)
	return err == nil && os.SameFile(first, second)
}

// refuseLoop ends a credential_process that leads back to the daemon which
// runs it. The daemon would wait for itself until both gave up.
func (p *program) refuseLoop() error {
	around := p.getenv(inside)
	leadsBack := func(socket string) bool { return socket == around || sameFile(socket, around) }
	if around != "" && slices.ContainsFunc(p.sockets(), leadsBack) {
		return fail("give the source keys, or a sign-in, of its own",
			"a source of its own asks this vendord: a loop")
	}
	return nil
}

// connectOrServe is connect, but where no daemon runs it starts a private one
// inside this process: in memory only, on a free port, gone with it. Who names
// a daemon's socket means that daemon, and is told that it does not answer.
func (p *program) connectOrServe(ctx context.Context) (c *control.Client, stop func(), err error) {
	c, err = p.connect(ctx)
	if !errors.Is(err, control.ErrNoDaemon) || p.system || p.socket != "" {
		return c, func() {}, err
	}
	path := p.configPath()
	if _, gone := os.Stat(path); errors.Is(gone, os.ErrNotExist) {
		hint := "start one with vendord serve, or write " + path + ": vendord init prints a first one"
		if unitInstalled() {
			hint = p.howToStart(unitInstalled())
		}
		return nil, nil, fail(hint, "no daemon is running, and there is no configuration of your own")
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
	if keptLocked(p.stateDirectory()) {
		return "", nil, errLocked()
	}
	dir, err := p.scratch("vendord-")
	if err != nil {
		return "", nil, err
	}
	remove := func() { os.RemoveAll(dir) }
	socket = filepath.Join(dir, "control.sock")
	quiet := slog.New(slog.NewTextHandler(io.Discard, nil))
	options := p.daemonOptions("", quiet)
	options.locks = p.stateDirectory() // it may be locked while the command runs
	options.record = p.privateRecord
	p.leaveAWS()
	notDumpable(quiet) // it holds the sources' keys
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
	if spec.Path {
		secret, hash = apps.NewPathSecret()
	}
	spec.Hash = hex.EncodeToString(hash[:])
	return secret, spec
}

// fetch gets a profile's credentials over the way that every program takes:
// with a token, from the vending endpoint. What is protected is only for a command
// that shows nobody what it got: exec.
func (p *program) fetch(ctx context.Context, profile string, exec bool) (_ *session.Credentials, _ control.Issued, err error) {
	ctx, release := interruptible(ctx)
	defer release()
	defer func() { err = orSignal(ctx, err) }()
	c, stop, err := p.connectOrServe(ctx)
	if err != nil {
		return nil, control.Issued{}, err
	}
	defer stop()
	defer c.Close()
	secret, spec := newToken(control.TokenSpec{App: profiles.CLI, Profile: profile, Warm: true, Exec: exec})
	held, err := c.Hold(ctx, spec)
	if err != nil {
		return nil, control.Issued{}, err
	}
	defer held.Close()
	if err := refuseSquatter(c, held.URL); err != nil {
		return nil, control.Issued{}, err
	}
	credentials, err := server.Fetch(ctx, held.URL, secret)
	return credentials, held.Issued, err
}

// unknownName says that there is no such app, profile or source, and names the
// one that was likely meant.
func unknownName[V any](kind, name string, known map[string]V) error {
	names := slices.Sorted(maps.Keys(known))
	hint := map[string]string{"source": "see: vendord source list", sourceOrProfile: "see: vendord list, vendord source list"}[kind]
	hint = cmp.Or(hint, "see: vendord list")
	if near := near.Name(name, names); near != "" {
		hint = "did you mean " + strconv.Quote(near) + "? " + hint
	}
	return fail(hint, "%s %q: unknown", kind, name)
}

// notLoaded adds to what is unknown that it may be in the file by now, as the daemon
// does by itself where it is asked.
func notLoaded(s control.Status, err error) error {
	if e, ok := errors.AsType[*session.Error](err); ok && s.Changed {
		e.Hint = reloadIt
	}
	return err
}

const reloadIt = "the configuration has changed and is not loaded: vendord reload"
