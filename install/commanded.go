package install

import (
	"context"
	"errors"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"time"
)

// Host is the machine that a service is installed on, and who installs it.
type Host struct {
	System bool   // a service of the machine, not of a user
	UID    int    // who installs
	Home   string // that user's
	Config string // the configuration where the service names none
	Root   string // before the path of each file that is looked at or changed, for tests
	Run    Runner // nil is Command
}

// commanded is a Manager that reads one file of a service's and is steered by
// commands: OpenRC, SysV init, launchd. They do not hold sockets, so programs are
// refused while vendord is down, in an upgrade too.
type commanded struct {
	Host
	name    string
	render  func(Service) ([]File, error)
	file    string              // where it reads it
	note    func(string) string // a line that it passes over
	user    string              // whom the service runs as; empty: who installs
	data    []string            // what only purge removes: state, record, log
	log     string
	passing []string // what its file, or the daemon, makes for as long as it runs

	enable, disable, start, stop, restart []string // commands
	enabled                               string   // what there is of where it starts by itself, as filepath.Glob has it
	phase                                 func(context.Context, *commanded) (Phase, int, error)
	prepare                               func(*commanded) error                    // makes what its file cannot make; nil: nothing
	account                               func(context.Context, *transaction) error // makes user
	noAccount                             string                                    // what to do where account is nil and there is no such user
}

// Name is the manager's.
func (m *commanded) Name() string { return m.name }

func (m *commanded) at(path string) string { return filepath.Join(m.Root, path) }

// like is the installer for systemd, of whose checks some are not systemd's alone.
func (m *commanded) like() Systemd {
	return Systemd{System: m.System, UID: m.UID, Root: m.Root, Run: m.Run, Runtime: filepath.Dir(m.file)}
}

// Render returns the file, with what a later install or uninstall has to know.
func (m *commanded) Render(plan Plan) (files []File, commands []string, err error) {
	if m.System {
		plan.Service.User = m.user // not who installs
	}
	files, err = m.render(plan.Service)
	if err != nil {
		return nil, nil, err
	}
	head, rest, _ := strings.Cut(files[0].Text, Marker)
	line, rest, _ := strings.Cut(rest, "\n")
	files[0].Text = head + Marker + line + "\n" + m.note(noted(plan)) + "\n" + rest
	if plan.First.Path != "" {
		files = append([]File{plan.First}, files...)
	}
	if plan.Copy != "" {
		commands = append(commands, ShellWords("install", "-m", "755", plan.Copy, plan.Service.Binary))
	}
	for _, c := range [][]string{m.enable, m.start} {
		commands = append(commands, ShellWords(c...))
	}
	return files, commands, nil
}

// Check looks at everything that Install relies on.
func (m *commanded) Check(_ context.Context, plan Plan) (remarks []string, err error) {
	var wrong problems
	wrong.add(m.mayChange("install"))
	wrong.add(m.steered())
	if _, _, err := m.Render(plan); err != nil {
		wrong.add(err)
	}
	if _, err := os.Lstat(m.at(m.file)); err == nil && !m.ours() {
		wrong.add(problem("move it away, or keep using it", "%s: not written by vendord, and not overwritten", m.file))
	}
	wrong.add(m.like().checkBinary(plan))
	if m.user != "" && m.account == nil && !known(m.user) {
		wrong.add(problem(m.noAccount, "user %s: does not exist, and vendord is to run as it", m.user))
	}
	return []string{m.name + ": holds no sockets for vendord: programs are refused while it is down, in an upgrade too"}, wrong.joined()
}

func (m *commanded) mayChange(to string) error {
	if !m.System || m.UID == 0 {
		return nil
	}
	return problem(asRoot(to), "system service: only root can %s it", to)
}

