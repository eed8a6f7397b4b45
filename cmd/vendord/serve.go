package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"os"
	"os/signal"
	"strings"
	"syscall"
	"time"

	"github.com/spf13/cobra"

	"github.com/vendord/vendord/peer"
	"github.com/vendord/vendord/profiles"
)

// inside is set in the daemon's own environment to its control socket, so that
// a source whose command leads back to the daemon can be told apart.
const inside = "VENDORD_INSIDE"

func (p *program) serveCommand() *cobra.Command {
	var forWindows bool
	cmd := &cobra.Command{
		Use: "serve", GroupID: "daemon", Args: exactly(0, ""),
		Short: "Run the daemon in the foreground",
		Long: `Run the daemon in the foreground, until it is interrupted. SIGHUP, or
"vendord reload", reads the configuration again.`,
		RunE: func(cmd *cobra.Command, _ []string) error {
			if forWindows {
				return p.serveForWindows()
			}
			return p.serve(cmd.Context())
		},
	}
	f := cmd.Flags()
	f.BoolVar(&forWindows, "windows-service", false, "run under Windows' service control manager")
	_ = f.MarkHidden("windows-service") // for that manager to say
	f.StringVar(&p.stateDir, "state-dir", p.getenv("VENDORD_STATE_DIR"), "the state `directory` ($VENDORD_STATE_DIR)")
	f.StringVar(&p.auditLog, "audit-log", p.getenv("VENDORD_AUDIT_LOG"), "append the record of who got what to `file`, - for stdout ($VENDORD_AUDIT_LOG)")
	f.StringVar(&p.logLevel, "log-level", p.getenv("VENDORD_LOG_LEVEL"), "debug, info, warn or error ($VENDORD_LOG_LEVEL)")
	f.StringVar(&p.logFormat, "log-format", p.getenv("VENDORD_LOG_FORMAT"), "text or json ($VENDORD_LOG_FORMAT)")
	return cmd
}

func (p *program) serve(ctx context.Context) (err error) {
	ctx, stop := signal.NotifyContext(ctx, os.Interrupt, syscall.SIGTERM)
	defer stop()
	if began := time.Now(); p.repeated() {
		defer func() { err = p.unhurried(ctx, began, err) }()
	}
	reloads, release := hangups()
	defer release()
	log, err := p.logger()
	if p.toJournal() {
		p.stderr = journalErrors{p.stderr}
	}
	if err != nil {
		return err
	}
	manager, err := p.underManager()
	if err != nil {
		return err
	}
	sockets := inheritedFrom(manager, p.system)
	defer sockets.close()
	p.leaveAWS()
	harden(log)
	p.spareCollections()

	options := p.daemonOptions(p.stateDirectory(), log)
	options.record, options.manager = p.record, manager
	d, err := newDaemon(options)
	if err != nil {
		return options.blamed(err)
	}
	// A revocation that the disk never took must not end as success.
	defer func() { err = errors.Join(err, d.Close()) }()
	config := d.book.Config()
	d.warnOf(config)
	doors, err := p.openDoors(config, sockets)
	if err != nil {
		return err
	}
	defer doors.close()
	d.endpoints, d.inUnit, d.left = doors.endpoints, sockets.any, doors.left
	d.warnOfEndpoints(netUp(config, p.system), sockets.anew())
	p.confine(d, closeOff)
	d.reloads = reloads
	defer func() { log.Info("stopped") }()
	return d.Run(ctx, doors.vend, doors.ctl, func() {
		log.Info("ready", "url", d.url, "control", p.ownSocket(), "config", config.Path,
			"profiles", len(config.Profiles), "apps", len(config.Apps), "gogc", collects())
		if p.whenReady != nil {
			p.whenReady()
		}
		go func() {
			giveBack()
			giveBackWhenQuiet(ctx)
		}()
	})
}

