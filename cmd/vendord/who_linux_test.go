package main

import (
	"errors"
	"log/slog"
	"testing"

	"golang.org/x/sys/unix"

	"github.com/vendord/vendord/peer"
)

// Another user can use up all ports while vendord starts. If it then did without
// the users of connections, a stolen token would be good until the next start. A
// network without a loopback device fails in the same way: the first connection.
func TestAFailureThatPassesEndsTheStart(t *testing.T) {
	needsRoot(t, "have a network of one's own")
	d := &daemon{options: daemonOptions{log: slog.New(slog.DiscardHandler)}}
	onThread(t, func() error { return unix.Unshare(unix.CLONE_NEWNET) }, func() error {
		err := d.openKernel()
		if err == nil || d.kernel != nil || errors.Is(err, errors.ErrUnsupported) ||
			hintOf(err) != "start it again; if that does not help, see who uses up ports or open files" {
			t.Errorf("openKernel: got %v (hint %q), want an error that ends the start", err, hintOf(err))
		}
		return nil
	})
	if err := d.openKernel(); err != nil || d.kernel.Off(peer.Users) != nil {
		t.Fatalf("openKernel, afterwards: got %v, want the users of connections", err)
	}
	_ = d.kernel.Close()
}
