package main

import (
	"context"
	"errors"
	"io"
	"log/slog"
	"net"
	"net/url"
	"os"
	"path/filepath"
	"sync"
	"sync/atomic"
	"time"

	"golang.org/x/sync/errgroup"

	"github.com/vendord/vendord/apps"
	"github.com/vendord/vendord/audit"
	"github.com/vendord/vendord/cache"
	"github.com/vendord/vendord/control"
	"github.com/vendord/vendord/keyring"
	"github.com/vendord/vendord/login"
	"github.com/vendord/vendord/mint"
	"github.com/vendord/vendord/peer"
	"github.com/vendord/vendord/profiles"
	"github.com/vendord/vendord/server"
	"github.com/vendord/vendord/session"
	"github.com/vendord/vendord/systemd"
)

// How long the daemon waits for AWS, where somebody waits for it.
const (
	warmPatience    = 3 * time.Second  // before it says that it is ready
	commandPatience = 20 * time.Second // for exec, env, credentials
	parentPatience  = 12 * time.Second // for a session's parent, and its own: a child's attempt has 15
)

// daemonOptions is what a daemon is made of, be it the one that serve runs, the
// demo's, or the private one inside exec.
type daemonOptions struct {
	config  profiles.Options
	state   string                                // state directory; "" keeps everything in memory
	locks   string                                // another state directory, whose lock counts too; "": none
	user    string                                // who runs it
	environ []string                              // as the program was started
	audit   io.Writer                             // nil: no audit lines, unless record says otherwise
	record  func(profiles.Audit) (*record, error) // opens what the configuration asks for; nil: audit alone
	now     func() time.Time                      // nil: time.Now
	look    time.Duration                         // how often identities at sources are looked at; 0: every 30 s
	log     *slog.Logger
	manager *systemd.Manager // who started it, if a service manager did
	store   store            // keeps what lives for the next daemon; nil: the manager does

	sinceBoot func() (boot string, since time.Duration) // nil: the machine's
}

// daemon is the whole of vendord: every part is constructed here, once, and
// the parts that may not import one another meet here.
type daemon struct {
	options   daemonOptions
	started   time.Time
	book      *apps.Apps
	users     *peer.UserCache
	using     chan struct{} // full while somebody changes an app's profile
	cache     *cache.Cache
	gate      *gate // before the cache and behind it
	minter    *mint.Minter
	logins    *login.Logins
	audit     *audit.Log
	record    *record // where audit writes
	server    *server.Server
	kernel    *peer.Kernel
	control   *control.Server
	listen    string           // daemon.listen as it was at the start
	endpoints []endpoint       // besides Run's, with what the configuration said at the start
	inUnit    bool             // whether a service manager holds their sockets
	left      []net.Listener   // that it holds, and nothing names
	confined  *confinement     // what serve has closed itself off from
	url       string           // where credentials are asked for; set by Run
	reloads   <-chan os.Signal // each is a wish to reload; nil for none
	begun     atomic.Bool      // programs can be answered
	checkup   *checkup         // set by Run
	nudged    chan struct{}    // news is to look now
	carry     *carrier
	ending    func() bool // whether Run is to end; set by Run

	reloading   sync.Mutex        // held from reading a configuration to its being in force: the last one read wins
	loaded      *profiles.Config  // as it was read; guarded, like the next, by reloading
	generations map[string]string // of sources, by name, as they were last looked at
}

func newDaemon(o daemonOptions) (*daemon, error) {
	if o.now == nil {
		o.now = time.Now
	}
	if o.sinceBoot == nil {
		o.sinceBoot = sinceBoot
	}
	config, err := profiles.Load(o.config)
	if err != nil {
		return nil, err
	}
	d := &daemon{options: o, started: o.now(), listen: config.Daemon.Listen,
		users: peer.NewUsers(o.now), using: make(chan struct{}, 1), nudged: make(chan struct{}, 1),
		ending: func() bool { return false }}
	if o.store == nil {
		o.store = o.manager
	}
	d.carry = newCarrier(d, o.store)
	d.book, err = apps.Open(apps.Config{Profiles: config, StateDir: o.state, User: d.users.Of, Now: o.now})
	if err != nil {
		return nil, err
	}
	// From here on the state directory is ours alone.
	if err := d.identities(); err != nil {
		return nil, errors.Join(err, d.book.Close())
	}
	d.book.Set(d.withGenerations(context.Background(), config))
	d.gate = newGate(o.state, d.minter)
	d.gate.other = o.locks
	d.cache = cache.New(cache.Config{Mint: d.gate, Now: o.now, Log: o.log, Changed: d.carry.changed})
	d.gate.cache = d.cache
	if err := d.keepRecord(config.Audit); err != nil {
		return nil, errors.Join(err, d.Close())
	}
	if err := d.openKernel(); err != nil {
		return nil, errors.Join(err, d.Close())
	}
	for _, line := range switchedOff(d.kernel.Off, config, o.config.UID) {
		o.log.Warn(line)
	}
	d.server = server.New(server.Config{Apps: d.book, Credentials: d.gate, Audit: d.audit, Who: d.kernel.Client, Recorded: d.record.out != nil,
		MetadataKey: metadataKey(o.state, config.Endpoints, o.log), MaxConns: connections(), Now: o.now, Log: o.log})
	d.control = control.New(control.Config{
		Rights: d.rights, Allowed: d.allowed, Always: d.book.Always, Anyone: d.anyone, Status: d.status,
		Apps: d.appInfos, Why: d.why, Use: d.use, Rotate: d.rotate,
		Issue: d.issue, Hold: d.hold, Revoke: d.revoke, Tokens: d.tokens,
		Reload: d.reload, FetchPolicy: d.fetchPolicy, Login: d.login, FinishLogin: d.finishLogin, Code: d.code, Logout: d.logout, Lock: d.lock,
		Health: d.health, Ready: d.readiness, Metrics: d.metrics, Sources: d.sources, CheckSource: d.checkSource, Refresh: d.refresh, Now: o.now, Log: o.log,
	})
	d.carry.restore()
	return d, nil
}