// steered tells whether the manager's program is there.
func (m *commanded) steered() error {
	for _, name := range []string{m.start[0], m.enable[0]} {
		if m.Run != nil || name == m.file {
			continue
		}
		if _, err := exec.LookPath(name); err != nil {
			return problem("install it, or set PATH: it is in /sbin or /usr/sbin", "%s: no such program in PATH, which steers %s", name, m.name)
		}
	}
	return nil
}

func (m *commanded) ours() bool {
	text, err := os.ReadFile(m.at(m.file))
	head := string(text[:min(len(text), 2048)])
	return err == nil && strings.Contains(head, Marker)
}

// do runs a command of the manager's.
func (m *commanded) do(ctx context.Context, command []string) error {
	if len(command) == 0 {
		return nil
	}
	var said strings.Builder
	run := runner(m.Run, m.System)
	err := run(ctx, &said, &said, command[0], command[1:]...)
	if err == nil {
		return nil
	}
	if ctx.Err() != nil {
		return context.Cause(ctx)
	}
	var lines []string
	for line := range strings.Lines(said.String()) {
		if line = strings.TrimSpace(line); line != "" {
			lines = append(lines, line)
		}
	}
	if len(lines) == 0 {
		lines = []string{err.Error()}
	}
	return problem("vendord service logs", "%s: %s", strings.Join(command, " "), strings.Join(lines, "; "))
}

// State is what the manager says.
func (m *commanded) State(ctx context.Context) (State, error) {
	text, err := os.ReadFile(m.at(m.file))
	if errors.Is(err, fs.ErrNotExist) {
		return State{Phase: Absent}, nil
	} else if err != nil {
		return State{}, problem("", "%s: %w", m.file, err)
	}
	phase, pid, err := m.phase(ctx, m)
	if err != nil {
		return State{}, err
	}
	f := notes(string(text))
	st := State{Phase: phase, PID: pid, Files: []string{m.file}, Binary: f.Get("binary"), Config: f.Get("config")}
	there, _ := filepath.Glob(m.at(m.enabled))
	st.Enabled = len(there) > 0
	if phase == Failed {
		st.Exit = "it ended by itself; its log may say why"
	}
	return st, nil
}

// Facts returns what is known of the last install; nothing where there was none.
func (m *commanded) Facts() Facts {
	text, _ := os.ReadFile(m.at(m.file))
	f := notes(string(text))
	return Facts{Copied: f.Get("copied") == "yes", Config: f.Get("config"), First: f.Get("first")}
}

// Start starts the service, and is done when it runs.
func (m *commanded) Start(ctx context.Context) error {
	return m.have(ctx, "start", func(st State) error {
		if st.Phase == Running {
			return nil
		}
		return m.up(ctx, m.start, nil)
	})
}

// Stop stops it.
func (m *commanded) Stop(ctx context.Context) error {
	return m.have(ctx, "stop", func(State) error { return m.down(ctx) })
}

// Restart has a script restart it, which looks at the configuration before it stops
// anything; with launchd it is stopped, and started with what its file says by now.
func (m *commanded) Restart(ctx context.Context) error {
	return m.have(ctx, "restart", func(State) error {
		if m.restart == nil {
			if err := m.down(ctx); err != nil {
				return err
			}
			return m.up(ctx, m.start, nil)
		}
		return m.up(ctx, m.restart, nil)
	})
}

func (m *commanded) have(ctx context.Context, to string, do func(State) error) error {
	if err := errors.Join(m.mayChange(to), m.steered()); err != nil {
		return err
	}
	st, err := m.State(ctx)
	if err != nil {
		return err
	}
	if st.Phase == Absent {
		return problem("vendord service install", "service: not installed")
	}
	return do(st)
}

// stopTime is longer than any manager leaves vendord to answer what is in flight.
const stopTime = 45 * time.Second

