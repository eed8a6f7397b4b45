//go:build machine

package machine

import (
	"encoding/json"
	"fmt"
	"os/user"
	"slices"
	"strconv"
	"strings"
)

// Answer is what a probe prints: what it was answered, and who it was.
type Answer struct {
	Status             int
	Code, Key, Problem string
	UID                int
	Cgroup             string
	Port               int
	// agent is what the program called itself, and turn how often it had asked.
	agent string
	turn  int
}

// newAgent is a name to ask by that nobody else has, and that begins no other.
func (m *Machine) newAgent() string {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.asked++
	return fmt.Sprintf("probe-%d.", m.asked)
}

// answer runs a command that runs a probe, and reads what it prints.
func (m *Machine) answer(agent string, command []string) Answer {
	m.mu.Lock()
	m.turns[agent]++
	turn := m.turns[agent]
	m.mu.Unlock()
	out, err := run(command[0], command[1:]...)
	var a Answer
	if json.Unmarshal([]byte(out), &a) != nil {
		a.Problem = fmt.Sprintf("%s: got %q, %v", strings.Join(command, " "), out, err)
	}
	a.agent, a.turn = agent, turn
	return a
}

// probe is the command line of a probe that asks by a name.
func (m *Machine) probe(args []string) (agent string, command []string) {
	agent = m.newAgent()
	return agent, append([]string{"/usr/local/bin/probe", "-agent", agent}, args...)
}

// As asks as a user who is in no unit of their own.
func (m *Machine) As(name string, args ...string) Answer {
	agent, probe := m.probe(args)
	return m.answer(agent, append([]string{"setpriv", "--reuid", name, "--regid", name, "--init-groups", "--"}, probe...))
}

// Unit asks as a unit of the system's manager: properties are settings of its
// [Service], such as User=web.
func (m *Machine) Unit(name, properties string, args ...string) Answer {
	agent, probe := m.probe(args)
	return m.answer(agent, append(unit(name, properties), probe...))
}

// unit is the command that runs another as a unit and waits for it.
func unit(name, properties string) []string {
	command := []string{"systemd-run", "--quiet", "--collect", "--wait", "--pipe", "--unit", name}
	for property := range strings.FieldsSeq(properties) {
		command = append(command, "-p", property)
	}
	return append(command, "--")
}

// Login asks as somebody who has logged in.
func (m *Machine) Login(name string, args ...string) Answer {
	agent, probe := m.probe(args)
	return m.answer(agent, []string{"su", "-", name, "-c", strings.Join(probe, " ")})
}

// UserUnit asks as a unit of the user's own manager.
func (m *Machine) UserUnit(name, unit string, args ...string) Answer {
	agent, probe := m.probe(args)
	return m.answer(agent, m.inUserUnit(name, unit, probe...))
}

// inUserUnit is the command that runs another as a unit of the user's own manager and
// waits for it. pasta ends where it finds SIGPIPE ignored.
func (m *Machine) inUserUnit(name, unit string, command ...string) []string {
	uid := m.UID(name)
	m.do("systemctl", "start", "user@"+uid)
	return append([]string{"setpriv", "--reuid", name, "--regid", name, "--init-groups", "--",
		"env", "XDG_RUNTIME_DIR=/run/user/" + uid, "systemd-run", "--user", "--quiet", "--collect", "--wait", "--pipe", "-p", "IgnoreSIGPIPE=no", "--unit", unit, "--"}, command...)
}

// UID is the number of a user.
func (m *Machine) UID(name string) string {
	m.t.Helper()
	u, err := user.Lookup(name)
	must(m.t, err)
	if _, err := strconv.Atoi(u.Uid); err != nil {
		m.t.Fatal(err)
	}
	return u.Uid
}

// Under is a control group below a user's own manager, where the user makes any.
func (m *Machine) Under(name, path string) string {
	uid := m.UID(name)
	return "/user.slice/user-" + uid + ".slice/user@" + uid + ".service" + path
}

// Scope asks from a scope, which is a unit around a program that somebody else
// starts; it may end in .service inside its name, not in its type.
func (m *Machine) Scope(name, scope string) Answer {
	agent, probe := m.probe(nil)
	return m.answer(agent, append([]string{"systemd-run", "--quiet", "--collect", "--scope", "--unit", scope + ".scope", "--uid", name, "--"}, probe...))
}

// Start starts a command as a unit that stays until it is stopped.
func (m *Machine) Start(name, properties string, command ...string) (stop func()) {
	m.t.Helper()
	start := unit(name, properties)
	start = append(slices.DeleteFunc(start, func(a string) bool { return a == "--wait" || a == "--pipe" }), command...)
	m.do(start[0], start[1:]...)
	return func() { _, _ = run("systemctl", "stop", name) }
}

// With asks as a user, with another executable than the usual one.
func (m *Machine) With(executable, name string, args ...string) Answer {
	agent, probe := m.probe(args)
	probe[0] = executable
	return m.answer(agent, append([]string{"setpriv", "--reuid", name, "--regid", name, "--init-groups", "--"}, probe...))
}

// Disguised asks as a user who has a namespace of mounts, where a file of theirs is
// at the usual path.
func (m *Machine) Disguised(name, file string) Answer {
	agent, probe := m.probe(nil)
	return m.answer(agent, []string{"setpriv", "--reuid", name, "--regid", name, "--init-groups", "--", "unshare", "--user", "--map-root-user", "--mount",
		"sh", "-c", "mount --bind " + file + " /usr/local/bin/probe && exec " + strings.Join(probe, " ")})
}

// Paused stops the daemon, which then hears of nothing, while a program asks, and
// until it is ready for an answer, or has gone without.
func (m *Machine) Paused(ask func() Answer, ready func() bool) Answer {
	m.t.Helper()
	m.Do("systemctl kill --signal STOP vendord")
	asked := make(chan Answer, 1)
	go func() { asked <- ask() }()
	m.Within("a program that is ready", func() bool { return len(asked) > 0 || ready() })
	m.Do("systemctl kill --signal CONT vendord")
	return <-asked
}