// identities makes what gets first identities: the minter, and the logins that
// it is told of. In system mode there is no keyring: it is one person's.
func (d *daemon) identities() (err error) {
	o := d.options
	people := login.Config{Home: o.config.Home, Log: o.log, Now: o.now}
	c := mint.Config{Parent: d.parent, Own: d.own, Environ: o.environ, Home: o.config.Home, Log: o.log, Now: o.now}
	if o.state != "" {
		people.Dir = filepath.Join(o.state, "logins")
	}
	if !o.config.System {
		keys := keyring.New()
		people.Keyring, people.NotFound, c.Keyring = keys, keyring.ErrNotFound, keys.Get
	}
	if d.logins, err = login.New(people); err != nil {
		return err
	}
	if o.manager != nil {
		c.Hindered = ownSandbox().hindered
	}
	c.SignedIn, c.Rejected, c.Code = d.logins.Token, d.logins.Rejected, d.logins.Code
	d.minter, err = mint.New(c)
	return err
}

// Close gives the state directory free.
func (d *daemon) Close() error {
	if d.kernel != nil {
		_ = d.kernel.Close()
	}
	d.record.close()
	return errors.Join(d.logins.Close(), d.book.Close())
}

// Run serves on both listeners until ctx ends. It calls ready once programs
// can be answered: after the sessions that they will ask for are minted, or
// after three seconds, whichever is first.
func (d *daemon) Run(ctx context.Context, vend, ctl net.Listener, ready func()) error {
	d.url = "http://" + vend.Addr().String() + server.Path

	d.checkup = d.checkupOf(vend, ctl)

	// The record outlives those whose acts it records.
	auditContext, stopAudit := context.WithCancel(context.WithoutCancel(ctx))
	recorded := make(chan error, 1)
	go func() { recorded <- d.audit.Run(auditContext) }()

	parts, ctx := errgroup.WithContext(ctx)
	d.ending = func() bool { return ctx.Err() != nil }
	part := partsOf(parts, context.WithoutCancel(ctx))
	endCache := part(d.cache.Run)
	endPrograms := []func(){part(func(ctx context.Context) error { return d.server.Serve(ctx, vend, server.Endpoint{}) })}
	for _, e := range d.endpoints {
		endPrograms = append(endPrograms, part(func(ctx context.Context) error { return d.server.Serve(ctx, e.ln, e.served()) }))
	}
	for _, ln := range d.left {
		endPrograms = append(endPrograms, part(func(ctx context.Context) error { return turnAway(ctx, ln) }))
	}
	endCommands := part(func(ctx context.Context) error { return d.control.Serve(ctx, ctl) })
	parts.Go(func() error {
		d.warm(ctx)
		d.begun.Store(true)
		d.ready(ctx)
		ready()
		return d.reloadWhenAsked(ctx)
	})
	parts.Go(func() error { return d.lookAgain(ctx) })
	parts.Go(func() error { return d.watch(ctx) })
	parts.Go(func() error { return d.news(ctx) })
	parts.Go(func() error { d.carry.run(ctx); return nil })
	parts.Go(func() error { d.carry.abandon(ctx); return nil })
	parts.Go(func() error {
		<-ctx.Done()
		d.tell(d.options.manager.Stopping())
		// In an order in which nobody loses what they wait for: programs, while the
		// cache still asks AWS for them; then commands, then the cache.
		all := sync.WaitGroup{}
		for _, end := range endPrograms {
			all.Go(end)
		}
		all.Wait()
		endCommands()
		d.carry.leave()
		endCache()
		return nil
	})
	err := parts.Wait()
	stopAudit()
	return errors.Join(err, <-recorded)
}

