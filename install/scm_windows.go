package install

import (
	"context"
	"errors"
	"strings"

	"github.com/kardianos/service"
	"golang.org/x/sys/windows/svc"
	"golang.org/x/sys/windows/svc/eventlog"
)

// RunWindows runs serve under Windows' service control manager, until that stops it
// or serve ends by itself. The service counts as running once serve has called ready.
//
// Whether this is a service is not guessed: svc.Run is called where the command line
// says so. The library would look for itself, and be wrong where Windows is not the
// original.
func RunWindows(serve func(ctx context.Context, ready func()) error) error {
	d := &windowsDaemon{serve: serve, ended: make(chan struct{})}
	s, err := service.New(d, &service.Config{Name: WindowsName})
	if err != nil {
		return err
	}
	h, ok := s.(svc.Handler)
	if !ok {
		return errors.New("kardianos/service: its service is no svc.Handler any more")
	}
	err = svc.Run(WindowsName, ending{h, d.ended})
	if d.err != nil {
		return d.err
	}
	return err
}

// windowsDaemon is serve as the library steers it.
type windowsDaemon struct {
	serve  func(context.Context, func()) error
	cancel context.CancelFunc
	ended  chan struct{} // closed when serve has returned err
	err    error
}

// Start returns when serve is ready, or has failed.
func (d *windowsDaemon) Start(service.Service) error {
	ctx, cancel := context.WithCancel(context.Background())
	d.cancel = cancel
	ready := make(chan struct{})
	go func() {
		defer close(d.ended)
		d.err = d.serve(ctx, func() { close(ready) })
	}()
	select {
	case <-ready:
		return nil
	case <-d.ended:
		return errors.Join(d.err, errors.New("vendord: ended before it was ready"))
	}
}

// Stop has serve answer what is in flight and end.
func (d *windowsDaemon) Stop(service.Service) error {
	d.cancel()
	<-d.ended
	return d.err
}

// ending is the library's handler, which waits for requests alone: a daemon that
// ends by itself is taken for one that is asked to, and its error for how it went.
// Else the service would be shown as running for ever.
type ending struct {
	svc.Handler
	ended <-chan struct{}
}

// Execute is svc.Handler's.
func (e ending) Execute(args []string, requests <-chan svc.ChangeRequest, changes chan<- svc.Status) (bool, uint32) {
	passed, done := make(chan svc.ChangeRequest), make(chan struct{})
	defer close(done)
	go func() {
		for {
			var request svc.ChangeRequest
			select {
			case request = <-requests:
			case <-e.ended:
				request = svc.ChangeRequest{Cmd: svc.Stop}
			case <-done:
				return
			}
			select {
			case passed <- request:
			case <-done:
				return
			}
		}
	}()
	return e.Handler.Execute(args, passed, changes)
}

// EventLog writes lines of a log to Windows' event log, each with its level.
type EventLog struct{ log *eventlog.Log }

// OpenEventLog opens it. Close it after use.
func OpenEventLog() (*EventLog, error) {
	log, err := eventlog.Open(WindowsName)
	if err != nil {
		return nil, err
	}
	return &EventLog{log}, nil
}

// Write takes whole lines: of slog's text or JSON, or of what a person would read.
func (e *EventLog) Write(line []byte) (int, error) {
	text := strings.TrimRight(string(line), "\r\n")
	write := e.log.Info
	switch eventLevel(text) {
	case "error":
		write = e.log.Error
	case "warning":
		write = e.log.Warning
	}
	return len(line), write(1, text)
}

// Close closes it.
func (e *EventLog) Close() error { return e.log.Close() }
