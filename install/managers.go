package install

import (
	"context"
	"os"
	"os/user"
	"path"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
)

// accountNote is what the user database says of a user that an install made: that
// one, and no other, is removed with purge.
const accountNote = "made by vendord service install"

// newUser makes the service's user, where useradd is.
func newUser(name string) func(context.Context, *commanded, *transaction) error {
	return func(ctx context.Context, m *commanded, t *transaction) error {
		err := m.do(ctx, []string{"useradd", "--system", "--user-group", "--no-create-home", "--home-dir", InitState,
			"--shell", "/usr/sbin/nologin", "--comment", accountNote, name})
		if err == nil {
			t.did(func(ctx context.Context) error { return m.do(ctx, []string{"userdel", name}) })
		}
		return err
	}
}

func script(h Host) *commanded {
	m := &commanded{Host: h, file: InitScript, user: InitUser, log: InitLog, data: []string{InitState, InitRecord, InitLog}, passing: []string{InitRun, InitPID},
		note:      func(line string) string { return "# " + line },
		noAccount: "useradd --system vendord, or where there is busybox: adduser -S -D -H vendord"}
	m.account = func(ctx context.Context, t *transaction) error { return newUser(InitUser)(ctx, m, t) }
	return m
}

// NewOpenRC is OpenRC, as on Alpine and Gentoo.
func NewOpenRC(h Host) Manager {
	m := script(h)
	m.name, m.render = "OpenRC", Service.OpenRC
	m.enable, m.disable = []string{"rc-update", "add", "vendord", "default"}, []string{"rc-update", "del", "vendord", "default"}
	m.start, m.stop = []string{"rc-service", "vendord", "start"}, []string{"rc-service", "vendord", "stop"}
	m.restart = []string{"rc-service", "vendord", "restart"}
	m.enabled = "/etc/runlevels/default/vendord"
	m.phase = openrcPhase
	return m
}

// openrcPhase is what rc-service says by its exit status (supervise-daemon.sh).
func openrcPhase(ctx context.Context, m *commanded) (Phase, int, error) {
	text, status, err := m.asked(ctx, "rc-service", "vendord", "status")
	if err != nil {
		return "", 0, err
	}
	pid := m.number("/run/openrc/options/vendord/child_pid")
	switch status {
	case 0:
		return Running, pid, nil
	case 4:
		return Stopping, pid, nil
	case 8:
		return Starting, pid, nil
	case 3, 16:
		return Stopped, 0, nil
	case 32, 64:
		return Failed, 0, nil
	}
	return "", 0, problem("", "rc-service vendord status: exit status %d: %s", status, strings.TrimSpace(text))
}

// NewSysV is an init of scripts alone, as Devuan has it, with Debian's update-rc.d and
// start-stop-daemon.
func NewSysV(h Host) Manager {
	m := script(h)
	m.name, m.render = "SysV init", Service.SysV
	m.enable, m.disable = []string{"update-rc.d", "vendord", "defaults"}, []string{"update-rc.d", "-f", "vendord", "remove"}
	m.start, m.stop = []string{InitScript, "start"}, []string{InitScript, "stop"}
	m.restart = []string{InitScript, "restart"}
	m.enabled = "/etc/rc[2345].d/S??vendord"
	m.phase = sysvPhase
	return m
}

// sysvPhase is what the script says by its exit status (LSB 5).
func sysvPhase(ctx context.Context, m *commanded) (Phase, int, error) {
	text, status, err := m.asked(ctx, InitScript, "status")
	if err != nil {
		return "", 0, err
	}
	switch status {
	case 0:
		return Running, m.number(InitPID), nil
	case 1, 2:
		return Failed, 0, nil
	case 3:
		return Stopped, 0, nil
	}
	return "", 0, problem("", "%s status: exit status %d: %s", InitScript, status, strings.TrimSpace(text))
}

// NewLaunchd is launchd, for a daemon or for an agent. It was never run on a Mac:
// what launchctl is asked and answers is from its manual.
func NewLaunchd(h Host) Manager {
	m := &commanded{Host: h, name: "launchd", render: Service.Launchd, note: func(line string) string { return "<!-- " + line + " -->" }}
	domain := "gui/" + strconv.Itoa(h.UID)
	m.file, m.log = path.Join(h.Home, "Library/LaunchAgents", LaunchdLabel+".plist"), path.Join(h.Home, "Library/Logs/vendord.log")
	m.data = []string{m.log}
	if h.System {
		domain, m.user, m.log = "system", LaunchdUser, LaunchdLog
		m.file = "/Library/LaunchDaemons/" + LaunchdLabel + ".plist"
		m.data = []string{LaunchdPlace, LaunchdLog}
		m.prepare = launchdPlaces
		m.noAccount = "sudo dseditgroup -o create -i 380 _vendord; sudo sysadminctl -addUser _vendord -UID 380 -GID 380 -roleAccount -shell /usr/bin/false -home /var/empty"
	}
	target := domain + "/" + LaunchdLabel
	m.enable, m.disable = []string{"launchctl", "enable", target}, nil
	m.start, m.stop = []string{"launchctl", "bootstrap", domain, m.file}, []string{"launchctl", "bootout", target}
	m.enabled = m.file
	m.phase = func(ctx context.Context, m *commanded) (Phase, int, error) { return launchdPhase(ctx, m, target) }
	return m
}

// launchdLine is one that matters of what launchctl print prints.
var launchdLine = regexp.MustCompile(`(?m)^\s*(state|pid|last exit code|runs) = (.*?)\s*$`)

// launchdPhase: what launchd does not know of was stopped.
func launchdPhase(ctx context.Context, m *commanded, target string) (Phase, int, error) {
	text, status, err := m.asked(ctx, "launchctl", "print", target)
	if err != nil {
		return "", 0, err
	}
	if status != 0 {
		return Stopped, 0, nil
	}
	said := map[string]string{}
	for _, found := range launchdLine.FindAllStringSubmatch(text, -1) {
		if _, before := said[found[1]]; !before { // the first is the service's, the others' those of what it has
			said[found[1]] = found[2]
		}
	}
	pid, _ := strconv.Atoi(said["pid"])
	switch {
	case said["state"] == "running":
		return Running, pid, nil
	case said["last exit code"] != "" && said["last exit code"] != "0" && !strings.HasPrefix(said["last exit code"], "("):
		return Crashing, 0, nil
	}
	return Starting, 0, nil
}

// launchdPlaces makes the directories of the daemon's user, and the log, in those
// that are root's.
func launchdPlaces(m *commanded) error {
	uid, gid := -1, -1
	if u, err := user.Lookup(m.user); err == nil {
		uid, _ = strconv.Atoi(u.Uid)
		gid, _ = strconv.Atoi(u.Gid)
	}
	for _, dir := range []struct {
		path string
		mode os.FileMode
	}{{LaunchdPlace, 0o755}, {LaunchdState, 0o700}, {filepath.Dir(LaunchdSocket), 0o755}} {
		err := os.MkdirAll(m.at(dir.path), dir.mode)
		if err == nil && dir.path != LaunchdPlace {
			err = os.Lchown(m.at(dir.path), uid, gid)
		}
		if err != nil {
			return problem("", "%s: %w", dir.path, err)
		}
	}
	log, err := os.OpenFile(m.at(LaunchdLog), os.O_WRONLY|os.O_CREATE|os.O_APPEND, 0o640)
	if err == nil {
		err = log.Chown(uid, gid)
		log.Close()
	}
	if err != nil {
		return problem("", "%s: %w", LaunchdLog, err)
	}
	return nil
}
