package main

import (
	"context"
	"errors"
	"fmt"
	"net/netip"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/vendord/vendord/control"
	"github.com/vendord/vendord/install"
	"github.com/vendord/vendord/link"
	"github.com/vendord/vendord/peer"
	"github.com/vendord/vendord/profiles"
	"github.com/vendord/vendord/server"
)

func (p *program) serviceInstallCommand(o *serviceOptions) *cobra.Command {
	cmd := &cobra.Command{
		Use: "install", Short: "Install the service, or upgrade it to this program and its configuration", Args: exactly(0, ""),
		Long: `Install the service, and start it; or upgrade what is installed to this program and
to what its configuration needs by now. Everything is looked at before anything is
changed. What fails then is put back as it was. Where there is no configuration, a
first one is written.`,
		Example: `  sudo vendord service install
  vendord service install --user
  vendord service install --system --dry-run`,
		RunE: func(cmd *cobra.Command, _ []string) error {
			return p.withManager(cmd.Context(), o, func(ctx context.Context, m install.Manager) error {
				if o.dryRun {
					return p.serviceDryRun(ctx, m)
				}
				return p.serviceInstall(ctx, m)
			})
		},
	}
	cmd.Flags().BoolVar(&o.dryRun, "dry-run", false, "print the files and commands, and change nothing")
	return cmd
}

// factsOf is what the last install left to know.
func factsOf(m install.Manager) install.Facts {
	if remembers, ok := m.(interface{ Facts() install.Facts }); ok {
		return remembers.Facts()
	}
	return install.Facts{}
}

func (p *program) serviceInstall(ctx context.Context, m install.Manager) error {
	plan := p.newServicePlan(factsOf(m))
	before, remarks, err := p.serviceCheck(ctx, m, plan)
	for _, w := range plan.warnings {
		p.warn(w)
	}
	for _, remark := range remarks {
		p.warn(fail("", "%s", remark))
	}
	if err != nil {
		return err
	}
	if err := m.Install(ctx, plan.Plan); err != nil {
		p.printUndone(ctx, err)
		return err
	}
	after, err := m.State(ctx)
	if err != nil {
		return err
	}
	return p.printInstalled(m, plan, before, after)
}

// printUndone says what an install left that failed, if it left nothing.
func (p *program) printUndone(ctx context.Context, err error) {
	_, notBack := errors.AsType[*install.NotBack](err)
	switch {
	case notBack:
	case ctx.Err() != nil:
		fmt.Fprintln(p.stderr, "interrupted: all is as it was before")
	default:
		fmt.Fprintln(p.stderr, "the install failed, and all is as it was before:")
	}
}

// serviceCheck looks at all that could be in the way, before anything is changed.
func (p *program) serviceCheck(ctx context.Context, m install.Manager, plan *servicePlan) (before install.State, remarks []string, err error) {
	wrong := slices.Clone(plan.problems)
	remarks, err = m.Check(ctx, plan.Plan)
	wrong = append(wrong, flatten(err)...)
	before, failed := m.State(ctx)
	if failed == nil {
		wrong = append(wrong, p.byHand(ctx, before)...)
		wrong = append(wrong, portsTaken(plan.Service.Needs.Listen, before)...)
		wrong = append(wrong, addressesTaken(plan.Service.Needs.Link)...)
	} else if err == nil {
		wrong = append(wrong, failed)
	}
	return before, remarks, errors.Join(wrong...)
}

// byHand finds a daemon of this mode that is no service. It is not asked for where
// systemd listens: to ask there would start it.
func (p *program) byHand(ctx context.Context, before install.State) []error {
	if len(before.Listen) > 0 {
		return nil
	}
	c, err := control.Dial(ctx, p.serviceSocket())
	if err != nil {
		return nil
	}
	defer c.Close()
	status, err := c.Status(ctx)
	if err != nil || status.PID == before.PID {
		return nil
	}
	return []error{fail(fmt.Sprintf("stop it: kill %d", status.PID), "vendord serve (pid %d): runs by hand, with the control socket of the service", status.PID)}
}

// portsTaken finds who else listens where the service is to listen.
func portsTaken(listen []netip.AddrPort, before install.State) (wrong []error) {
	for _, at := range listen {
		if slices.Contains(before.Listen, at.String()) {
			continue
		}
		holder, err := peer.Listener(at)
		if err != nil || holder.PID != 0 && holder.PID == before.PID {
			continue
		}
		wrong = append(wrong, fail("stop it, or set another address in vendord.toml", "%s: in use by %s", at, holder))
	}
	return wrong
}

// serviceReady waits until the daemon of this process id answers.
func (p *program) serviceReady(ctx context.Context, pid int) error {
	for {
		status, _, err := p.askService(ctx)
		if err == nil && status.PID == pid {
			return allServed(status.Endpoints)
		}
		if err == nil {
			err = fail("", "another vendord answers there (pid %d)", status.PID)
		}
		select {
		case <-ctx.Done():
			return fail("vendord service logs"+p.modeFlag(), "service: started (pid %d), and does not answer: %w", pid, err)
		case <-time.After(50 * time.Millisecond):
		}
	}
}

