package profiles

import (
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
)

// Credential is a file that systemd hands to the service: "credential:NAME" in
// vendord.toml. Secrets of a service that may read next to nothing come so.
type Credential struct {
	Name string
	// Path is where systemd would take it from, seen from outside of the service: the
	// first of Options.Stores that has it. It is empty where none has, where nobody
	// but root can tell, and inside of the service.
	Path string
	// Encrypted says that systemd alone can read it.
	Encrypted bool
	// Hidden says that whoever looks may not enter a store.
	Hidden bool
}

// Store is a directory whose files systemd can hand over under their names.
type Store struct {
	Path      string
	Encrypted bool // by systemd-creds
}

// Stores returns where secrets of the system's services are (systemd.exec(5), of
// LoadCredential and LoadCredentialEncrypted; systemd-creds(1); as of 2026-11).
// Those that are encrypted come first.
func Stores() []Store {
	return []Store{{"/etc/credstore.encrypted", true}, {"/etc/credstore", false}}
}

// credential returns the path of a file that systemd put into the service's
// credentials directory (systemd.exec(5), as of 2026-11). The name is one of a
// file there: with a slash or as ".." it would be any file of the daemon's user.
func (l *loader) credential(at path, name string) (string, bool) {
	const hint = "vendord service install writes it into the unit; by hand: LoadCredential=NAME:PATH or LoadCredentialEncrypted=NAME:PATH"
	bad := func(r rune) bool { return r <= ' ' || r > '~' || strings.ContainsRune(`/\:`, r) }
	switch {
	case name == "" || name == "." || name == ".." || len(name) > 255 || strings.ContainsFunc(name, bad):
		l.wrong(at, "write credential:NAME, with the NAME of LoadCredential=NAME:PATH", "%q cannot be the name of a credential", shortened(name))
		return "", false
	case l.options.Credentials == "" && len(l.options.Stores) > 0:
		return l.foreseen(at, name), true
	case l.options.Credentials == "":
		l.wrong(at, hint, "credential:%s: $CREDENTIALS_DIRECTORY is not set: systemd handed over no credentials", name)
		return "", false
	case !filepath.IsAbs(l.options.Credentials):
		l.wrong(at, hint, "credential:%s: $CREDENTIALS_DIRECTORY is not an absolute path", name)
		return "", false
	}
	l.handed(Credential{Name: name})
	return filepath.Join(l.options.Credentials, name), true
}

// foreseen returns where systemd would take a credential from. That there is none is
// a warning: a unit can name another file.
func (l *loader) foreseen(at path, name string) string {
	c := Credential{Name: name}
	file := ""
	for _, store := range l.options.Stores {
		file = filepath.Join(store.Path, name)
		info, err := os.Stat(file)
		if err == nil && info.Mode().IsRegular() {
			c.Path, c.Encrypted = file, store.Encrypted
			break
		}
		c.Hidden = c.Hidden || errors.Is(err, fs.ErrPermission)
	}
	switch {
	case c.Path != "":
		c.Hidden = false
	case c.Hidden:
		l.doubt(at, "sudo vendord check --system", "credential:%s: only root can see whether it is there", name)
	default:
		last := l.options.Stores[len(l.options.Stores)-1]
		l.doubt(at, "install -D -m 600 FILE "+filepath.Join(last.Path, name)+", then: vendord service install",
			"credential:%s: not in %s: the service cannot start without it", name, l.stores())
	}
	l.handed(c)
	return file
}

// stores names the directories that were looked into.
func (l *loader) stores() string {
	var names []string
	for _, store := range l.options.Stores {
		names = append(names, store.Path)
	}
	return strings.Join(names, " nor in ")
}

// handed notes a credential, each once.
func (l *loader) handed(c Credential) {
	if !slices.Contains(l.config.Credentials, c) {
		l.config.Credentials = append(l.config.Credentials, c)
	}
}

// Files returns the files that were read, and those that sources name and that are
// read later, as whole paths: what the daemon must be able to read. Credentials of
// systemd are not among them, nor commands that are looked up in PATH.
func (c *Config) Files() (read, later []string) {
	for _, f := range c.files {
		read = append(read, f.path)
	}
	return sorted(read), sorted(c.named)
}

func sorted(names []string) []string {
	names = slices.Sorted(slices.Values(names))
	return slices.Compact(names)
}
