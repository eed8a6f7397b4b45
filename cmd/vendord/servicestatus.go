package main

import (
	"context"
	"errors"
	"os"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/vendord/vendord/control"
	"github.com/vendord/vendord/install"
)

// Exit statuses of `service status`, as systemctl has them.
const (
	notRunning   = 3
	notInstalled = 4
)

// serviceStatus is how the service is, as its manager and the daemon itself say.
type serviceStatus struct {
	install.State
	Mode    string `json:"mode"`
	Manager string `json:"manager"`
	// Ready says that the daemon answers, and can vend; Problem is why it does not,
	// where it runs. Summary is how it is, in its own words.
	Ready   bool   `json:"ready"`
	Problem string `json:"problem,omitempty"`
	Summary string `json:"summary,omitempty"`
	// URL is where programs ask, Profiles how many there are that this user may know
	// of. NoToken says that some of the programs need no token.
	URL      string `json:"url,omitempty"`
	Profiles int    `json:"profiles"`
	NoToken  bool   `json:"no_token,omitempty"`
	// Endpoints are where they ask besides.
	Endpoints []control.EndpointRow `json:"endpoints,omitempty"`
	// Version is that of the daemon which runs, Installed that of its program on
	// disk, Command that of this one. Replaced says that the program on disk is
	// another than the one that runs.
	Version   string `json:"version,omitempty"`
	Installed string `json:"installed_version,omitempty"`
	Command   string `json:"command_version"`
	Replaced  bool   `json:"replaced,omitempty"`
	// Lingers says of a user's service that it starts at boot.
	Lingers bool `json:"lingers,omitempty"`
	// Changed says that the configuration is another on disk than in force.
	Changed bool `json:"changed,omitempty"`
	// knowsAll says that Profiles are all there are.
	knowsAll bool
}

func (p *program) serviceStatusCommand(o *serviceOptions) *cobra.Command {
	return &cobra.Command{
		Use: "status", Short: "Show how the service is doing: exit status 0 if it runs and is ready", Args: exactly(0, ""),
		Long: `Show how the service is doing. Exit status 0: it runs and is ready; 3: it is
installed and does not run, or is not ready; 4: it is not installed.`,
		RunE: func(cmd *cobra.Command, _ []string) error {
			return p.withManager(cmd.Context(), o, func(ctx context.Context, m install.Manager) error {
				st, err := p.serviceStatus(ctx, m)
				if err != nil {
					return err
				}
				if p.json {
					err = p.printJSON(st)
				} else {
					p.printServiceStatus(st, time.Now())
				}
				return errors.Join(err, st.exit())
			})
		},
	}
}

// exit is the exit status that says the same.
func (st serviceStatus) exit() error {
	switch {
	case st.Phase == install.Absent:
		return exitError{code: notInstalled}
	case !st.Ready:
		return exitError{code: notRunning}
	}
	return nil
}

// serviceStatus asks the manager, and the daemon where it runs: asking one that does
// not would start it.
func (p *program) serviceStatus(ctx context.Context, m install.Manager) (serviceStatus, error) {
	state, err := m.State(ctx)
	if err != nil {
		return serviceStatus{}, err
	}
	st := serviceStatus{State: state, Mode: "user", Manager: m.Name(), Command: versionText()}
	if p.system {
		st.Mode = "system"
	}
	if st.Phase == install.Absent {
		return st, nil
	}
	st.Lingers = !p.system && lingers(p.user)
	st.Installed, _ = install.Version(st.Binary)
	if st.Phase != install.Running {
		return st, nil
	}
	soon, done := context.WithTimeout(ctx, 5*time.Second)
	defer done()
	daemon, ready, err := p.askService(soon)
	if err != nil {
		st.Problem = err.Error()
		return st, nil
	}
	st.Summary = ready.Summary
	if st.Ready = ready.Ready; !st.Ready {
		st.Problem = ready.Reason
	}
	st.URL, st.Version, st.Profiles, st.Changed = daemon.URL, daemon.Version, len(daemon.Profiles), daemon.Changed
	st.Endpoints = daemon.Endpoints
	st.NoToken = slices.ContainsFunc(daemon.Apps, func(a control.AppRow) bool { return a.Kernel })
	st.knowsAll = daemon.Config != "" // which the daemon tells who steers
	st.Replaced = st.Installed != st.Version || replaced(st.PID, st.Binary)
	return st, nil
}

// replaced reports whether a process runs another file than the one that has its
// program's name by now. Whoever may not look at the process has to believe the
// versions.
func replaced(pid int, binary string) bool {
	running, err := os.Stat("/proc/" + strconv.Itoa(pid) + "/exe")
	if err != nil {
		return false
	}
	there, err := os.Stat(binary)
	return err != nil || !os.SameFile(running, there)
}

