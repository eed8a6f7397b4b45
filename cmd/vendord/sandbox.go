package main

import (
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"syscall"

	"github.com/vendord/vendord/profiles"
	"github.com/vendord/vendord/session"
)

// surroundings are what a service's unit leaves a daemon, as the kernel shows it: the unit's
// text says nothing of drop-ins, or of what this kernel makes of it.
type surroundings struct {
	bound, has func(capability string) bool // whether it may be had, and is
	codeMapped func() bool                  // whether memory can be written and run
	readOnly   func(directory string) bool
	hidden     func(path string) string // the directory above it that is hidden; "": none
}

// anewUnit is what to do where a unit does not fit the configuration.
const anewUnit = `"vendord service install" writes the unit for this configuration; a drop-in of yours can stand in its way: systemctl cat vendord.service`

// hindrances say what a configuration needs that the unit does not give, each with the
// line of the unit that stands in its way.
func (s surroundings) hindrances(n needer) (lines []string) {
	needs := n.needs()
	if needs.Exe {
		apps := needing(n.config, func(m profiles.Match) bool { return m.Exe != "" })
		for _, capability := range []string{"CAP_SYS_PTRACE", "CAP_DAC_READ_SEARCH"} {
			switch {
			case s.has(capability):
			case s.bound(capability):
				lines = append(lines, apps+": exe rules need to look into other users' processes: AmbientCapabilities= of vendord.service leaves "+capability+" out")
			default:
				lines = append(lines, apps+": exe rules need to look into other users' processes: CapabilityBoundingSet= of vendord.service leaves "+capability+" out")
			}
		}
	}
	if len(needs.Commands) > 0 && !s.codeMapped() {
		lines = append(lines, strings.Join(needs.Commands, ", ")+": a command of Node, Java or Python compiles as it runs: MemoryDenyWriteExecute= of vendord.service forbids it")
	}
	for _, directory := range needs.Writes {
		if s.readOnly(directory) {
			lines = append(lines, "audit.file: "+directory+" is read-only for vendord: ReadWritePaths= of vendord.service leaves it out")
		}
	}
	for _, c := range needs.Credentials {
		if !n.is(filepath.Join(n.credentials, c.Name)) {
			lines = append(lines, fmt.Sprintf("credential:%s: was not handed over: LoadCredential= of vendord.service leaves it out", c.Name))
		}
	}
	for _, file := range sorted(append(n.files(), n.programs()...)) {
		if place := s.hidden(file); place != "" {
			lines = append(lines, fmt.Sprintf("%s: vendord sees nothing of %s: ProtectHome= of vendord.service hides it", file, place))
		}
	}
	return lines
}

// programs are what a configuration's commands run, and its rules look for.
func (n needer) programs() (all []string) {
	add := func(argv []string) {
		if len(argv) > 0 {
			all = append(all, argv[0])
		}
	}
	for _, s := range n.config.Sources {
		add(session.Items(s.Command))
	}
	for _, m := range n.config.MFA {
		add(m.Command)
	}
	for _, p := range n.config.Profiles {
		add(p.MFACommand)
	}
	for _, a := range n.config.Apps {
		add([]string{a.Match.Exe})
	}
	return all
}

// hindered is the hint for a command that the sandbox ended or did not let run.
func (s surroundings) hindered(command string, err error) string {
	if exit, ok := errors.AsType[*exec.ExitError](err); ok {
		if status, ok := exit.Sys().(syscall.WaitStatus); ok && status.Signaled() && isBadCall(status) {
			return "the sandbox of vendord.service ended it for a system call (SystemCallFilter=): a drop-in can allow it: systemctl edit vendord.service"
		}
		return ""
	}
	if place := s.hidden(command); place != "" {
		return "ProtectHome= of vendord.service hides " + place + ": have the command where the system's programs are, such as /usr/local/bin"
	}
	if errors.Is(err, os.ErrPermission) && filepath.IsAbs(command) {
		return "vendord's user, or the sandbox of vendord.service, may not run it: a program has to be everybody's to read and run"
	}
	return ""
}

// underneath is the first of some directories that a path is below.
func underneath(path string, directories []string) string {
	i := slices.IndexFunc(directories, func(d string) bool { return isBelow(path, d) })
	if i < 0 {
		return ""
	}
	return directories[i]
}

// blame adds to an error, of a start or a reload that failed, which line of the unit
// brought it about.
func (s surroundings) blame(err error) error {
	if errors.Is(err, syscall.EROFS) {
		err = errors.Join(err, fail(anewUnit, "audit.file: read-only for vendord: ReadWritePaths= of vendord.service leaves its directory out"))
	}
	for _, word := range strings.FieldsFunc(err.Error(), func(r rune) bool { return strings.ContainsRune(" :\n", r) }) {
		if place := s.hidden(word); place != "" {
			return errors.Join(err, fail("have it elsewhere, such as below /etc/vendord or /usr/local/bin", "%s: vendord sees nothing of %s: ProtectHome= of vendord.service hides it", word, place))
		}
	}
	return err
}

// blamed is blame where a service manager started the daemon.
func (o daemonOptions) blamed(err error) error {
	if o.manager == nil || err == nil {
		return err
	}
	return ownSandbox().blame(err)
}