// warnOf logs what is doubtful about the configuration that a daemon starts with.
func (d *daemon) warnOf(config *profiles.Config) {
	log := d.options.log
	for _, w := range config.Warnings {
		log.Warn(w.Error(), hinted(w.Hint)...)
	}
	for _, line := range d.hindrances(config) {
		log.Warn(line, hinted(anewUnit)...)
	}
	for _, line := range d.book.Set(config) { // tokens may have outlived what they are for
		log.Warn(line)
	}
}

func (p *program) daemonOptions(state string, log *slog.Logger) daemonOptions {
	return daemonOptions{
		config:  p.profileOptions(),
		state:   state,
		user:    p.steers(),
		environ: append(p.environ, inside+"="+p.ownSocket()),
		log:     log,
	}
}

// steers is whom all profiles are for: whoever runs vendord, and of a service for the
// machine root, whatever user the daemon is. That one is nobody who could log in.
func (p *program) steers() string {
	if p.system && p.uid != 0 {
		return peer.UserName(0)
	}
	return p.user
}

func (p *program) profileOptions() profiles.Options {
	return profiles.Options{Path: p.configPath(), System: p.system, UID: p.uid, Home: p.home,
		Credentials: p.getenv("CREDENTIALS_DIRECTORY")}
}

// socketMode lets every user connect to a system daemon, which then decides by
// what the kernel says of them, and nobody else to a user's own.
func (p *program) socketMode() os.FileMode {
	if p.system {
		return 0o666
	}
	return 0o600
}

// leaveAWS takes every AWS_ variable out of the process's environment: a
// daemon whose own SDK found AWS_CONTAINER_CREDENTIALS_FULL_URI would ask
// itself for the credentials that it needs to make some. Sources of type
// environment read the copy made at the start.
func (p *program) leaveAWS() {
	for _, pair := range p.environ {
		if name, _, _ := strings.Cut(pair, "="); strings.HasPrefix(name, "AWS_") {
			os.Unsetenv(name)
		}
	}
	os.Setenv(inside, p.ownSocket())
}

// hangups passes SIGHUPs on. From here on, one no longer ends the process.
func hangups() (<-chan os.Signal, func()) {
	caught := make(chan os.Signal, 1)
	signal.Notify(caught, syscall.SIGHUP)
	return caught, func() { signal.Stop(caught) }
}

// reloadWhenAsked reloads at each signal until ctx ends. Nobody waits for the
// answer: the log gets it.
func (d *daemon) reloadWhenAsked(ctx context.Context) error {
	for {
		select {
		case <-ctx.Done():
			return nil
		case <-d.reloads:
		}
		lines, err := d.reload(ctx)
		for _, line := range lines {
			d.options.log.Info("reload: " + line)
		}
		for _, e := range flatten(err) {
			d.options.log.Error(e.Error(), hinted(hintOf(e))...)
		}
		if err == nil {
			d.options.log.Info("reload: done", "profiles", len(d.book.Config().Profiles), "apps", len(d.book.Config().Apps))
		}
	}
}

// logger makes the log that the flags ask for, on stderr.
func (p *program) logger() (*slog.Logger, error) {
	level := slog.LevelInfo
	if p.logLevel != "" {
		if err := level.UnmarshalText([]byte(p.logLevel)); err != nil {
			return nil, usageError{fmt.Sprintf("log level %q: unknown", p.logLevel), "debug, info, warn or error"}
		}
	}
	options := &slog.HandlerOptions{Level: level}
	var handler func(io.Writer) slog.Handler
	switch p.logFormat {
	case "", "text":
		handler = func(w io.Writer) slog.Handler { return slog.NewTextHandler(w, options) }
	case "json":
		handler = func(w io.Writer) slog.Handler { return slog.NewJSONHandler(w, options) }
	default:
		return nil, usageError{fmt.Sprintf("log format %q: unknown", p.logFormat), "text or json"}
	}
	if p.toJournal() {
		return slog.New(newJournal(p.stderr, handler)), nil
	}
	return slog.New(handler(p.stderr)), nil
}

// hinted is a hint as an attribute of a line in the log, if there is one.
func hinted(hint string) []any {
	if hint == "" {
		return nil
	}
	return []any{"hint", hint}
}
