package main

import (
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"time"
)

// unmeasured is a processor's time or a size where the system does not tell:
// there is no /proc on it, or none with schedstat.
const unmeasured = -1

// cpuTime returns how long a process has run on any processor, or unmeasured.
// It is the sum over its threads: the process's own schedstat is that of its
// first thread alone, and times(2) counts in hundredths of a second. Go keeps
// its threads, so that none takes its time with it in between.
func cpuTime(pid int) time.Duration {
	files, _ := filepath.Glob(fmt.Sprintf("/proc/%d/task/*/schedstat", pid))
	sum, found := time.Duration(0), false
	for _, path := range files {
		text, err := os.ReadFile(path)
		if err != nil {
			continue // the thread has just ended
		}
		ran, err := parseSchedstat(string(text))
		if err != nil {
			return unmeasured
		}
		sum, found = sum+ran, true
	}
	if !found {
		return unmeasured
	}
	return sum
}

// parseSchedstat returns the first of the three numbers of a schedstat file:
// nanoseconds on a processor (Linux, Documentation/scheduler/sched-stats.rst).
func parseSchedstat(text string) (time.Duration, error) {
	fields := strings.Fields(text)
	if len(fields) != 3 {
		return 0, fmt.Errorf("schedstat %q: %d fields, want 3", text, len(fields))
	}
	ns, err := strconv.ParseInt(fields[0], 10, 64)
	if err != nil {
		return 0, fmt.Errorf("schedstat %q: the first field is not a number", text)
	}
	return time.Duration(ns), nil
}

// ticks are what the machine's processors were wanted for since it started, and
// what they were taken for meanwhile, in hundredths of a second.
type ticks struct{ wanted, stolen int64 }

// processors returns the machine's ticks, or none where the system does not tell.
func processors() ticks {
	text, err := os.ReadFile("/proc/stat")
	if err != nil {
		return ticks{}
	}
	return parseStat(string(text))
}

// parseStat reads the first line of /proc/stat: user, nice, system, idle, iowait,
// irq, softirq, and what a host gave to others while this machine wanted it
// (proc_stat(5)).
func parseStat(text string) (t ticks) {
	line, _, _ := strings.Cut(text, "\n")
	fields := strings.Fields(line)
	if len(fields) < 9 || fields[0] != "cpu" {
		return ticks{}
	}
	for i, field := range fields[1:9] {
		n, err := strconv.ParseInt(field, 10, 64)
		if err != nil {
			return ticks{}
		}
		if i != 3 && i != 4 {
			t.wanted += n
		}
		if i == 7 {
			t.stolen = n
		}
	}
	return t
}

// stolenSince returns the part of the wanted processors' time that a host has
// taken since then, 0 where the system does not tell.
func (t ticks) stolenSince(then ticks) float64 {
	if t.wanted <= then.wanted {
		return 0
	}
	return float64(t.stolen-then.stolen) / float64(t.wanted-then.wanted)
}

// memory is how much of a process is in memory, in bytes, the pages of its
// binary included: now, and at most since it started.
type memory struct {
	Now  int64 `json:"rss"`
	Peak int64 `json:"peak"`
}

// memoryOf returns the memory of a process, with unmeasured in it where the
// system does not tell.
func memoryOf(pid int) memory {
	text, err := os.ReadFile(fmt.Sprintf("/proc/%d/status", pid))
	if err != nil {
		return memory{unmeasured, unmeasured}
	}
	return memory{parseStatus(string(text), "VmRSS"), parseStatus(string(text), "VmHWM")}
}

// parseStatus returns a size out of a /proc/PID/status, in bytes, or unmeasured
// if there is none of that name (proc_pid_status(5)).
func parseStatus(text, name string) int64 {
	for line := range strings.Lines(text) {
		rest, ours := strings.CutPrefix(line, name+":")
		if !ours {
			continue
		}
		number, kB := strings.CutSuffix(strings.TrimSpace(rest), " kB")
		if n, err := strconv.ParseInt(number, 10, 64); err == nil && kB {
			return n << 10
		}
	}
	return unmeasured
}
