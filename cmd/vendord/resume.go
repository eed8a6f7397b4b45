package main

import (
	"context"
	"errors"
	"time"

	"github.com/vendord/vendord/control"
	"github.com/vendord/vendord/peer"
)

// How exec looks for the daemon that follows one that has gone.
const (
	resumeWithin = time.Minute // from then on it is lost
	resumeFirst  = 50 * time.Millisecond
	resumeMost   = time.Second
)

// A holder keeps a command's token registered, over a restart of the daemon.
//
// Between two daemons anybody may take their places, and the command, which knows
// nothing of it, goes on asking:
//   - Who takes the control socket's place gets a hash, good for nothing, and is
//     believed only as the user that the daemon was, or as root, who needs no trick.
//     A directory in which strangers can put a socket is refused by control.Dial.
//   - Who takes the port's place is shown the secret by the command. To register
//     that anew is harmless only because the next daemon takes it from nobody but
//     this user: where the kernel does not tell users, it is not registered again.
//   - Who still has the port when the token is registered could hand out keys of
//     their own: so the address is checked again (see refuseSquatter), and it must be
//     the one that the command was told.
//   - What was revoked, because it was stolen, must not come back with a restart: the
//     daemon says that before it goes, and it is not registered again.
type holder struct {
	client *control.Client
	held   *control.Held
	spec   control.TokenSpec
	uid    uint32        // as whom the first daemon listened
	known  bool          // and the kernel tells users
	within time.Duration // how long the next one is waited for
}

// newHolder takes over a token that is held, and its client.
func newHolder(c *control.Client, held *control.Held, spec control.TokenSpec) *holder {
	h := &holder{client: c, held: held, spec: spec, within: resumeWithin}
	h.spec.Warm = false // AWS need not answer for what has been given already
	h.uid, h.known = c.Daemon()
	tcp, err := peer.OpenTCP()
	if err == nil {
		_ = tcp.Close()
	}
	h.known = h.known && !errors.Is(err, errors.ErrUnsupported)
	return h
}

// keep holds the token until ctx ends, and returns nil then, or why the command gets
// no more credentials.
func (h *holder) keep(ctx context.Context, command string) error {
	for {
		select {
		case <-ctx.Done():
			return nil
		case <-h.held.Gone():
		}
		if h.held.Revoked() {
			return fail("start the command again, if it may have them", "its token was revoked: %s gets no more credentials", command)
		}
		if err := h.resume(ctx, command); err != nil {
			return err
		}
	}
}

// resume registers the token with the next daemon, as soon as there is one.
func (h *holder) resume(ctx context.Context, command string) error {
	stopped := func(why string) error {
		return fail("start the command again once vendord runs", "the daemon has stopped: %s gets no more credentials%s", command, why)
	}
	if !h.known {
		return stopped("")
	}
	trying, done := context.WithTimeout(ctx, h.within)
	defer done()
	var last error
	for pause := resumeFirst; ; pause = min(2*pause, resumeMost) {
		next, held, err := h.register(trying)
		switch {
		case ctx.Err() != nil: // the command has ended
			return nil
		case err == nil && held.URL != h.held.URL:
			_, was := held.Close(), h.held.URL
			next.Close()
			return fail("start the command again", "the daemon has moved from %s to %s: %s gets no more credentials", was, held.URL, command)
		case err == nil:
			h.close()
			h.client, h.held = next, held
			return nil
		case trying.Err() == nil: // how it ended is no answer
			last = err
		}
		select {
		case <-time.After(pause):
		case <-trying.Done():
			if ctx.Err() != nil {
				return nil
			}
			if last != nil && !errors.Is(last, control.ErrNoDaemon) {
				return stopped("; the next one says: " + last.Error())
			}
			return stopped("")
		}
	}
}

// register registers the token with a daemon that may be believed.
func (h *holder) register(ctx context.Context) (*control.Client, *control.Held, error) {
	c, err := control.Dial(ctx, h.client.Path())
	if err != nil {
		return nil, nil, err
	}
	if uid, known := c.Daemon(); !known || !h.believes(uid) {
		c.Close()
		return nil, nil, fail("", "control socket %s: another user listens there", c.Path())
	}
	held, err := c.Hold(ctx, h.spec)
	if err != nil {
		c.Close()
		return nil, nil, err
	}
	if held.URL != h.held.URL { // for the caller to tell
		return c, held, nil
	}
	if err := refuseSquatter(c, held.URL); err != nil {
		_ = held.Close()
		c.Close()
		return nil, nil, err
	}
	return c, held, nil
}

// believes reports whether a user may be the next daemon.
func (h *holder) believes(uid uint32) bool { return uid == h.uid || uid == 0 }

// close gives the token up.
func (h *holder) close() {
	_ = h.held.Close()
	h.client.Close()
}
