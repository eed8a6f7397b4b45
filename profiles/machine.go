package profiles

import (
	"errors"
	"os"
	"os/user"
	"path/filepath"
	"runtime"
	"strconv"
	"strings"

	"github.com/vendord/vendord/peer"
)

// Machine answers what the rules of apps ask of a machine. Its fields may be called
// at the same time, and those of users and groups may take long.
type Machine struct {
	// UserID and GroupID return the number of who is named, or is written "#1234".
	// The errors have those of os/user, and peer.ErrNobody, in their chains.
	UserID, GroupID func(name string) (uint32, error)
	// UserName and GroupName return the name of a number, or "#" and the number.
	UserName, GroupName func(id uint32) string
	// Accounts returns the users that are known without asking anyone.
	Accounts func() []Account
	// HasUnit reports whether a unit of the system's service manager has a file;
	// nil where that cannot be told.
	HasUnit func(name string) bool
	// CanTell reports whether the kernel tells something of callers.
	CanTell func(peer.Ability) bool
}

// Account is a user of the machine's own user database.
type Account struct {
	Name  string
	UID   uint32
	Shell string
}

// machine returns what Options say, and for the rest this machine.
func (o Options) machine() Machine {
	m := Machine{UserID: peer.UserID, GroupID: peer.GroupID, UserName: peer.UserName, GroupName: peer.GroupName,
		Accounts: accounts, HasUnit: hasUnit("/"), CanTell: peer.CanTell}
	if o.Machine != nil {
		m = *o.Machine
	}
	return m
}

// isUnknown reports whether the user database has nobody of a name, other than that
// it could not say.
func isUnknown(err error) bool {
	_, noUser := errors.AsType[user.UnknownUserError](err)
	_, noGroup := errors.AsType[user.UnknownGroupError](err)
	return noUser || noGroup
}

// accounts reads /etc/passwd (passwd(5)). Users of a directory are not in it; to
// list those would ask for everybody in a company.
func accounts() []Account {
	if runtime.GOOS == "windows" {
		return nil
	}
	text, err := readFile("/etc/passwd", maxMain)
	if err != nil {
		return nil
	}
	return parseAccounts(string(text))
}

// parseAccounts skips what is no account, such as the "+" of NIS.
func parseAccounts(text string) (all []Account) {
	for line := range strings.Lines(text) {
		fields := strings.Split(strings.TrimSuffix(line, "\n"), ":")
		if len(fields) != 7 || fields[0] == "" {
			continue
		}
		if uid, err := strconv.ParseUint(fields[2], 10, 32); err == nil {
			all = append(all, Account{Name: fields[0], UID: uint32(uid), Shell: fields[6]})
		}
	}
	return all
}

// noLogins are the programs that stand in place of a shell for who cannot log in.
var noLogins = map[string]bool{"nologin": true, "false": true, "true": true, "sync": true, "halt": true, "shutdown": true}

// logsIn returns the shell that the account logs in with, or nothing. Without one
// it is /bin/sh.
func (a Account) logsIn() string {
	switch {
	case a.Shell == "":
		return "/bin/sh"
	case noLogins[filepath.Base(a.Shell)]:
		return ""
	}
	return a.Shell
}

// unitFolders are where the system's service manager finds its units (systemd.unit(5)).
var unitFolders = []string{"/etc/systemd/system", "/run/systemd/system", "/run/systemd/transient", "/run/systemd/generator",
	"/run/systemd/generator.early", "/run/systemd/generator.late", "/etc/systemd/system.control", "/run/systemd/system.control",
	"/etc/systemd/system.attached", "/run/systemd/system.attached", "/usr/local/lib/systemd/system", "/usr/lib/systemd/system", "/lib/systemd/system"}

// hasUnit returns what tells whether a unit has a file, or nil where no systemd
// runs: then the configuration is looked at on another machine than its own, or in
// a container.
func hasUnit(root string) func(string) bool {
	if info, err := os.Stat(filepath.Join(root, "run/systemd/system")); err != nil || !info.IsDir() {
		return nil
	}
	return func(name string) bool {
		for _, folder := range unitFolders {
			if _, err := os.Lstat(filepath.Join(root, folder, name)); err == nil {
				return true
			}
		}
		return false
	}
}
