package main

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"os/signal"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"

	"github.com/spf13/cobra"

	"github.com/vendord/vendord/install"
	"github.com/vendord/vendord/profiles"
)

// serviceOptions are the flags of the commands below `vendord service`.
type serviceOptions struct {
	user, dryRun, purge, follow bool
	lines                       int
	since                       string
}

func (p *program) serviceCommand() *cobra.Command {
	o := &serviceOptions{}
	cmd := &cobra.Command{
		Use: "service", GroupID: "daemon", Args: exactly(0, "one of install, uninstall, start, stop, restart, status and logs"),
		Short: "Make vendord a service of this machine, or of yours",
		Long: `Make vendord a service: it starts by itself, is restarted when it ends, and has as
few rights as its configuration can do with. --system is one for all users of the
machine (root's default), --user one of your own (everybody else's).`,
		RunE: func(cmd *cobra.Command, _ []string) error { return cmd.Help() },
	}
	cmd.PersistentFlags().BoolVar(&o.user, "user", false, "a service of your own, not the machine's")
	cmd.AddCommand(p.serviceInstallCommand(o), p.serviceUninstallCommand(o), p.serviceStatusCommand(o), p.serviceLogsCommand(o),
		p.serviceSteerCommand(o, "start", "Start the service", install.Manager.Start),
		p.serviceSteerCommand(o, "stop", "Stop the service, until it is started or the machine is", install.Manager.Stop),
		p.serviceSteerCommand(o, "restart", "Restart the service: programs that ask meanwhile wait", p.serviceRestart))
	return cmd
}

// serviceMode settles whose service is meant: root's is the machine's.
func (p *program) serviceMode(o *serviceOptions) error {
	if o.user && p.system {
		return usageError{"service: --user and --system are two services", "name one of them"}
	}
	p.system = p.system || !o.user && p.uid == 0
	return nil
}

// serviceOf is whose service it is, for people.
func (p *program) serviceOf() string {
	if p.system {
		return "system service"
	}
	return "service of user " + p.user
}

// modeFlag is the flag that names this mode's service to whoever it is not the
// default of.
func (p *program) modeFlag() string {
	switch {
	case p.system && p.uid != 0:
		return " --system"
	case !p.system && p.uid == 0:
		return " --user"
	}
	return ""
}

// withManager runs what a command does with the service manager. What a signal ends,
// the manager has put back.
func (p *program) withManager(ctx context.Context, o *serviceOptions, do func(context.Context, install.Manager) error) error {
	if err := p.serviceMode(o); err != nil {
		return err
	}
	m, err := p.manager()
	if err != nil {
		return err
	}
	ctx, release := interruptible(ctx)
	defer release()
	// A second Ctrl-C does not end what the first one began: to put everything back.
	again := make(chan os.Signal, 1)
	notify(again, os.Interrupt, syscall.SIGTERM, syscall.SIGHUP)
	defer signal.Stop(again)
	err = do(ctx, m)
	p.printLog(err)
	if notBack, ok := errors.AsType[*install.NotBack](err); ok && ctx.Err() != nil {
		p.printError(notBack) // of all else, whoever pressed Ctrl-C needs no words
	}
	return orSignal(ctx, err)
}

// printLog prints the last lines of the log of a service that did not come up.
func (p *program) printLog(err error) {
	failed, ok := errors.AsType[*install.NotStarted](err)
	if !ok || len(failed.Log) == 0 {
		return
	}
	fmt.Fprintln(p.stderr, "the last lines of its log:")
	for _, line := range failed.Log {
		say(p.stderr, "  %s", line)
	}
}

func (p *program) serviceSteerCommand(o *serviceOptions, name, short string, do func(install.Manager, context.Context) error) *cobra.Command {
	return &cobra.Command{Use: name, Short: short, Args: exactly(0, ""),
		RunE: func(cmd *cobra.Command, _ []string) error {
			return p.withManager(cmd.Context(), o, func(ctx context.Context, m install.Manager) error {
				if err := do(m, ctx); err != nil {
					return err
				}
				st, err := m.State(ctx)
				if err != nil {
					return err
				}
				if p.json {
					return p.printJSON(st)
				}
				say(p.stdout, "%s: %s%s", p.serviceOf(), st.Phase, pidInWords(st.PID))
				return nil
			})
		}}
}

