package main

import (
	"os"
	"strconv"
	"strings"
	"syscall"

	"golang.org/x/sys/unix"
)

// ownSandbox is the one that this process is in.
func ownSandbox() surroundings {
	status, _ := os.ReadFile("/proc/self/status")
	mounts, _ := os.ReadFile("/proc/self/mountinfo")
	away := hiddenPlaces(string(mounts))
	return surroundings{
		bound:      func(c string) bool { return hasCapability(string(status), "CapBnd:", c) },
		has:        func(c string) bool { return hasCapability(string(status), "CapEff:", c) },
		codeMapped: mapsCode,
		readOnly:   isReadOnly,
		hidden:     func(path string) string { return underneath(path, away) },
	}
}

// capabilities are those that a configuration can need, by their numbers.
var capabilities = map[string]int{"CAP_SYS_PTRACE": unix.CAP_SYS_PTRACE, "CAP_DAC_READ_SEARCH": unix.CAP_DAC_READ_SEARCH}

// hasCapability reads one of the sets of /proc/self/status (proc(5)).
func hasCapability(status, set, capability string) bool {
	for line := range strings.Lines(status) {
		if digits, ok := strings.CutPrefix(line, set); ok {
			bits, err := strconv.ParseUint(strings.TrimSpace(digits), 16, 64)
			return err == nil && bits&(1<<capabilities[capability]) != 0
		}
	}
	return false
}

// hiddenPlaces are the directories that ProtectHome= has put something empty on: the
// inaccessible directory of systemd, or a tmpfs (proc(5), mountinfo; systemd.exec(5)).
func hiddenPlaces(mountinfo string) (all []string) {
	for line := range strings.Lines(mountinfo) {
		before, after, ok := strings.Cut(line, " - ")
		words, kind := strings.Fields(before), strings.Fields(after)
		if !ok || len(words) < 5 || len(kind) == 0 {
			continue
		}
		switch root, at := words[3], words[4]; at {
		case "/home", "/root", "/run/user":
			if strings.HasSuffix(root, "/systemd/inaccessible/dir") || kind[0] == "tmpfs" {
				all = append(all, at)
			}
		}
	}
	return all
}

// isReadOnly tells whether a directory is there and on a file system, or a mount of
// one, that cannot be written.
func isReadOnly(directory string) bool {
	var s unix.Statfs_t
	return unix.Statfs(directory, &s) == nil && s.Flags&unix.ST_RDONLY != 0
}

// mapsCode tries to map a page that can be written and run, as compilers that work as
// a program runs do, and gives it back at once. What forbids it is either a filter of
// system calls or PR_SET_MDWE, and both are inherited.
func mapsCode() bool {
	page, err := unix.Mmap(-1, 0, os.Getpagesize(), unix.PROT_READ|unix.PROT_WRITE|unix.PROT_EXEC, unix.MAP_PRIVATE|unix.MAP_ANONYMOUS)
	if err != nil {
		return false
	}
	return unix.Munmap(page) == nil
}

// isBadCall tells that a process was ended for a system call.
func isBadCall(s syscall.WaitStatus) bool { return s.Signal() == unix.SIGSYS }