func (p *program) printServiceStatus(st serviceStatus, now time.Time) {
	flag := p.modeFlag()
	if st.Phase == install.Absent {
		say(p.stdout, "%s: not installed", p.serviceOf())
		if other := p.otherService(); other != "" {
			say(p.stdout, "  there is %s", other)
		}
		say(p.stdout, "  to install it: vendord service install%s", flag)
		return
	}
	since := ""
	if !st.Since.IsZero() {
		since = ", since " + clock(st.Since, now) + " (" + inWords(now.Sub(st.Since)) + ")"
	}
	say(p.stdout, "%s (%s): %s%s%s", p.serviceOf(), st.Manager, phaseInWords(st), pidInWords(st.PID), since)
	p.printTrouble(st, flag)
	if st.Summary != "" {
		say(p.stdout, "  has       %s", strings.TrimPrefix(st.Summary, st.Problem+"; "))
	}
	say(p.stdout, "  program   %s %s", st.Binary, inBrackets(dash(st.Installed)))
	if st.Replaced {
		say(p.stdout, "            %s runs, and the file is another by now: vendord service restart%s", st.Version, flag)
	} else if st.ByHand {
		say(p.stdout, "            its unit is not vendord's: service install and uninstall leave it alone")
	} else if st.Command != st.Installed {
		say(p.stdout, "            this command is %s; to have that run: vendord service install%s", st.Command, flag)
	}
	if st.URL != "" {
		p.printURL(st.URL, st.NoToken)
		p.printEndpoints(st.Endpoints)
	}
	if st.Ready && st.Profiles == 0 && st.knowsAll && !st.Changed {
		say(p.stdout, "  vends     nothing yet: edit %s, then vendord service install%s", p.configOf(st), flag)
	}
	changed := ""
	if st.Changed {
		changed = "  (changed on disk, not loaded: vendord reload)"
	}
	say(p.stdout, "  config    %s%s", p.configOf(st), changed)
	p.printUnits(st, flag)
}

// configOf is the service's configuration.
func (p *program) configOf(st serviceStatus) string {
	if st.Config != "" {
		return st.Config
	}
	return p.serviceConfig()
}

func phaseInWords(st serviceStatus) string {
	switch {
	case st.Phase == install.Crashing:
		if st.Restarts == 0 {
			return "crashing, and started again"
		}
		return "crashing, and started again each time (" + count(st.Restarts, "restart") + ")"
	case st.Phase == install.Failed:
		return "failed, and not started again"
	case st.Phase == install.Running && !st.Ready:
		return "running, and not ready"
	case st.Phase == install.Running:
		return "running and ready"
	}
	return string(st.Phase)
}

// printTrouble says what is wrong with a service, and what to do.
func (p *program) printTrouble(st serviceStatus, flag string) {
	if st.Exit != "" {
		say(p.stdout, "  ended     %s", st.Exit)
	}
	if st.Problem != "" {
		say(p.stdout, "  problem   %s", st.Problem)
	}
	switch st.Phase {
	case install.Crashing, install.Failed:
		say(p.stdout, "            see: vendord service logs%s", flag)
	case install.Running:
		if st.Restarts > 0 {
			say(p.stdout, "  crashed   %s since it was started: see vendord service logs%s", count(st.Restarts, "time"), flag)
		}
	case install.Stopped:
		say(p.stdout, "            to start it: vendord service start%s", flag)
	}
}

// printUnits says what starts the service and what shapes it.
func (p *program) printUnits(st serviceStatus, flag string) {
	switch {
	case !st.Enabled && st.ByHand:
		say(p.stdout, "  starts    not by itself (disabled)")
	case !st.Enabled:
		say(p.stdout, "  starts    not by itself (disabled): vendord service install%s", flag)
	case p.system || st.Lingers:
		say(p.stdout, "  starts    at boot")
	default:
		say(p.stdout, "  starts    when you log in; at boot: loginctl enable-linger")
	}
	for _, file := range st.Foreign {
		say(p.stdout, "  drop-in   %s", file)
	}
	if st.Stale {
		ctl := "systemctl"
		if !p.system {
			ctl += " --user"
		}
		say(p.stdout, "  stale     its unit has changed on disk: %s daemon-reload, then vendord service restart%s", ctl, flag)
	}
}

// otherService says that the other mode's service is installed, where that can be
// seen from its files: it may be the one that is meant.
func (p *program) otherService() string {
	other := *p
	if other.system = !p.system; exists(other.systemd().Units + "/vendord.service") {
		return "a " + other.serviceOf() + ": vendord service status" + other.modeFlag()
	}
	return ""
}
