package main

import (
	"log/slog"

	"golang.org/x/sys/unix"
)

// harden keeps secrets out of core dumps and out of the reach of a debugger of
// the same user: a process that is not dumpable cannot be attached to, and its
// /proc/PID/mem and environ belong to root.
func harden(log *slog.Logger) {
	if err := unix.Prctl(unix.PR_SET_DUMPABLE, 0, 0, 0, 0); err != nil {
		log.Warn("core dumps and debuggers: cannot be kept out", "err", err)
	}
	if err := unix.Setrlimit(unix.RLIMIT_CORE, &unix.Rlimit{}); err != nil {
		log.Warn("core dumps: cannot be switched off", "err", err)
	}
}