// allServed refuses an install after which an endpoint is not served: the units that are
// in force are not those that it wrote.
func allServed(rows []control.EndpointRow) error {
	for _, row := range rows {
		if row.Unserved {
			return fail("see the drop-ins: systemctl cat vendord.socket", "%s: vendord.socket as it is in force does not hold it", row.URL)
		}
	}
	return nil
}

// askService asks the service for its status, and whether it is ready.
func (p *program) askService(ctx context.Context) (status control.Status, ready control.Ready, err error) {
	c, err := control.Dial(ctx, p.serviceSocket())
	if err != nil {
		return status, ready, err
	}
	defer c.Close()
	if status, err = c.Status(ctx); err == nil {
		ready, err = c.Ready(ctx)
	}
	return status, ready, err
}

// addressesTaken finds whose the addresses are that the service is to put on this machine.
func addressesTaken(all []netip.Addr) (wrong []error) {
	now, err := link.Status(all)
	if err != nil {
		return nil // the manager says what it cannot do
	}
	for _, a := range now {
		wrong = append(wrong, flatten(a.Refusal())...)
	}
	return wrong
}

// serviceProfiles is how the service will read its configuration.
func (p *program) serviceProfiles(path string) profiles.Options {
	o := profiles.Options{Path: path, System: p.system, UID: p.uid, Home: p.home}
	if p.system {
		o.UID, o.Home, o.Stores = serviceUser(serviceState), "/", profiles.Stores()
	}
	return o
}

// serviceDryRun prints what an install would do.
func (p *program) serviceDryRun(ctx context.Context, m install.Manager) error {
	plan := p.newServicePlan(factsOf(m))
	if plan.config == nil {
		return errors.Join(plan.problems...)
	}
	files, commands, err := m.Render(plan.Plan)
	if err != nil {
		return err
	}
	if p.json {
		return p.printJSON(map[string]any{"files": asJSON(files), "commands": commands})
	}
	for _, f := range files {
		say(p.stdout, "==> %s (mode %04o)", f.Path, f.Mode)
		fmt.Fprintln(p.stdout, f.Text) // as it is: a script has tabs
	}
	say(p.stdout, "==> commands\n%s", strings.Join(commands, "\n"))
	_, _, err = p.serviceCheck(ctx, m, plan)
	for _, e := range append(plan.warnings, flatten(err)...) {
		p.warn(e)
	}
	return nil
}

// asJSON has each mode as people write it.
func asJSON(files []install.File) []map[string]string {
	all := []map[string]string{}
	for _, f := range files {
		all = append(all, map[string]string{"path": f.Path, "mode": fmt.Sprintf("%04o", f.Mode), "text": f.Text})
	}
	return all
}

// printInstalled says what was done and what comes next.
func (p *program) printInstalled(m install.Manager, plan *servicePlan, before, after install.State) error {
	if p.json {
		return p.printJSON(after)
	}
	done := "installed"
	if before.Phase != install.Absent {
		done = "upgraded"
	}
	say(p.stdout, "%s: %s under %s, and running (pid %d)", p.serviceOf(), done, m.Name(), after.PID)
	from := ""
	if plan.Copy != "" {
		from = ", copied from " + plan.Copy
	}
	say(p.stdout, "  program   %s %s%s", plan.Service.Binary, inBrackets(versionText()), from)
	for _, file := range after.Files {
		say(p.stdout, "  wrote     %s", file)
	}
	if plan.First.Path != "" {
		say(p.stdout, "  wrote     %s, a first configuration", plan.path)
	} else {
		say(p.stdout, "  config    %s", plan.path)
	}
	if at, err := netip.ParseAddrPort(plan.config.Daemon.Listen); err == nil {
		p.printURL("http://"+at.String()+server.Path, byKernelAlone(plan.config))
	} else {
		say(p.stdout, "  asked at  a free port, which vendord status shows")
	}
	p.printEndpoints(rowsOf(plan.config.Endpoints))
	p.printStarts()
	p.printNext(plan)
	return nil
}

// byKernelAlone reports whether there are apps whose programs need no token.
func byKernelAlone(config *profiles.Config) bool {
	for _, app := range config.Apps {
		if app.Match.Any() && !app.Both {
			return true
		}
	}
	return false
}

// printStarts says when the service starts by itself.
func (p *program) printStarts() {
	switch {
	case p.system:
		say(p.stdout, "  starts    at boot")
	case lingers(p.user):
		say(p.stdout, "  starts    at boot: you linger, so your services run while you are logged out")
	default:
		say(p.stdout, "  starts    when you log in, and ends when you have logged out;")
		say(p.stdout, "            from boot to shutdown instead, for all services of yours: loginctl enable-linger")
	}
}

// lingers reports whether a user's services run without the user.
func lingers(user string) bool { return exists(filepath.Join("/var/lib/systemd/linger", user)) }

func (p *program) printNext(plan *servicePlan) {
	flag := p.modeFlag()
	if len(plan.config.Profiles) == 0 {
		check := "vendord check"
		if p.system {
			check = "vendord check --system"
		}
		say(p.stdout, "it vends nothing yet. Next: edit %s, then", plan.path)
		say(p.stdout, "  %s && vendord service install%s", check, flag)
		return
	}
	say(p.stdout, "next: vendord service status%s, vendord service logs%s", flag, flag)
}
