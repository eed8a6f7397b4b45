// Package systemd is what a service manager gives a daemon, and what it is told by
// it: the sockets that it holds, readiness, a line of status, signs of life, and
// what a daemon leaves with it for its successor. It speaks systemd's protocols
// without its libraries: sd_notify(3), sd_listen_fds(3), FDSTORE, JOURNAL_STREAM.
//
// Not under systemd, all of it does nothing: Open returns a nil Manager, whose
// methods may be called. What is inherited is believed only as far as it can be
// checked: a descriptor must be a listening socket or a sealed piece of memory, and
// stored data must be whole.
//
// A Manager is for one process, may be used by several goroutines at a time, and
// never waits longer than a second for the service manager.
package systemd

import (
	"net"
	"slices"
	"strings"
	"sync"
	"time"
)

// Variables are the names of those by which the service manager speaks to this
// process alone. What it starts must not get them: a command that took our
// notification socket for its own would say that we are ready.
var Variables = []string{
	"NOTIFY_SOCKET", "LISTEN_PID", "LISTEN_PIDFDID", "LISTEN_FDS", "LISTEN_FDNAMES", "WATCHDOG_PID", "WATCHDOG_USEC", "FDSTORE",
}

// Manager is the service manager that this process was started by. A nil one is
// none: it has given nothing, and what it is told is lost.
type Manager struct {
	notify   *notifier // nil: it does not want to be told anything
	sockets  []net.Listener
	watchdog time.Duration
	stores   bool

	saying sync.Mutex // guards the next
	status string     // as it was last told

	storing sync.Mutex // held while something is stored or forgotten; guards the next
	stored  []item     // what is in the store, as far as we know
}

// Sockets returns the listening sockets that the manager holds for this process,
// TCP and Unix. To close a Unix one leaves its path: connections go on to wait there,
// for a successor.
func (m *Manager) Sockets() []net.Listener {
	if m == nil {
		return nil
	}
	return slices.Clone(m.sockets)
}

// Watchdog returns the time within which a sign of life (Alive) is expected, again
// and again; 0 if none is. A daemon that gives one at a third of it has room for delays.
func (m *Manager) Watchdog() time.Duration {
	if m == nil {
		return 0
	}
	return m.watchdog
}

// lookup returns a variable as getenv(3) does: the first of its name.
func lookup(environ []string, name string) string {
	for _, pair := range environ {
		if key, value, _ := strings.Cut(pair, "="); key == name {
			return value
		}
	}
	return ""
}