// down stops what runs, and waits until it does not: launchctl does not.
func (m *commanded) down(ctx context.Context) error {
	phase, _, err := m.phase(ctx, m)
	if err != nil || phase == Stopped {
		return err
	}
	if err := m.do(ctx, m.stop); err != nil {
		return err
	}
	soon, done := context.WithTimeout(ctx, stopTime)
	defer done()
	for {
		if phase, _, err = m.phase(soon, m); err != nil || phase == Stopped {
			return err
		}
		select {
		case <-soon.Done():
			return problem("vendord service logs", "service: was told to stop, and is still %s", phase)
		case <-time.After(100 * time.Millisecond):
		}
	}
}

// up starts it, or starts it again, and waits until the daemon itself answers.
func (m *commanded) up(ctx context.Context, how []string, ready func(context.Context, int) error) error {
	before := m.logged()
	err := m.do(ctx, how)
	if err == nil {
		err = m.answers(ctx, ready)
	}
	if err == nil || ctx.Err() != nil {
		return err
	}
	return &NotStarted{Err: err, Log: m.lastOf(before)}
}

func (m *commanded) answers(ctx context.Context, ready func(context.Context, int) error) error {
	soon, done := context.WithTimeout(ctx, readyTime)
	defer done()
	for {
		phase, pid, err := m.phase(soon, m)
		if err == nil && phase == Running && pid != 0 {
			if ready == nil {
				return nil
			}
			err = ready(soon, pid)
		} else if err == nil {
			err = problem("the log says why", "service: started, and then %s", phase)
		}
		if err == nil || soon.Err() != nil || phase == Failed {
			return err
		}
		select {
		case <-soon.Done():
			return err
		case <-time.After(100 * time.Millisecond):
		}
	}
}

// logged is how much there is in the log.
func (m *commanded) logged() int64 {
	if info, err := os.Stat(m.at(m.log)); err == nil {
		return info.Size()
	}
	return 0
}

// lastOf is what was logged since.
func (m *commanded) lastOf(since int64) []string {
	text, err := os.ReadFile(m.at(m.log))
	if err != nil || int64(len(text)) <= since {
		return nil
	}
	lines := strings.Split(strings.TrimRight(string(text[since:]), "\n"), "\n")
	return lines[max(0, len(lines)-lastLines):]
}

// Logs runs tail on the file that the service logs to.
func (m *commanded) Logs(ctx context.Context, l Logs) error {
	if l.Since != "" {
		return problem("leave --since out, and search for the time in what it shows", "logs since %q: under %s the log is a file, %s, which has no index of times", l.Since, m.name, m.log)
	}
	if _, err := os.Stat(m.at(m.log)); err != nil {
		return problem("vendord service status", "%s: %w", m.log, err)
	}
	args := []string{"-n", "+1"}
	if l.Lines > 0 {
		args[1] = strconv.Itoa(l.Lines)
	}
	if l.Follow {
		args = append(args, "-F")
	}
	run := runner(m.Run, m.System)
	return run(ctx, l.Out, l.Err, "tail", append(args, m.at(m.log))...)
}

// exitStatus is that of a command that ran to its end, or -1.
func exitStatus(err error) int {
	if err == nil {
		return 0
	}
	if e, ok := errors.AsType[*exec.ExitError](err); ok {
		return e.ExitCode()
	}
	return -1
}

// asked runs a command for its exit status and what it prints.
func (m *commanded) asked(ctx context.Context, command ...string) (text string, status int, err error) {
	var said strings.Builder
	run := runner(m.Run, m.System)
	err = run(ctx, &said, &said, command[0], command[1:]...)
	if status = exitStatus(err); status >= 0 {
		return said.String(), status, nil
	}
	if ctx.Err() != nil {
		return "", -1, context.Cause(ctx)
	}
	return "", -1, problem("install it, or set PATH: it is in /sbin or /usr/sbin", "%s: %w", strings.Join(command, " "), err)
}

// number is that in a file of the manager's, or 0.
func (m *commanded) number(path string) int {
	text, _ := os.ReadFile(m.at(path))
	n, _ := strconv.Atoi(strings.TrimSpace(string(text)))
	return n
}
