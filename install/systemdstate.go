package install

import (
	"context"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"syscall"
	"time"
)

// State asks systemd. Nothing of it takes root.
func (s Systemd) State(ctx context.Context) (State, error) {
	if err := s.checkRunning(ctx); err != nil {
		return State{}, err
	}
	units, err := s.show(ctx)
	if err != nil {
		return State{}, err
	}
	service, socket := units[serviceUnit], units[socketUnit]
	st := State{Phase: phaseOf(service), Enabled: units.enabled(serviceUnit), Exit: exitOf(service), Binary: programOf(units),
		Config: s.Facts().Config, Stale: slices.ContainsFunc(allUnits(), func(unit string) bool { return units[unit]["NeedDaemonReload"] == "yes" })}
	if st.Phase == Absent {
		return State{Phase: Absent}, nil
	}
	st.PID, _ = strconv.Atoi(service["MainPID"])
	st.Restarts, _ = strconv.Atoi(service["NRestarts"])
	st.Since, _ = time.Parse("Mon 2006-01-02 15:04:05 UTC", service["StateChangeTimestamp"])
	if units.active(socketUnit) {
		for line := range strings.Lines(socket["Listen"]) {
			at, _, _ := strings.Cut(strings.TrimSpace(line), " ")
			st.Listen = append(st.Listen, at)
		}
	}
	for _, unit := range allUnits() {
		path := filepath.Join(s.Units, unit)
		if _, err := os.Stat(s.at(path)); err == nil {
			st.Files = append(st.Files, path)
		}
		st.Foreign = append(st.Foreign, s.dropIns(unit)...)
	}
	st.ByHand = !s.ours(serviceUnit)
	return st, nil
}

// phaseOf: a service that systemd starts again and again is not one that starts.
func phaseOf(unit map[string]string) Phase {
	switch unit["ActiveState"] {
	case "active", "reloading":
		return Running
	case "deactivating":
		return Stopping
	case "failed":
		return Failed
	case "activating":
		if unit["SubState"] == "auto-restart" || unit["NRestarts"] != "0" && unit["NRestarts"] != "" {
			return Crashing
		}
		return Starting
	}
	if unit["LoadState"] == "loaded" {
		return Stopped
	}
	return Absent
}

// exitOf says how the last process failed.
func exitOf(unit map[string]string) string {
	status, _ := strconv.Atoi(unit["ExecMainStatus"])
	switch unit["Result"] {
	case "", "success":
		return ""
	case "exit-code":
		return fmt.Sprintf("exit status %d", status)
	case "signal", "core-dump":
		return fmt.Sprintf("killed by a signal: %s", syscall.Signal(status))
	case "watchdog":
		return "killed by systemd: it gave no sign of life"
	case "timeout":
		return "killed by systemd: it took too long"
	case "oom-kill":
		return "killed by the kernel: out of memory"
	case "start-limit-hit":
		return "it ended too often: systemd tries no more"
	case "protocol":
		return "it ended before it was ready"
	}
	return unit["Result"]
}

// programOf is the path in what systemd shows of ExecStart:
// "{ path=/usr/local/bin/vendord ; argv[]=…".
func programOf(units shown) string {
	_, rest, _ := strings.Cut(units[serviceUnit]["ExecStart"], "path=")
	path, _, _ := strings.Cut(rest, " ; ")
	return path
}

// Start starts the sockets first, as at boot.
func (s Systemd) Start(ctx context.Context) error {
	return s.have(ctx, "start", socketUnit, serviceUnit)
}

// Stop stops the sockets too: with them open, whoever asks would start it again. Their
// addresses go with them, which is waited for.
func (s Systemd) Stop(ctx context.Context) error {
	return s.have(ctx, "stop", serviceUnit, socketUnit, netUnit)
}

// Restart leaves the sockets open: who asks meanwhile waits.
func (s Systemd) Restart(ctx context.Context) error { return s.have(ctx, "restart", serviceUnit) }

func (s Systemd) have(ctx context.Context, do string, units ...string) error {
	if err := s.checkUser(do); err != nil {
		return err
	}
	st, err := s.State(ctx)
	if err != nil {
		return err
	}
	if st.Phase == Absent {
		return problem("vendord service install "+s.mode(), "%s service: not installed", strings.TrimPrefix(s.mode(), "--"))
	}
	args := []string{do}
	for _, unit := range units {
		if _, err := os.Stat(s.at(filepath.Join(s.Units, unit))); err == nil || unit == serviceUnit {
			args = append(args, unit)
		}
	}
	began := s.now()
	if do == "start" && (st.Phase == Crashing || st.Phase == Starting) && st.Since.Before(began) {
		began = st.Since // it is the start under way that is waited for, and has said what is wrong
	}
	if do != "stop" { // after a crash loop systemd refuses to start it; who types this means it
		_ = s.ctl(ctx, slices.Concat([]string{"reset-failed"}, args[1:])...)
	}
	err = s.ctl(ctx, args...)
	if err == nil || ctx.Err() != nil {
		return err
	}
	return &NotStarted{Err: err, Log: s.lastOf(ctx, began)}
}

func (s Systemd) mode() string {
	if s.System {
		return "--system"
	}
	return "--user"
}

// lastOf is what the service has logged last, since a time. What it wrote when it died
// may not be in the journal yet when systemd says that it is dead. journalctl shows the
// first lines since a time, not the last, unless it is to begin with those.
func (s Systemd) lastOf(ctx context.Context, since time.Time) (lines []string) {
	if s.System {
		_ = s.run(ctx, io.Discard, io.Discard, "journalctl", "--sync")
	}
	args := append([]string{"--no-pager", "--quiet", "--output=cat", "--reverse"}, s.ofUnits()...)
	text, err := s.ask(ctx, "journalctl", append(args, "--lines="+strconv.Itoa(lastLines), "--since=@"+strconv.FormatInt(since.Unix(), 10))...)
	if err != nil || strings.TrimSpace(text) == "" {
		return nil
	}
	lines = strings.Split(strings.TrimRight(text, "\n"), "\n")
	slices.Reverse(lines)
	return lines
}

// ofUnits has journalctl show what the units have said. A user has no vendord-net.service.
func (s Systemd) ofUnits() (args []string) {
	for _, unit := range allUnits() {
		if s.System || unit != netUnit {
			args = append(args, "--unit="+unit)
		}
	}
	return args
}

// Logs runs journalctl.
func (s Systemd) Logs(ctx context.Context, l Logs) error {
	args := append([]string{"--no-pager"}, s.ofUnits()...)
	if !s.System {
		args = append([]string{"--user"}, args...)
	}
	if l.Lines > 0 {
		args = append(args, "--lines="+strconv.Itoa(l.Lines))
	}
	if l.Since != "" {
		args = append(args, "--since="+l.Since)
	}
	if l.Follow {
		args = append(args, "--follow")
	}
	return s.run(ctx, l.Out, l.Err, "journalctl", args...)
}
