package main

import (
	"fmt"
	"maps"
	"net/netip"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"github.com/vendord/vendord/install"
	"github.com/vendord/vendord/mint"
	"github.com/vendord/vendord/profiles"
	"github.com/vendord/vendord/session"
)

// Where root keeps what systemd hands to services (systemd.exec(5)).
const (
	credstore          = "/etc/credstore"
	credstoreEncrypted = "/etc/credstore.encrypted"
)

// needer finds out what a configuration needs of the service that runs it.
type needer struct {
	config      *profiles.Config
	system      bool
	home        string            // of the daemon's user, where .aws is
	credentials string            // what "credential:" stood for when the configuration was loaded
	is          func(string) bool // whether there is a file of this path
}

// needs is all of it, in an order that is the same each time.
func (n needer) needs() install.Needs {
	needs := install.Needs{Listen: n.listen(), Link: linkLocal(n.config), Commands: n.commands(), Credentials: n.handed()}
	if !n.system {
		return needs // a user's daemon writes and looks where the user may
	}
	for _, app := range n.config.Apps {
		needs.Exe = needs.Exe || app.Match.Exe != ""
		needs.Homes = needs.Homes || underneath(app.Match.Exe, []string{"/home", "/root", "/run/user"}) != ""
	}
	if file := n.config.Audit.File; file != "" && !isBelow(file, "/var/log/vendord") {
		needs.Writes = []string{filepath.Dir(file)}
	}
	return needs
}

// listen is what systemd can hold: without an address, the daemon chooses a port.
func (n needer) listen() (all []netip.AddrPort) {
	if at, err := netip.ParseAddrPort(n.config.Daemon.Listen); err == nil {
		all = append(all, at)
	}
	for _, e := range n.config.Endpoints {
		all = append(all, e.Listen)
	}
	return all
}

// commands names what runs a program, as install.Needs wants it.
func (n needer) commands() (all []string) {
	for _, name := range slices.Sorted(maps.Keys(n.config.Sources)) {
		if mint.RunsCommand(n.stored(n.config.Sources[name]), n.home) {
			all = append(all, fmt.Sprintf("source %q", name))
		}
		if len(n.config.MFA[name].Command) > 0 {
			all = append(all, fmt.Sprintf("source %q (mfa_command)", name))
		}
	}
	for _, name := range slices.Sorted(maps.Keys(n.config.Profiles)) {
		if len(n.config.Profiles[name].MFACommand) > 0 {
			all = append(all, fmt.Sprintf("profile %q (mfa_command)", name))
		}
	}
	return all
}

// handed is what systemd has to hand over. What is in neither of root's stores is
// expected in the first: the installer says what is missing.
func (n needer) handed() (all []install.Credential) {
	names := map[string]bool{}
	for _, s := range n.config.Sources {
		for _, file := range []string{s.ConfigFile, s.CredentialsFile, s.File} {
			if name, ok := n.credential(file); ok {
				names[name] = true
			}
		}
	}
	for _, name := range slices.Sorted(maps.Keys(names)) {
		c := install.Credential{Name: name, Path: credstore + "/" + name}
		if sealed := credstoreEncrypted + "/" + name; !n.is(c.Path) && n.is(sealed) {
			c.Path, c.Encrypted = sealed, true
		}
		all = append(all, c)
	}
	return all
}

// credential is the NAME that a path was written with, if it was "credential:NAME".
func (n needer) credential(file string) (string, bool) {
	if n.credentials == "" || filepath.Dir(file) != filepath.Clean(n.credentials) {
		return "", false
	}
	return filepath.Base(file), true
}

// stored is the source with the files that root can read before systemd has handed
// them over.
func (n needer) stored(s session.Source) session.Source {
	for _, file := range []*string{&s.ConfigFile, &s.CredentialsFile} {
		if name, ok := n.credential(*file); ok && !n.is(*file) && n.is(credstore+"/"+name) {
			*file = credstore + "/" + name
		}
	}
	return s
}

// isBelow tells whether a path is in a directory, at any depth.
func isBelow(file, directory string) bool {
	return file == directory || strings.HasPrefix(file, strings.TrimSuffix(directory, "/")+"/")
}

// isFile is what a needer asks of this machine.
func isFile(path string) bool {
	info, err := os.Stat(path)
	return err == nil && info.Mode().IsRegular()
}
