package main

import (
	"os"
	"strings"
	"time"

	"golang.org/x/sys/unix"
)

// sinceBoot returns the clock that no setting of the time moves and no sleep stops,
// and which start of the machine it counts from: "" where a sandbox hides that. What
// is left with the service manager is memory, and does not outlive the kernel.
func sinceBoot() (boot string, since time.Duration) {
	var t unix.Timespec
	if unix.ClockGettime(unix.CLOCK_BOOTTIME, &t) != nil {
		return "", 0
	}
	id, _ := os.ReadFile("/proc/sys/kernel/random/boot_id")
	return strings.TrimSpace(string(id)), time.Duration(t.Nano())
}
