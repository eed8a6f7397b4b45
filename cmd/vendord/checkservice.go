package main

import (
	"cmp"
	"maps"
	"net/netip"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"github.com/vendord/vendord/mint"
	"github.com/vendord/vendord/profiles"
	"github.com/vendord/vendord/session"
)

// checkOptions say how check loads a configuration. That of the system's service is
// seen as the service will see it: by its user, which owns next to nothing, without
// anybody's home directory, with credentials that systemd will hand over.
func (p *program) checkOptions(path string) profiles.Options {
	o := p.profileOptions()
	o.Path, o.System = path, p.system || ofSystem(path)
	if o.System && o.Credentials == "" {
		o.Stores = profiles.Stores()
	}
	if ofSystem(path) && byService() {
		o.UID, o.Home = serviceUser(serviceState), "/"
	}
	return o
}

// serviceState is where the system's service keeps its state: the directory is its
// user's, dynamic as that is.
const serviceState = "/var/lib/private/vendord"

// byService reports whether the system's configuration is read by a service of
// systemd, and not, as in a container, by a daemon that root starts.
func byService() bool {
	_, err := os.Stat("/run/systemd/system")
	return err == nil
}

// fromOutside returns what the service will not be able to read: wrong is what it
// cannot start without, warnings the rest. root can read everything, and a check by
// root would see nothing wrong.
func fromOutside(config *profiles.Config, uid int) (wrong, warnings []error) {
	const hint = "give it a place and a mode that let every user read it, or make it a credential of systemd: credential:NAME"
	read, later := config.Files()
	for _, file := range read {
		if why := cmp.Or(outOfReach(file, uid), unreadable(file, uid)); why != "" {
			wrong = append(wrong, fail("put it into /etc/vendord, for everybody to read (chmod a+r): there is no secret in it",
				"%s: the service will not be able to read it: %s", file, why))
		}
	}
	for _, file := range later {
		if why := outOfReach(file, uid); why != "" {
			wrong = append(wrong, fail(hint, "%s: the service will not be able to read it: %s", file, why))
		} else if why := unreadable(file, uid); why != "" {
			warnings = append(warnings, fail(hint, "%s: the service will not be able to read it: %s", file, why))
		}
	}
	return wrong, warnings
}

// outOfReach says why a user that owns nothing, in the sandbox of the system's unit
// (package install), does not come to a file; "" if it does. There the daemon cannot
// even see whose the file is, and refuses the configuration.
func outOfReach(file string, uid int) string {
	for _, dir := range []string{"/home", "/root", "/run/user", "/tmp", "/var/tmp"} {
		if inside, err := filepath.Rel(dir, file); err != nil || !filepath.IsLocal(inside) {
			continue
		}
		if strings.HasSuffix(dir, "tmp") {
			return "its " + dir + " is its own (PrivateTmp=)"
		}
		return "it sees no home directories (ProtectHome=)"
	}
	for dir := filepath.Dir(file); ; dir = filepath.Dir(dir) {
		if !mayUse(dir, uid, 0o001) {
			return "it may not enter " + dir
		}
		if dir == filepath.Dir(dir) {
			return ""
		}
	}
}

// unreadable says that the mode of a file is in the way. Its group does not count: the
// service is in none.
func unreadable(file string, uid int) string {
	if mayUse(file, uid, 0o004) {
		return ""
	}
	info, err := os.Stat(file)
	if err == nil && info.Mode().Perm()&0o040 != 0 {
		return "its mode lets its owner and group read it, and no other"
	}
	return "its mode lets its owner read it, and no other"
}

// unitInstalled reports whether the system's service is there, to which what is wrong for
// it is wrong, and not only a warning.
func unitInstalled() bool {
	_, err := os.Stat("/etc/systemd/system/vendord.service")
	return err == nil
}

// unfit finds where the installed socket unit and the configuration differ. Where there
// is no unit there is nothing to compare.
func unfit(config *profiles.Config, unit, again string) (warnings []error) {
	text, err := os.ReadFile(unit)
	if err != nil {
		return nil
	}
	held := map[string]bool{}
	for line := range strings.Lines(string(text)) {
		if at, ok := strings.CutPrefix(line, "ListenStream="); ok {
			held[strings.TrimSpace(at)] = true
		}
	}
	const down, unserved, closed = "the service would not start again", "is not served after the next start", "who asks there is turned away after the next start"
	doubt := func(key, at, then string) {
		if !held[at] {
			warnings = append(warnings, fail(again, "%s: vendord.socket does not hold %s, %s", key, at, then))
		}
		delete(held, at)
	}
	if config.Daemon.Listen != "" {
		doubt("daemon.listen", config.Daemon.Listen, "and "+down)
	}
	for _, e := range config.Endpoints {
		doubt(e.Key(), e.Listen.String(), "which "+unserved)
	}
	for _, at := range slices.Sorted(maps.Keys(held)) {
		socket, err := netip.ParseAddrPort(at)
		if err != nil {
			continue // it is for commands
		}
		then := closed
		if !leftOut(config, socket) {
			then = down
		}
		warnings = append(warnings, fail(again, "%s: vendord.socket holds it, nothing in %s names it, and %s", at, config.Path, then))
	}
	return warnings
}

// checkSources tries the sources out as far as that can be done from here. The files
// of a source may come later, or be another machine's: so these are warnings.
func checkSources(config *profiles.Config, home string) (warnings []error) {
	for _, name := range slices.Sorted(maps.Keys(config.Sources)) {
		source := config.Sources[name]
		if handedLater(config, source) {
			continue
		}
		if err := mint.CheckSource(source, home); err != nil && !toldOf(config, name) {
			warnings = append(warnings, err)
		}
	}
	return warnings
}

// handedLater reports whether a source's file is one that systemd will hand over and
// that whoever checks cannot read: encrypted, root's, or not there.
func handedLater(config *profiles.Config, source session.Source) bool {
	return slices.ContainsFunc(config.Credentials, func(c profiles.Credential) bool {
		named := slices.ContainsFunc([]string{source.ConfigFile, source.CredentialsFile, source.File}, func(file string) bool {
			return file != "" && filepath.Base(file) == c.Name && strings.HasPrefix(filepath.Dir(file), "/etc/credstore")
		})
		if !named {
			return false
		}
		file, err := os.Open(cmp.Or(c.Path, "/nonexistent"))
		if err == nil {
			_ = file.Close()
		}
		return err != nil || c.Encrypted
	})
}

// credentialInWords says where systemd will take a credential from.
func credentialInWords(c profiles.Credential) string {
	switch {
	case c.Path == "":
		return ""
	case c.Encrypted:
		return "credential " + c.Name + ": from " + c.Path + ", which systemd decrypts for the service"
	}
	return "credential " + c.Name + ": from " + c.Path
}
