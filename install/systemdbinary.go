package install

import (
	"debug/buildinfo"
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"runtime/debug"
	"strings"

	"github.com/vendord/vendord/trust"
)

// Version is the version of vendord in a program's file, and whether it is one.
func Version(path string) (version string, ok bool) {
	info, err := buildinfo.ReadFile(path)
	own, known := debug.ReadBuildInfo()
	if err != nil || !known || info.Main.Path != own.Main.Path {
		return "", false
	}
	return info.Main.Version, true
}

// checkBinary refuses a program that others than root, or the user whose service it
// is, could exchange for one of theirs, or that will not be there for long.
func (s Systemd) checkBinary(plan Plan) error {
	path := plan.Service.Binary
	var wrong problems
	if _, fault := trust.Check(s.at(path), s.UID); fault != nil {
		wrong.add(problem(fault.Hint, "program: %w", fault))
	}
	if s.System {
		wrong.add(inReach(path))
	}
	if plan.Copy == "" {
		return wrong.joined()
	}
	_, err := os.Lstat(s.at(path))
	if _, ours := Version(s.at(path)); err == nil && !ours {
		wrong.add(problem("move it away", "%s: not a vendord, and not overwritten", path))
	}
	if _, err := os.Stat(s.at(filepath.Dir(path))); errors.Is(err, fs.ErrNotExist) {
		wrong.add(problem("mkdir "+filepath.Dir(path), "%s: no such directory", filepath.Dir(path)))
	}
	return wrong.joined()
}

// inReach refuses what a service that sees no home directories and has a /tmp of its
// own would not find.
func inReach(path string) error {
	for _, place := range []string{"/home/", "/root/", "/run/user/", "/tmp/", "/var/tmp/"} {
		if strings.HasPrefix(path, place) {
			return problem("let it be copied, or put it in /usr/local/bin", "program %s: a system service does not run what is in %s", path, place)
		}
	}
	return nil
}
