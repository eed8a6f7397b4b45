package install

import (
	"os"
	"path/filepath"
	"strings"

	"github.com/kardianos/service"
)

// Kind is a service manager by its name for people.
type Kind string

// The kinds that vendord knows how to be a service of.
const (
	KindSystemd Kind = "systemd"
	KindOpenRC  Kind = "OpenRC"
	KindSysV    Kind = "SysV init"
	KindLaunchd Kind = "launchd"
	KindWindows Kind = "Windows"
)

// Detect returns the service manager that runs this machine, or nothing where none
// does that vendord knows of, as in most containers.
//
// What a running systemd or OpenRC leaves in /run is believed first: their programs
// can be installed where another manager runs, and the library goes by those.
func Detect() (Kind, error) { return detect("/", service.Platform()) }

func detect(root, platform string) (Kind, error) {
	there := func(path string) bool {
		_, err := os.Stat(filepath.Join(root, path))
		return err == nil
	}
	switch {
	case platform == "darwin-launchd":
		return KindLaunchd, nil
	case platform == "windows-service":
		return KindWindows, nil
	case there("run/systemd/system"):
		return KindSystemd, nil
	case there("run/openrc/softlevel"):
		return KindOpenRC, nil
	}
	switch platform {
	case "linux-upstart", "linux-rcs", "linux-procd":
		return "", refused("service manager "+strings.TrimPrefix(platform, "linux-"), "vendord has no files for it",
			`start "vendord serve" by a script of your own`)
	}
	if first, _ := os.ReadFile(filepath.Join(root, "proc/1/comm")); strings.TrimSpace(string(first)) == "init" && there("etc/init.d") {
		return KindSysV, nil
	}
	return "", nil
}