// serviceRestart restarts what could start again: a daemon that runs is not ended for
// one that would fail at its configuration.
func (p *program) serviceRestart(m install.Manager, ctx context.Context) error {
	st, err := m.State(ctx)
	if err != nil {
		return err
	}
	if st.Phase == install.Running && (p.uid == 0 || !p.system) {
		path := cmp.Or(st.Config, p.serviceConfig())
		config, err := profiles.Load(p.serviceProfiles(path))
		if err != nil {
			return errors.Join(fail("mend it; until then the daemon goes on with what it has",
				"service restart: not done: vendord would not start again with %s", path), err)
		}
		wrong := unfit(config, filepath.Join(p.systemd().Units, "vendord.socket"), "vendord service install"+p.modeFlag())
		if len(st.Listen) > 0 && wrong != nil {
			return errors.Join(fail("that restarts it too; until then the daemon goes on with what it has",
				"service restart: not done: vendord.socket does not fit %s", path), errors.Join(wrong...))
		}
	}
	return m.Restart(ctx)
}

func pidInWords(pid int) string {
	if pid == 0 {
		return ""
	}
	return ", pid " + strconv.Itoa(pid)
}

func (p *program) serviceUninstallCommand(o *serviceOptions) *cobra.Command {
	cmd := &cobra.Command{
		Use: "uninstall", Short: "Stop the service and remove it; the configuration, the state and the record stay", Args: exactly(0, ""),
		Long: `Stop the service and remove its files, and the program if install copied it. The
configuration, the state (hashes of tokens) and the record stay. --purge removes the
state and the record too, and a configuration that is still as install wrote it.`,
		RunE: func(cmd *cobra.Command, _ []string) error {
			return p.withManager(cmd.Context(), o, func(ctx context.Context, m install.Manager) error {
				removed, err := m.Uninstall(ctx, o.purge)
				p.printRemoved(removed, err)
				return err
			})
		},
	}
	cmd.Flags().BoolVar(&o.purge, "purge", false, "remove the state and the record too")
	return cmd
}

func (p *program) printRemoved(r install.Removed, err error) {
	if p.json {
		_ = p.printJSON(r)
		return
	}
	for _, path := range r.Gone {
		say(p.stdout, "removed  %s", path)
	}
	for _, path := range r.Kept {
		say(p.stdout, "kept     %s", path)
	}
	switch {
	case err != nil:
	case len(r.Gone) == 0:
		say(p.stdout, "%s: not installed: there is nothing to remove", p.serviceOf())
	default:
		say(p.stdout, "%s: uninstalled", p.serviceOf())
	}
	if err == nil && len(r.Kept) > 0 {
		say(p.stdout, "to remove what was kept: rm -r %s", install.ShellWords(r.Kept...))
	}
}

func (p *program) serviceLogsCommand(o *serviceOptions) *cobra.Command {
	cmd := &cobra.Command{
		Use: "logs", Short: "Show what the service has logged", Args: exactly(0, ""),
		Example: `  vendord service logs --follow
  vendord service logs --since '1 hour ago'`,
		RunE: func(cmd *cobra.Command, _ []string) error {
			if o.since != "" && !cmd.Flags().Changed("lines") {
				o.lines = 0
			}
			if o.lines < 0 {
				return usageError{fmt.Sprintf("service logs: --lines %d: less than none", o.lines), "0 is all of them"}
			}
			return p.withManager(cmd.Context(), o, func(ctx context.Context, m install.Manager) error { return p.serviceLogs(ctx, o, m) })
		},
	}
	f := cmd.Flags()
	f.BoolVarP(&o.follow, "follow", "f", false, "go on with what is logged from now on")
	f.IntVarP(&o.lines, "lines", "n", 100, "the last `N` lines, 0 for all")
	f.StringVar(&o.since, "since", "", "from this `time` on: '2026-11-22 14:00', '1 hour ago'")
	return cmd
}

// serviceLogs ends as what shows the log does. Who sees nothing because the journal
// is not theirs to read is told so: an empty log looks like a service without one.
func (p *program) serviceLogs(ctx context.Context, o *serviceOptions, m install.Manager) error {
	problems := &strings.Builder{}
	err := m.Logs(ctx, install.Logs{Lines: o.lines, Since: o.since, Follow: o.follow, Out: p.stdout.File, Err: problems})
	said := strings.TrimSpace(problems.String())
	if strings.Contains(said, "insufficient permissions") || strings.Contains(said, "systemd-journal") {
		return fail("sudo vendord service logs --system, or have root add you to the group systemd-journal or adm", "journal: this user may not read it")
	}
	if said != "" {
		say(p.stderr, "%s", said)
	}
	if exit, ok := errors.AsType[*exec.ExitError](err); ok && exit.ExitCode() > 0 {
		return exitError{code: exit.ExitCode()}
	}
	return err
}
