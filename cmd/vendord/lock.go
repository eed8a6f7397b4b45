package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"os"
	"path/filepath"

	"github.com/spf13/cobra"

	"github.com/vendord/vendord/control"
)

func (p *program) lockCommand() *cobra.Command {
	return &cobra.Command{
		Use: "lock", GroupID: "person", Args: exactly(0, ""),
		Short: "Forget every login and session, and vend nothing until unlock",
		Long: `Forget every login and every session, and vend nothing until "vendord unlock",
over a restart too. Programs are told that vendord is locked. Credentials that they
hold already live on until they expire: AWS has no way to take them back.`,
		RunE: func(cmd *cobra.Command, _ []string) error {
			return p.setLock(cmd.Context(), true)
		},
	}
}

func (p *program) unlockCommand() *cobra.Command {
	return &cobra.Command{
		Use: "unlock", GroupID: "person", Args: exactly(0, ""),
		Short: "Vend again after lock",
		RunE: func(cmd *cobra.Command, _ []string) error {
			return p.setLock(cmd.Context(), false)
		},
	}
}

// setLock has the daemon lock or unlock. Where none runs it is done in the
// state directory, for the next one and for exec, which is a daemon by itself.
func (p *program) setLock(ctx context.Context, locked bool) error {
	out, err := p.lockDaemon(ctx, locked)
	alone := errors.Is(err, control.ErrNoDaemon) && p.socket == ""
	if alone {
		out, err = p.lockState(ctx, locked)
	}
	switch {
	case err != nil:
		return err
	case p.json:
		return p.printJSON(map[string]any{"locked": locked, "logins": out.Logins, "sessions": out.Sessions})
	case locked:
		where := ""
		if alone { // a daemon with another --state-dir would not know of it
			where = " from " + p.stateDirectory()
		}
		say(p.stderr, "locked: %s and %s forgotten; nothing is vended%s until: vendord unlock",
			count(out.Logins, "login"), count(out.Sessions, "session"), where)
	default:
		fmt.Fprintln(p.stderr, "unlocked")
	}
	return nil
}

func (p *program) lockDaemon(ctx context.Context, locked bool) (control.WipedOut, error) {
	c, err := p.connect(ctx)
	if err != nil {
		return control.WipedOut{}, err
	}
	defer c.Close()
	if locked {
		return c.Lock(ctx)
	}
	return control.WipedOut{}, c.Unlock(ctx)
}

// lockState is for a state directory that no daemon has.
func (p *program) lockState(ctx context.Context, locked bool) (_ control.WipedOut, err error) {
	d, err := newDaemon(p.daemonOptions(p.stateDirectory(), slog.New(slog.NewTextHandler(io.Discard, nil))))
	if err != nil && locked {
		err = p.lockAlone(err)
	}
	if err != nil {
		return control.WipedOut{}, err
	}
	defer func() { err = errors.Join(err, d.Close()) }()
	return d.lock(ctx, locked)
}

// lockAlone locks where no daemon can be made, with a mistake in vendord.toml
// for example: what starts once that is mended must not vend.
func (p *program) lockAlone(why error) error {
	g := newGate(p.stateDirectory(), nil)
	err := errors.Join(os.MkdirAll(filepath.Dir(g.file), 0o700), g.lock())
	if err == nil {
		err = fail("mend that, and lock again", "lock: kept for what starts from now on, but no login was wiped")
	}
	return errors.Join(append(flatten(why), err)...)
}
