package install

import "strings"

// Where vendord is under a manager of init scripts.
const (
	InitScript = "/etc/init.d/vendord"
	InitUser   = "vendord"
	InitState  = "/var/lib/vendord"
	InitRun    = "/run/vendord"     // the control socket's directory
	InitRecord = "/var/log/vendord" // for the record
	// InitLog and InitPID are in nobody's directory but root's: root appends to the
	// one and signals the process that is in the other, so the daemon's user must not
	// be able to put something else in their place.
	InitLog = "/var/log/vendord.log"
	InitPID = "/run/vendord.pid"
)

// OpenRC returns the script of a service of the machine, for OpenRC 0.45 and later
// (openrc-run(8), supervise-daemon(8)).
//
// supervise-daemon starts vendord again when it ends by itself. It cannot hold
// sockets: while vendord is down, connections are refused.
func (s Service) OpenRC() ([]File, error) {
	if err := errorsFirst(s.initScript("OpenRC"), s.systemdOnly("OpenRC")); err != nil {
		return nil, err
	}
	words := s.words()
	text := `#!/sbin/openrc-run
# ` + Marker + `; changes here are lost at the next one.

name=vendord
description='AWS credentials for the programs of this machine'
supervisor=supervise-daemon
command=` + readTwice(words[0]) + `
command_args=` + readTwice(words[1:]...) + `
command_user=` + shellWord(s.user(InitUser)+":"+s.user(InitUser)) + `
# Not in a directory of that user: root signals the process whose number is there.
pidfile=` + InitPID + `
error_log=` + InitLog + `
umask=077
supervise_daemon_args='--no-new-privs'
` + s.capabilities() + `# What ends is started again after a second, but not what fails ten times a minute.
respawn_delay=1
respawn_max=10
respawn_period=60
# Its time to answer what is in flight.
retry='SIGTERM/30/SIGKILL/5'
extra_started_commands=reload
description_reload='Read the configuration again; a bad one changes nothing'

depend() {
	# Not "need net": without a service of that name, as in containers and with some
	# network managers, it would not start, and without a network it waits for AWS.
	use net dns logger
	after firewall localmount bootmisc
}

start_pre() {
	# What the daemon would not start with is said at once, and not tried ten times.
	` + s.checked() + ` || return 1
` + s.netUp() + `	ulimit -c 0    # no image of its memory on disk
	ulimit -n 8192 # a descriptor for each connection
	checkpath --directory --mode 0755 --owner "$command_user" ` + InitRun + ` || return 1
	checkpath --directory --mode 0700 --owner "$command_user" ` + InitState + ` || return 1
	checkpath --directory --mode 0750 --owner "$command_user" ` + InitRecord + ` || return 1
	checkpath --file --mode 0640 --owner "$command_user" "$error_log"
}

# Nor is one stopped that could not be started again.
stop_pre() {
	[ "$RC_CMD" != restart ] || ` + s.checked() + `
}

` + s.net("stop_post() {\n\t", "down", " || : # "+staysAt+"\n}\n\n") + `start_post() {
` + waitReady(words[0]) + `	stop # a daemon that does not answer is not left behind
	return 1
}

reload() {
	ebegin "Reloading $name"
	` + ask(words[0], "reload") + `
	eend $?
}
`
	return []File{{Path: InitScript, Mode: 0o755, Text: text}}, nil
}

// capabilities is what OpenRC gives the daemon beyond its user's rights: "^" makes
// one inheritable and ambient (cap_iab(3)), so that a program that is not root's has
// it.
func (s Service) capabilities() string {
	var all []string
	if s.Needs.Exe {
		all = append(all, "^cap_sys_ptrace", "^cap_dac_read_search")
	}
	if s.lowPort() != 0 {
		all = append(all, "^cap_net_bind_service")
	}
	if len(all) == 0 {
		return ""
	}
	return "# To look at other users' executables, or to listen at a port below 1024.\n" +
		"capabilities=" + shellWord(strings.Join(all, ",")) + "\n"
}

// readTwice quotes words that a shell reads twice: when it reads the script, and when
// it starts the daemon. In between it splits them wherever spaces are, and joins them
// with one: two in a row have nothing between quotes between them.
func readTwice(words ...string) string {
	quoted := make([]string, len(words))
	for i, word := range words {
		quoted[i] = strings.ReplaceAll(shellWord(word), " ", " ''")
	}
	return shellWord(strings.Join(quoted, " "))
}
