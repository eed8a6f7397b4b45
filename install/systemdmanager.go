package install

import (
	"context"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/vendord/vendord/session"
	"github.com/vendord/vendord/trust"
)

// The units.
const (
	serviceUnit = "vendord.service"
	socketUnit  = "vendord.socket"
	netUnit     = "vendord-net.service"
)

// allUnits are those that an install may write, in the order in which they are stopped.
func allUnits() []string { return []string{serviceUnit, socketUnit, netUnit} }

// enabled are those of some units that are enabled: the others come with them.
func enabled(units []string) []string {
	return slices.DeleteFunc(slices.Clone(units), func(unit string) bool { return unit == netUnit })
}

// oldestSystemd is the first release that knows all that the units say.
const oldestSystemd = 250

// Systemd is systemd as a Manager: that of the system, or of a user.
type Systemd struct {
	// System tells which of the two.
	System bool
	// Units is where its units are: /etc/systemd/system, or systemd/user in a user's
	// configuration. Runtime is /run, or $XDG_RUNTIME_DIR.
	Units, Runtime string
	// Config is the configuration where the service names none. Data are the
	// directories of its state and its record, and of what it may find again, such as
	// what its commands keep.
	Config string
	Data   []string
	// UID is who installs.
	UID int
	// Root stands before the path of each file that is looked at or changed, for
	// tests; what the files say is without it.
	Root string
	// Run runs a command; nil is Command.
	Run Runner
	// Now is the clock; nil is time.Now.
	Now func() time.Time
}

// Name returns "systemd".
func (s Systemd) Name() string { return "systemd" }

// at is where a file is.
func (s Systemd) at(path string) string { return filepath.Join(s.Root, path) }

func (s Systemd) now() time.Time {
	if s.Now != nil {
		return s.Now()
	}
	return time.Now()
}

// Render returns the units, with what a later install or uninstall has to know, and
// the commands that Install runs.
func (s Systemd) Render(plan Plan) (files []File, commands []string, err error) {
	units, err := plan.Service.Systemd()
	if err != nil {
		return nil, nil, problem("install it where its path is a plain one", "%w", err)
	}
	for i := range units {
		units[i].Path = filepath.Join(s.Units, filepath.Base(units[i].Path))
		if filepath.Base(units[i].Path) == serviceUnit {
			units[i].Text += factsOf(plan)
		}
	}
	if plan.First.Path != "" {
		files = append(files, plan.First)
	}
	files = append(files, units...)
	if plan.Copy != "" {
		commands = append(commands, ShellWords("install", "-m", "755", plan.Copy, plan.Service.Binary))
	}
	ctl := "systemctl "
	if !s.System {
		ctl = "systemctl --user "
	}
	names := unitNames(units)
	return files, append(commands, ctl+"daemon-reload", ctl+"enable "+strings.Join(enabled(names), " "), ctl+"restart "+strings.Join(names, " ")), nil
}

// unitNames are those of some files, as they are stopped: the service before what
// would start it again.
func unitNames(files []File) []string {
	return slices.DeleteFunc(allUnits(), func(unit string) bool {
		return !slices.ContainsFunc(files, func(f File) bool { return filepath.Base(f.Path) == unit })
	})
}

// Check looks at everything that Install relies on.
func (s Systemd) Check(ctx context.Context, plan Plan) (remarks []string, err error) {
	var wrong problems
	wrong.add(s.checkUser("install"))
	wrong.add(s.checkRunning(ctx))
	for _, unit := range allUnits() {
		wrong.add(s.checkUnit(ctx, unit))
		for _, file := range s.dropIns(unit) {
			remarks = append(remarks, file+": stays, and changes what is installed")
		}
	}
	wrong.add(s.checkBinary(plan))
	return remarks, wrong.joined()
}

// checkUser refuses who cannot change the system's services, before anything is
// half done.
func (s Systemd) checkUser(to string) error {
	switch {
	case !s.System && s.UID == 0:
		return s.checkPlaces()
	case !s.System || s.UID == 0:
		return nil
	}
	return problem(asRoot(to)+", or have one of your own: vendord service "+to+" --user",
		"system service: only root can %s it", to)
}

// checkPlaces refuses to do root's work in directories of somebody who became root by
// sudo and kept their HOME: their links would lead root's files elsewhere.
func (s Systemd) checkPlaces() error {
	var wrong problems
	for _, dir := range []string{s.Units, s.Runtime, filepath.Dir(s.Config)} {
		if !filepath.IsAbs(dir) { // no session: systemd says so
			continue
		}
		if _, fault := trust.Check(s.at(dir), 0); fault != nil {
			wrong.add(problem("without sudo, for a service of your own; sudo -i, for one of root's", "service of root: %w", fault))
		}
	}
	return wrong.joined()
}

// checkRunning tells whether this systemd is there to be asked, and is new enough.
func (s Systemd) checkRunning(ctx context.Context) error {
	if _, err := os.Stat(s.at("/run/systemd/system")); s.System && err != nil { // as sd_booted(3) has it
		return problem("run vendord serve under the service manager that this machine has", "systemd: does not run here")
	}
	text, err := s.ask(ctx, "systemctl", "show", "--property=Version")
	if err != nil {
		return err
	}
	_, version, _ := strings.Cut(strings.TrimSpace(text), "Version=")
	digits := version[:len(version)-len(strings.TrimLeft(version, "0123456789"))]
	if number, err := strconv.Atoi(digits); err != nil || number < oldestSystemd {
		return problem("run vendord serve in a unit of your own", "systemd %s: older than %d, the first that knows what the units say", version, oldestSystemd)
	}
	return nil
}

// checkUnit refuses to take the place of a unit that somebody else wrote.
func (s Systemd) checkUnit(ctx context.Context, unit string) error {
	path := filepath.Join(s.Units, unit)
	info, err := os.Lstat(s.at(path))
	switch {
	case err == nil && info.Mode()&fs.ModeSymlink != 0:
		return problem("if it is not needed: rm "+path, "%s: a link that somebody else made, or a masked unit", path)
	case err == nil:
		if s.ours(unit) {
			return nil
		}
		return problem("move it away, or keep using it with systemctl", "%s: not written by vendord, and not overwritten", path)
	}
	if shown, err := s.show(ctx); err == nil {
		if elsewhere := shown[unit]["FragmentPath"]; elsewhere != "" && elsewhere != path {
			return problem("use that one with systemctl, or remove the package that it belongs to", "%s: there is such a unit already", elsewhere)
		}
	}
	return nil
}

// ours tells whether a unit's file was written by an install.
func (s Systemd) ours(unit string) bool {
	text, err := os.ReadFile(s.at(filepath.Join(s.Units, unit)))
	return err == nil && strings.HasPrefix(string(text), SystemdMarker)
}

// dropIns are the files by which somebody changed a unit.
func (s Systemd) dropIns(unit string) (files []string) {
	directory := filepath.Join(s.Units, unit+".d")
	entries, _ := os.ReadDir(s.at(directory))
	for _, e := range entries {
		if strings.HasSuffix(e.Name(), ".conf") {
			files = append(files, filepath.Join(directory, e.Name()))
		}
	}
	return files
}

// problem is an error with what to do about it.
func problem(hint, format string, args ...any) error {
	err := fmt.Errorf(format, args...)
	return &session.Error{Class: session.Configuration, Public: err.Error(), Hint: hint, Err: err}
}
