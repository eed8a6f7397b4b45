package main

import (
	"os"
	"path/filepath"
	"runtime"

	"github.com/vendord/vendord/profiles"
)

// configPath returns the configuration file: the one named, or where this mode
// looks for it.
func (p *program) configPath() string {
	if p.config != "" {
		return p.config
	}
	return profiles.Find(p.system, p.environ, p.home)
}

// stateDirectory returns where tokens and the kept port are: the one named, or
// this mode's.
func (p *program) stateDirectory() string {
	switch {
	case p.stateDir != "":
		return p.stateDir
	case p.system:
		return "/var/lib/vendord"
	case filepath.IsAbs(p.getenv("XDG_STATE_HOME")):
		return filepath.Join(p.getenv("XDG_STATE_HOME"), "vendord")
	case runtime.GOOS == "windows":
		dir, _ := os.UserCacheDir() // %LocalAppData%
		return filepath.Join(dir, "vendord")
	}
	return filepath.Join(p.home, ".local", "state", "vendord")
}

// ownSocket returns the control socket that a daemon of this mode makes. There
// is no default in /tmp: there, whoever comes first could be the daemon.
func (p *program) ownSocket() string {
	switch runtimeDir := p.getenv("XDG_RUNTIME_DIR"); {
	case p.socket != "":
		return p.socket
	case p.system:
		return systemSocket
	case filepath.IsAbs(runtimeDir):
		return filepath.Join(runtimeDir, "vendord", "control.sock")
	}
	return filepath.Join(p.stateDirectory(), "run", "control.sock")
}

// sockets returns where a command looks for a daemon: the user's own, then the
// system's.
func (p *program) sockets() []string {
	own := p.ownSocket()
	if p.socket != "" || own == systemSocket {
		return []string{own}
	}
	return []string{own, systemSocket}
}
