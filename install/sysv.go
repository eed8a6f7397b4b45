package install

// SysV returns the script of a service of the machine, for an init that knows
// nothing but scripts (LSB 5, "Init Script Actions"), and start-stop-daemon(8) of
// dpkg.
//
// Nobody starts vendord again when it ends by itself, and nobody holds its sockets:
// that is for other service managers.
func (s Service) SysV() ([]File, error) {
	if err := errorsFirst(s.initScript("SysV init"), s.systemdOnly("SysV init"), s.noLowPort("SysV init")); err != nil {
		return nil, err
	}
	if s.Needs.Exe {
		return nil, refused("rules by executable", "SysV init has no way to give a daemon the right to look at other users' processes (CAP_SYS_PTRACE)",
			"systemd and OpenRC have; or recognise the program by its user")
	}
	words := s.words()
	text := `#!/bin/sh
### BEGIN INIT INFO
# Provides:          vendord
# Required-Start:    $remote_fs $network
# Required-Stop:     $remote_fs $network
# Should-Start:      $named $syslog
# Should-Stop:       $named $syslog
# Default-Start:     2 3 4 5
# Default-Stop:      0 1 6
# Short-Description: AWS credentials for the programs of this machine
# Description:       Hands each program the AWS credentials it may have, and no more.
### END INIT INFO
# ` + Marker + `; changes here are lost at the next one.
#
# Nobody starts it again when it ends by itself: SysV init has no supervisor.

PATH=/usr/sbin:/usr/bin:/sbin:/bin
umask 022
binary=` + shellWord(words[0]) + `
user=` + shellWord(s.user(InitUser)) + `
log=` + InitLog + `
# Not in a directory of that user: root signals the process whose number is there.
pidfile=` + InitPID + `

# Nothing of the environment of whoever runs this script comes along: keys, or
# settings of vendord's own, would be the service's.
daemon() {
	env -i PATH="$PATH" HOME=` + InitState + ` start-stop-daemon --quiet --pidfile "$pidfile" --exec "$binary" "$@"
}

directory() {
	install -d -m "$1" -o "$user" -g "$user" "$2"
}

ready() {
` + waitReady(words[0]) + `	return 1
}

start() {
	daemon --status && return 0
	` + s.checked() + ` || return 1
` + s.netUp() + `	directory 0755 ` + InitRun + ` && directory 0700 ` + InitState + ` && directory 0750 ` + InitRecord + ` || return 1
	[ -e "$log" ] || install -m 0640 -o "$user" -g "$user" /dev/null "$log" || return 1
	ulimit -c 0                # no image of its memory on disk
	ulimit -n 8192 2>/dev/null # a descriptor for each connection
	daemon --start --background --no-close --make-pidfile --chuid "$user:$user" --umask 077 --chdir / \
		-- ` + ShellWords(words[1:]...) + ` </dev/null >>"$log" 2>&1 && ready && return 0
	echo "vendord: not started; the end of $log says:" >&2
	tail -n 5 "$log" >&2
	stop
	return 1
}

# Its time to answer what is in flight is half a minute.
stop() {
	daemon --stop --oknodo --retry TERM/30/KILL/5 && rm -f "$pidfile"` + s.net(" &&\n\t\t{ ", "down", " || :; } # "+staysAt) + `
}

# What could not be started again is not stopped.
again() {
	` + s.checked() + ` && stop && start
}

# The exit status is LSB's: 0 running, 1 dead although it was not stopped, 3 stopped.
status() {
	daemon --status
	code=$?
	case $code in
	0) echo "vendord: running" ;;
	1) echo "vendord: dead, although it was not stopped; the end of $log may say why" ;;
	3) echo "vendord: stopped" ;;
	*) echo "vendord: not known whether it is running" ;;
	esac
	return $code
}

case $1 in
start | stop | status) "$1" ;;
restart | force-reload) again ;;
try-restart) daemon --status || exit 0; again ;;
reload) daemon --status || exit 7; ` + ask(words[0], "reload") + ` ;;
*) echo "usage: $0 start|stop|restart|try-restart|reload|force-reload|status" >&2; exit 2 ;;
esac
`
	return []File{{Path: InitScript, Mode: 0o755, Text: text}}, nil
}
