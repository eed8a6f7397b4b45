package main

import (
	"context"

	"github.com/vendord/vendord/install"
)

// serveForWindows runs the daemon under Windows' service control manager. What it
// would say on stderr is in the event log.
func (p *program) serveForWindows() error {
	return install.RunWindows(func(ctx context.Context, ready func()) error {
		if log, err := install.OpenEventLog(); err == nil {
			defer log.Close()
			p.stderr = log
		}
		p.whenReady = ready
		err := p.serve(ctx)
		if err != nil {
			p.printError(err)
		}
		return err
	})
}
