package install

import (
	"bytes"
	"cmp"
	"context"
	"errors"
	"io"
	"os"
	"os/exec"
	"slices"
	"strings"
	"time"

	"github.com/vendord/vendord/session"
	"github.com/vendord/vendord/trust"
)

// Runner runs a command to its end.
type Runner func(ctx context.Context, stdout, stderr io.Writer, name string, args ...string) error

// Command is the Runner of programs that are looked for in PATH. Where the context
// ends they are asked to end, and have five seconds to do so. A terminal's Ctrl-C does
// not reach them: a second one would end what puts everything back after the first.
func Command(ctx context.Context, stdout, stderr io.Writer, name string, args ...string) error {
	return commandWith(ctx, os.Environ(), stdout, stderr, name, args)
}

// machineCommand is Command for a service of the machine. Root may have been made so by
// a user, by su or sudo, and have that user's surroundings: a PATH in which a systemctl
// of theirs comes first, and variables that have the real one ask somebody else. So a
// program is run only where root alone can have put it, and gets few variables.
func machineCommand(ctx context.Context, stdout, stderr io.Writer, name string, args ...string) error {
	path, err := exec.LookPath(name)
	if err != nil {
		return err
	}
	if os.Geteuid() == 0 {
		if _, fault := trust.Check(path, 0); fault != nil {
			return problem("as root, set PATH=/usr/sbin:/usr/bin:/sbin:/bin", "%s, to which PATH leads: %w", name, fault)
		}
	}
	environ := []string{"PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"}
	for _, name := range []string{"HOME", "TZ"} {
		if value, set := os.LookupEnv(name); set {
			environ = append(environ, name+"="+value)
		}
	}
	return commandWith(ctx, environ, stdout, stderr, path, args)
}

func commandWith(ctx context.Context, environ []string, stdout, stderr io.Writer, name string, args []string) error {
	cmd := exec.CommandContext(ctx, name, args...)
	cmd.Stdout, cmd.Stderr = stdout, stderr
	cmd.Env = append(environ, "SYSTEMD_PAGER=", "SYSTEMD_COLORS=0", "LC_ALL=C.UTF-8") // what is read here is English and plain
	apart(cmd)
	cmd.Cancel = func() error { return cmd.Process.Signal(os.Interrupt) }
	cmd.WaitDelay = 5 * time.Second
	return cmd.Run()
}

// runner is own, where there is one, or what runs commands for such a service.
func runner(own Runner, system bool) Runner {
	switch {
	case own != nil:
		return own
	case system:
		return machineCommand
	}
	return Command
}

func (s Systemd) run(ctx context.Context, stdout, stderr io.Writer, name string, args ...string) error {
	return runner(s.Run, s.System)(ctx, stdout, stderr, name, args...)
}

// ask runs a command for what it prints. For a user's systemd, that one is meant.
func (s Systemd) ask(ctx context.Context, name string, args ...string) (string, error) {
	if !s.System {
		args = append([]string{"--user"}, args...)
	}
	var out, said bytes.Buffer
	err := s.run(ctx, &out, &said, name, args...)
	switch {
	case err == nil:
		return out.String(), nil
	case ctx.Err() != nil:
		return "", context.Cause(ctx)
	case errors.Is(err, exec.ErrNotFound):
		return "", problem("run vendord serve under the service manager that this machine has", "%s: no such program in PATH: is there a systemd?", name)
	}
	if _, ours := errors.AsType[*session.Error](err); ours {
		return "", err
	}
	first, _, _ := strings.Cut(strings.TrimSpace(said.String()), "\n")
	if strings.Contains(first, "connect to bus") {
		return "", s.noBus(first)
	}
	return "", problem("", "%s: %s", strings.Join(append([]string{name}, args...), " "), cmp.Or(first, err.Error()))
}

// noBus is why a user's systemd cannot be asked: most often because su and sudo
// change the user and make no session for the new one.
func (s Systemd) noBus(said string) error {
	if s.System {
		return problem("is this a container, or a rescue shell?", "systemd: does not answer: %s", said)
	}
	return problem(`log in as this user (ssh, or: machinectl shell USER@), not by su or sudo; where nobody logs in: loginctl enable-linger USER, export XDG_RUNTIME_DIR=/run/user/UID`,
		"your systemd: cannot be reached from here: %s", said)
}

// ctl has systemd do something, and returns when it is done.
func (s Systemd) ctl(ctx context.Context, args ...string) error {
	_, err := s.ask(ctx, "systemctl", args...)
	return err
}

// properties are what is asked of all units.
const properties = "Id,LoadState,LoadError,ActiveState,SubState,Result,NRestarts,ExecMainCode,ExecMainStatus,ExecStart,MainPID," +
	"UnitFileState,NeedDaemonReload,FragmentPath,StateChangeTimestamp,InvocationID,Listen"

// shown is the properties of units, by their names. Where one has several lines, as
// Listen has, they stay lines.
type shown map[string]map[string]string

func (s Systemd) show(ctx context.Context) (shown, error) {
	text, err := s.ask(ctx, "systemctl", "show", "--timestamp=utc", "--property="+properties, serviceUnit, socketUnit, netUnit)
	if err != nil {
		return nil, err
	}
	return parseShow(text), nil
}

// parseShow reads what `systemctl show` prints: lines of NAME=VALUE, and an empty one
// between two units.
func parseShow(text string) shown {
	all := shown{}
	for block := range strings.SplitSeq(text, "\n\n") {
		unit := map[string]string{}
		for line := range strings.Lines(block) {
			name, value, _ := strings.Cut(strings.TrimSuffix(line, "\n"), "=")
			if before, several := unit[name]; several {
				value = before + "\n" + value
			}
			unit[name] = value
		}
		all[unit["Id"]] = unit
	}
	return all
}

// active tells whether a unit runs, or is about to.
func (s shown) active(unit string) bool {
	switch s[unit]["ActiveState"] {
	case "active", "reloading", "activating":
		return true
	}
	return false
}

// stoppedWith are the units to stop when one is. vendord-net takes no address away at
// which somebody listens: so who listens goes first, and is started again by what follows.
func (s shown) stoppedWith(unit string) (units []string) {
	if unit == netUnit {
		units = slices.DeleteFunc([]string{serviceUnit, socketUnit}, func(unit string) bool { return !s.active(unit) })
	}
	return append(units, unit)
}

func (s shown) enabled(unit string) bool { return s[unit]["UnitFileState"] == "enabled" }
