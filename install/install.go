// Package install makes vendord a service of the operating system: the files that
// say so, for each service manager, and for systemd the work of installing,
// upgrading and removing it.
//
// The files are made by pure functions of a Service, on every system, so that what
// is written for a Mac is tested on Linux. Each kind has quoting of its own: a path
// with a space, a per cent sign or a quote must not become two words, another path,
// or a directive. What cannot be written at all, such as a line break, is refused.
//
// A Service asks for as few rights as its configuration can do with (Needs). What a
// configuration needs more than the installed files allow is for the daemon to say
// at its start: which line stands in the way.
package install

import (
	"io/fs"
	"net/netip"
)

// Service is vendord as it is to be installed.
type Service struct {
	System bool   // one for the machine, in system mode; else a user's own
	Binary string // what is run: an absolute path
	Config string // the configuration: an absolute path; empty: where this mode looks for it
	User   string // whose service it is, where it is not the system's; also the name of launchd's and OpenRC's user
	Home   string // that user's home directory
	Copied bool   // the binary was put where it is by the installer, which takes it away again
	Needs  Needs
}

// Needs is what a configuration needs beyond the least rights.
type Needs struct {
	// Listen is where programs ask: addresses that the service manager holds, so
	// that nobody else can have them while vendord is down, and nobody is refused
	// meanwhile. Empty: vendord listens itself, at a port that it keeps.
	Listen []netip.AddrPort
	// Link are the link-local addresses among them, which no machine has by itself: the
	// service puts them on the loopback link, before anybody listens there.
	Link []netip.Addr
	// Exe: a rule looks at the executable of other users' processes.
	Exe bool
	// Homes: such a rule names an executable in a home directory.
	Homes bool
	// Commands is what runs a command for its credentials or codes, in words for a
	// comment: `source "op"`. Commands live in the daemon's sandbox.
	Commands []string
	// Credentials are the secrets that systemd hands over ("credential:NAME").
	Credentials []Credential
	// Writes are directories outside of vendord's own that the record is written to.
	Writes []string
}

// Credential is a secret in a file that root alone may read, and that systemd
// gives to the daemon.
type Credential struct {
	Name      string // as in LoadCredential=
	Path      string // absolute: /etc/credstore/NAME, or /etc/credstore.encrypted/NAME
	Encrypted bool   // by systemd-creds
}

// File is one that a service manager reads.
type File struct {
	Path string
	Mode fs.FileMode
	Text string
}
