package main

import (
	"context"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/vendord/vendord/control"
)

// A daemon that lost a part must end, so that whoever runs it starts it anew:
// one that lives on without serving is the worst of both.
func TestRunEndsWhenAPartFails(t *testing.T) {
	d := startDaemon(t)
	second, err := newDaemon(daemonOptions{config: d.options.config, user: "tester", log: d.options.log})
	if err != nil {
		t.Fatal(err)
	}
	ctl, err := control.Listen(filepath.Join(d.dir, "t"), 0o600)
	if err != nil {
		t.Fatal(err)
	}
	broken := mustListen(t)
	broken.Close()
	ended := make(chan error, 1)
	go func() { ended <- second.Run(t.Context(), broken, ctl, func() {}) }()
	select {
	case err := <-ended:
		if err == nil || !strings.Contains(err.Error(), "serving 127.0.0.1") {
			t.Errorf("Run: got %v, want what failed", err)
		}
	case <-time.After(time.Minute):
		t.Fatal("Run: goes on without a part")
	}
}

// running runs a daemon until the test ends and returns a client of it, once
// programs can be answered.
func running(t *testing.T, d *daemon, dir string) *control.Client {
	t.Helper()
	ctx, cancel := context.WithCancel(t.Context())
	var parts sync.WaitGroup
	t.Cleanup(func() { cancel(); parts.Wait() })
	socket := filepath.Join(dir, "s")
	ctl, err := control.Listen(socket, 0o600)
	if err != nil {
		t.Fatal(err)
	}
	vend, ready := mustListen(t), make(chan struct{})
	parts.Go(func() {
		if err := d.Run(ctx, vend, ctl, func() { close(ready) }); err != nil {
			t.Errorf("Run: %v", err)
		}
	})
	<-ready
	c, err := control.Dial(ctx, socket)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(c.Close)
	return c
}
