package install

import (
	"context"
	"io"
	"time"
)

// Manager is what runs services on a system, as far as vendord's own goes. Every
// method that changes something first looks whether it can, and returns all that
// stands in the way, joined; what has failed halfway is put back. Errors are
// *session.Error, or several of them joined.
type Manager interface {
	// Name is the manager's, for people: "systemd".
	Name() string
	// Render returns the files that Install would write for a plan, and the commands
	// that it would run, in their order.
	Render(Plan) (files []File, commands []string, err error)
	// Check returns what stands in the way of a plan, and changes nothing. Remarks
	// are what is no hindrance and worth knowing, such as an administrator's own
	// settings.
	Check(context.Context, Plan) (remarks []string, err error)
	// Install installs, or upgrades what is installed, and returns when the service
	// runs and is ready. Where that fails everything is as it was before, and the
	// error has the last lines of the service's log.
	Install(context.Context, Plan) error
	// Uninstall stops and removes the service, with purge its state and record too,
	// and a configuration that is still as an install wrote it, and returns what it
	// removed and what it kept. Not installed is no error: there is nothing to remove.
	Uninstall(ctx context.Context, purge bool) (Removed, error)
	// Start, Stop and Restart return when it is done.
	Start(context.Context) error
	Stop(context.Context) error
	Restart(context.Context) error
	// State is how the service is doing.
	State(context.Context) (State, error)
	// Logs writes what the service has logged.
	Logs(context.Context, Logs) error
}

// Plan is what to install.
type Plan struct {
	Service Service
	// Copy is the program that is copied to Service.Binary; empty where that is used
	// as it is.
	Copy string
	// First is the configuration that is written where there is none; its Path is
	// empty where there is one.
	First File
	// Wrote is the Sum of the first configuration, where this or an earlier install
	// wrote it.
	Wrote string
	// Ready returns nil when the daemon of this process id answers and is ready,
	// and else why not; it waits as long as its context allows.
	Ready func(ctx context.Context, pid int) error
}

// Removed is what an Uninstall did.
type Removed struct {
	Gone []string `json:"removed"` // paths
	Kept []string `json:"kept"`    // paths of what is the user's, such as the configuration
}

// Phase is how far a service is.
type Phase string

// The phases.
const (
	Absent   Phase = "not installed"
	Stopped  Phase = "stopped"
	Starting Phase = "starting"
	Running  Phase = "running" // and ready, as far as the manager knows
	Stopping Phase = "stopping"
	Crashing Phase = "crashing" // it ended by itself, and is started again and again
	Failed   Phase = "failed"   // it ended by itself, and is not started again
)

// State is how a service is doing, as its manager sees it.
type State struct {
	Phase Phase `json:"state"`
	PID   int   `json:"pid,omitempty"`
	// Since is when the phase began; zero where that is not known.
	Since time.Time `json:"since,omitzero"`
	// Enabled says that it starts by itself: at boot, or for a user's at login.
	Enabled bool `json:"enabled"`
	// Restarts counts those that the manager made by itself; Exit is how the last
	// process ended, where it failed, in words.
	Restarts int    `json:"restarts,omitempty"`
	Exit     string `json:"exit,omitempty"`
	// Stale says that the files of the service have changed and the manager has not
	// read them again.
	Stale bool `json:"stale,omitempty"`
	// Binary and Config are what is installed; Config is empty where the service
	// looks at its mode's own place.
	Binary string `json:"binary,omitempty"`
	Config string `json:"config,omitempty"`
	// Listen is where the manager listens for it, as the manager writes it.
	Listen []string `json:"listen,omitempty"`
	// Files are the service's own, Foreign those that somebody else put beside them
	// to change it.
	Files   []string `json:"files,omitempty"`
	Foreign []string `json:"drop_ins,omitempty"`
	// ByHand says that somebody else wrote the service: an install refuses it.
	ByHand bool `json:"by_hand,omitempty"`
}

// Logs is which lines of the log, and where to.
type Logs struct {
	Lines  int    // the last so many; 0: all
	Since  string // as journalctl takes it; empty: from the beginning
	Follow bool   // go on until the context ends
	Out    io.Writer
	Err    io.Writer
}
