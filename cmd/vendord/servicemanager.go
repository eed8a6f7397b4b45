package main

import (
	"path/filepath"

	"github.com/vendord/vendord/install"
)

// manager returns the service manager of this machine, for the mode that was asked
// for.
func (p *program) manager() (install.Manager, error) {
	kind, err := install.Detect()
	if err != nil {
		return nil, err
	}
	host := install.Host{System: p.system, UID: p.uid, Home: p.home, Config: p.serviceConfig()}
	switch kind {
	case install.KindOpenRC:
		return install.NewOpenRC(host), nil
	case install.KindSysV:
		return install.NewSysV(host), nil
	case install.KindLaunchd:
		return install.NewLaunchd(host), nil
	case install.KindWindows:
		return install.NewWindows(host), nil
	}
	return p.systemd(), nil // which says so where it does not run
}

// systemd is the machine's, or this user's own. Its units are where the user's
// systemd looks for them if it was started with the same $XDG_CONFIG_HOME.
func (p *program) systemd() install.Systemd {
	s := install.Systemd{System: p.system, UID: p.uid, Config: p.serviceConfig()}
	if p.system {
		s.Units, s.Runtime = "/etc/systemd/system", "/run"
		for _, kind := range []string{"lib", "log", "cache"} {
			s.Data = append(s.Data, "/var/"+kind+"/vendord", "/var/"+kind+"/private/vendord")
		}
		return s
	}
	configs := p.getenv("XDG_CONFIG_HOME")
	if !filepath.IsAbs(configs) {
		configs = filepath.Join(p.home, ".config")
	}
	s.Units, s.Runtime = filepath.Join(configs, "systemd", "user"), p.getenv("XDG_RUNTIME_DIR")
	s.Data = []string{filepath.Join(p.home, ".local", "state", "vendord")}
	return s
}

// serviceConfig is where a service of this mode looks for its configuration: no
// variable of this shell reaches it.
func (p *program) serviceConfig() string {
	if p.system {
		return "/etc/vendord/vendord.toml"
	}
	return filepath.Join(p.home, ".config", "vendord", "vendord.toml")
}

// serviceSocket is the control socket of a service of this mode.
func (p *program) serviceSocket() string {
	if p.system {
		return systemSocket
	}
	return filepath.Join(p.getenv("XDG_RUNTIME_DIR"), "vendord", "control.sock")
}