// partsOf returns a func that starts a part of the daemon and returns what ends it.
// If a part fails, the group's context ends, and with it all in their order.
func partsOf(parts *errgroup.Group, ctx context.Context) func(run func(context.Context) error) (end func()) {
	return func(run func(context.Context) error) func() {
		ctx, cancel := context.WithCancel(ctx)
		ended := make(chan struct{})
		parts.Go(func() error {
			defer close(ended)
			return run(ctx)
		})
		return func() { cancel(); <-ended }
	}
}

// warm mints what the programs with live tokens will ask for.
func (d *daemon) warm(ctx context.Context) {
	var keys []session.Key
	for _, grant := range d.book.Grants() {
		if !grant.Lazy {
			keys = append(keys, grant.Session)
		}
	}
	d.warmKeys(ctx, keys)
}

// warmKeys mints sessions, unless vendord is locked. A failure is not the
// daemon's: status shows it, and who asks is told.
func (d *daemon) warmKeys(ctx context.Context, keys []session.Key) {
	if d.gate.locked() {
		return
	}
	ctx, cancel := context.WithTimeout(ctx, warmPatience)
	defer cancel()
	if err := d.cache.Warm(ctx, keys); err != nil {
		d.options.log.Warn("warming: not every session is minted", "err", err)
	}
}

// own returns where programs are answered, so that no source is this vendord.
func (d *daemon) own() []string {
	var all []string
	if at, err := url.Parse(d.url); err == nil && at.Host != "" {
		all = append(all, at.Host)
	}
	for _, e := range d.endpoints {
		all = append(all, e.Listen.String())
	}
	return all
}

// parent gets the credentials that sign a nested identity's request.
func (d *daemon) parent(ctx context.Context, r session.Request) (*session.Credentials, error) {
	return d.gate.Get(ctx, r.Key(), parentPatience)
}

// reload reads the configuration again and swaps it in whole, or changes
// nothing. It returns lines for the person who asked: what vanished, what needs
// a restart.
func (d *daemon) reload(ctx context.Context) ([]string, error) {
	d.reloading.Lock()
	defer d.reloading.Unlock()
	d.tell(d.options.manager.Reloading())
	defer d.ready(context.WithoutCancel(ctx)) // whatever came of it
	config, err := profiles.Load(d.options.config)
	if err != nil {
		d.options.log.Warn("reload: refused, the old configuration stays", "problems", len(profiles.Problems(err)))
		return nil, d.options.blamed(asErrors(err))
	}
	if err := d.confined.outgrown(d.needer(config)); err != nil {
		d.options.log.Warn("reload: refused, the old configuration stays", "problems", 1)
		return nil, err
	}
	lines := d.book.Set(d.withGenerations(ctx, config))
	for _, w := range config.Warnings {
		lines = append(lines, "warning: "+w.Error())
	}
	if config.Daemon.Listen != d.listen {
		lines = append(lines, "daemon.listen: "+d.whenItHolds(" (before that the service would not start again)"))
	}
	if config.Audit != d.record.asked {
		lines = append(lines, "audit: takes effect at the next start of vendord")
	}
	lines = append(lines, d.endpointsChanged(config)...)
	if stands := d.hindrances(config); len(stands) > 0 {
		lines = append(append(lines, stands...), "hint: "+anewUnit)
	}
	d.forget()
	if err := d.carry.settle(); err != nil {
		lines = append(lines, "warning: "+err.Error())
	}
	go func() { d.warm(context.WithoutCancel(ctx)); giveBack() }() // who asked for the reload need not wait for AWS
	return lines, nil
}

// hindrances say what of the service's unit stands in a configuration's way.
func (d *daemon) hindrances(c *profiles.Config) []string {
	if d.options.manager == nil {
		return nil
	}
	return ownSandbox().hindrances(d.needer(c))
}

// revoke takes tokens back, and their sessions with them.
func (d *daemon) revoke(app, id string) (int, error) {
	n, err := d.book.Revoke(app, id)
	d.drop()
	return n, errors.Join(err, d.carry.settle())
}

// forget drops the sessions that nothing leads to any more, and every
// remembered failure: what the configuration caused it may have mended.
func (d *daemon) forget() {
	d.drop()
	d.cache.Retry(func(session.Request) bool { return true })
}

// drop drops the sessions that nothing leads to any more. What signs for a
// session stays with it.
func (d *daemon) drop() {
	reachable := map[session.Key]bool{}
	parents := elders{}
	for _, grant := range d.reachable() {
		reachable[grant.Session] = true
		for _, key := range parents.of(grant.Session.Value()) {
			reachable[key] = true
		}
	}
	d.cache.Retain(func(r session.Request) bool { return reachable[r.Key()] })
	d.carry.changed()
}

// asErrors makes of a configuration's problems errors that can cross the
// control socket.
func asErrors(err error) error {
	var all []error
	for _, p := range profiles.Problems(err) {
		all = append(all, &session.Error{Class: session.Configuration, Public: p.Error(), Hint: p.Hint, Err: p})
	}
	return errors.Join(all...)
}
