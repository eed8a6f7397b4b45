package install

import (
	"fmt"
	"regexp"
)

// accountName is what useradd(8) takes for a name by default.
var accountName = regexp.MustCompile(`^[a-z_][a-z0-9_-]{0,30}$`)

// user is whom the daemon runs as.
func (s Service) user(standard string) string {
	if s.User == "" {
		return standard
	}
	return s.User
}

// initScript refuses what no script under /etc/init.d can do.
func (s Service) initScript(manager string) error {
	if !s.System {
		return refused("service of a user", manager+" has services of the machine alone",
			`as root, install it with --system, or start "vendord serve" when you log in`)
	}
	return errorsFirst(s.account(InitUser), s.check())
}

// account refuses a name that is none, and root: what vendord has to be protected
// from would then have everything.
func (s Service) account(standard string) error {
	if name := s.user(standard); !accountName.MatchString(name) || name == "root" {
		return refused(fmt.Sprintf("user %q", name), "not the name of a user that is a service's own", `such as "vendord": lower-case letters, digits, _ and -`)
	}
	return nil
}

// lowPort is a port that root alone may listen at, or 0.
func (s Service) lowPort() uint16 {
	for _, at := range s.Needs.Listen {
		if at.Port() < 1024 && at.Port() > 0 {
			return at.Port()
		}
	}
	return 0
}

// noLowPort refuses a port that a manager cannot give to a daemon that is not root's.
func (s Service) noLowPort(manager string) error {
	port := s.lowPort()
	if port == 0 {
		return nil
	}
	return refused(fmt.Sprintf("port %d", port), manager+" has no way to give a port below 1024 to a daemon that is not root's",
		"have it listen at a port of 1024 or more")
}

// net is a line that puts the addresses of the endpoints on this machine ("up"), or takes
// them away ("down"), which is for root; with what is before and after it. It is empty
// where there are none.
func (s Service) net(before, do, after string) string {
	if len(s.Needs.Link) == 0 {
		return ""
	}
	words := []string{"env", "-i", s.Binary, "net", do, "--system"}
	if s.Config != "" && do == "up" {
		words = append(words, "--config", s.Config)
	}
	return before + ShellWords(words...) + after
}

// staysAt is why to take addresses away may fail, which is no failure of a stop.
const staysAt = "an address stays at which somebody else listens"

// netUp puts the addresses there before vendord listens at them. It does not start without
// one of them, and leaves none behind.
func (s Service) netUp() string {
	return s.net("\t", "up", s.net(" || { ", "down", "; return 1; } # before it listens there\n"))
}

// errorsFirst is the first that is one.
func errorsFirst(all ...error) error {
	for _, err := range all {
		if err != nil {
			return err
		}
	}
	return nil
}

// ask is a command of vendord's to the service, as root: what whoever runs the script
// has in their environment must not send it to another daemon.
func ask(binary, command string) string {
	return "env -i " + ShellWords(binary, command, "--system")
}

// waitReady is the body of a shell function that returns once vendord answers, so
// that what is started after it finds it there. It goes on after ten seconds.
func waitReady(binary string) string {
	return `	for _ in 1 2 3 4 5 6 7 8 9 10; do
		for _ in 1 2 3 4 5; do
			` + ask(binary, "status") + ` >/dev/null 2>&1 && return 0
			sleep 0.2
		done
	done
`
}

// checked is a command that says what is wrong with the configuration, as the
// daemon's user sees it: root can read every file.
func (s Service) checked() string {
	words := []string{"env", "-i", s.Binary, "check", "--system"}
	if s.Config != "" {
		words = append(words, "--config", s.Config)
	}
	return "su -s /bin/sh " + s.user(InitUser) + " -c " + shellWord(ShellWords(words...)+" >/dev/null")
}
