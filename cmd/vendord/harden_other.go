//go:build !linux

package main

import "log/slog"

// harden says that nothing is done: the calls are Linux's.
func harden(log *slog.Logger) { notDumpable(log) }

func notDumpable(log *slog.Logger) {
	log.Debug("core dumps and debuggers: not kept out on this system")
}
