package main

import (
	"errors"
	"log/slog"

	access "github.com/landlock-lsm/go-landlock/landlock/syscall"
	"golang.org/x/sys/unix"
)

// harden is for a process that is a daemon and nothing else: it is not
// dumpable, and neither it nor what it starts leaves a core file.
func harden(log *slog.Logger) {
	notDumpable(log)
	keepRights(log)
	if err := unix.Setrlimit(unix.RLIMIT_CORE, &unix.Rlimit{}); err != nil {
		log.Warn("core dumps: cannot be switched off", "err", err)
	}
}

// keepRights keeps the capabilities that the service manager gave this process from
// the commands that it runs: those that are ambient go over to each program that a
// process becomes (capabilities(7)), and a tool that fetches credentials has no use
// for the right to look into every process.
func keepRights(log *slog.Logger) {
	if err := access.AllThreadsPrctl(unix.PR_CAP_AMBIENT, unix.PR_CAP_AMBIENT_CLEAR_ALL, 0, 0, 0); err != nil && !errors.Is(err, unix.EINVAL) { // Linux before 4.3 has none
		log.Warn("capabilities: cannot be kept from commands", "err", err)
	}
}

// notDumpable keeps secrets out of core dumps and out of the reach of a
// debugger of the same user: a process that is not dumpable cannot be attached
// to, and its /proc/PID/mem and environ belong to root. A program that it runs
// is dumpable again (prctl(2), PR_SET_DUMPABLE): exec changes no limit that its
// command would inherit.
func notDumpable(log *slog.Logger) {
	if err := unix.Prctl(unix.PR_SET_DUMPABLE, 0, 0, 0, 0); err != nil {
		log.Warn("core dumps and debuggers: cannot be kept out", "err", err)
	}
}
