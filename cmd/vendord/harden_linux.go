package main

import (
	"log/slog"

	"golang.org/x/sys/unix"
)

// harden is for a process that is a daemon and nothing else: it is not
// dumpable, and neither it nor what it starts leaves a core file.
func harden(log *slog.Logger) {
	notDumpable(log)
	if err := unix.Setrlimit(unix.RLIMIT_CORE, &unix.Rlimit{}); err != nil {
		log.Warn("core dumps: cannot be switched off", "err", err)
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
