package main

import (
	"fmt"
	"log/slog"
	"path/filepath"
	"slices"
	"strings"

	"github.com/vendord/vendord/mint"
	"github.com/vendord/vendord/profiles"
	"github.com/vendord/vendord/session"
)

// A daemon in system mode closes itself off from all files but those that it reads
// and writes, for good (Landlock): what took it over would find no other. Two things
// are not possible then: to look at the executables of other users' processes, for
// which the kernel would have to let it trace them, and to run commands, which would
// be closed off as well.

// confinement is what a daemon has closed itself off from. On nil, nothing.
type confinement struct {
	off         string // why it has not; empty: it has
	read, write []string
}

// alwaysRead are where every daemon reads: the system's files, among them the
// certificates of authorities and the time zones, users, the resolver's files, what
// the kernel tells. What is not there is passed over.
var alwaysRead = []string{"/usr", "/etc", "/proc", "/sys", "/lib", "/lib64", "/nix/store", "/dev/urandom",
	"/run/systemd", "/run/NetworkManager", "/run/resolvconf", "/run/connman", "/run/nscd", "/var/lib/sss", "/var/lib/ca-certificates"}

// elsewhere are files that are often links to other places.
var elsewhere = []string{"/etc/resolv.conf", "/etc/hosts", "/etc/nsswitch.conf", "/etc/localtime", "/etc/ssl/certs/ca-certificates.crt", "/etc/pki/tls/certs/ca-bundle.crt"}

// confine closes the daemon off, or says in the log why it does not. It comes last
// before requests are served: what is open by then stays open.
func (p *program) confine(d *daemon, close func(read, write []string) error) {
	if !p.system {
		return
	}
	n := d.needer(d.book.Config())
	c := &confinement{off: n.tooOpen(), read: p.reads(n), write: p.writes(d, n)}
	if c.off == "" {
		if err := close(c.read, c.write); err != nil {
			c.off = err.Error()
		}
	}
	d.confined = c
	if c.off != "" {
		p.notConfined(d.options.log, c)
	}
}

func (p *program) notConfined(log *slog.Logger, c *confinement) {
	log.Warn(c.warning(), hinted("without it, what takes vendord over can read every file that its user may")...)
}

// warning is the line that status shows.
func (c *confinement) warning() string {
	if c == nil || c.off == "" {
		return ""
	}
	return "landlock: off: " + c.off
}

// needer is for a configuration that this daemon loaded.
func (d *daemon) needer(c *profiles.Config) needer {
	o := d.options.config
	return needer{config: c, system: o.System, home: o.Home, credentials: o.Credentials, is: isFile}
}

// tooOpen says what of a configuration is not possible behind Landlock.
func (n needer) tooOpen() string {
	needs := n.needs()
	switch {
	case needs.Exe:
		return "a rule looks at executables, which it would hide: " + needing(n.config, func(m profiles.Match) bool { return m.Exe != "" })
	case len(needs.Commands) > 0:
		return "commands would inherit it: " + strings.Join(needs.Commands, ", ")
	}
	return ""
}

// reads are the directories of what the daemon reads: a file that is replaced is
// another one, and so it cannot be named itself.
func (p *program) reads(n needer) []string {
	read := slices.Clone(alwaysRead)
	for _, file := range slices.Concat(n.files(), elsewhere, []string{p.getenv("SSL_CERT_FILE"), p.getenv("ZONEINFO")}) {
		read = append(read, around(file)...)
	}
	read = append(append(read, filepath.SplitList(p.getenv("SSL_CERT_DIR"))...), n.credentials)
	return sorted(read)
}

// writes are the directories of what the daemon writes.
func (p *program) writes(d *daemon, n needer) []string {
	write := []string{"/dev/null", p.stateDirectory(), filepath.Dir(p.ownSocket())}
	if file := d.record.file; file != "" && file != "-" {
		write = append(write, around(file)...)
	}
	for _, s := range n.config.Sources {
		if s.Type == session.SharedConfig && filepath.IsAbs(n.home) { // where it shares its sign-ins with the AWS CLI
			write = append(write, filepath.Join(n.home, ".aws"))
		}
	}
	return sorted(write)
}

// files are those that a configuration leads to.
func (n needer) files() []string {
	all, later := n.config.Files()
	all = append(all, later...)
	for _, s := range n.config.Sources {
		all = append(all, mint.Files(s, n.home)...)
	}
	return sorted(all)
}

// around is a file's directory, and that of what it is a link to. Of what is in "/",
// it is the file itself: "/" would be everything.
func around(file string) (all []string) {
	if !filepath.IsAbs(file) {
		return nil
	}
	files := []string{file}
	if there, err := filepath.EvalSymlinks(file); err == nil {
		files = append(files, there)
	}
	for _, file := range files {
		if dir := filepath.Dir(file); dir != filepath.Dir(dir) {
			file = dir
		}
		all = append(all, file)
	}
	return all
}

func sorted(all []string) []string {
	slices.Sort(all)
	return slices.DeleteFunc(slices.Compact(all), func(file string) bool { return !filepath.IsAbs(file) })
}

// outgrown tells what of a new configuration a daemon that has closed itself off
// cannot do, so that it is refused as a whole and the old one stays.
func (c *confinement) outgrown(n needer) error {
	if c == nil || c.off != "" {
		return nil
	}
	if why := n.tooOpen(); why != "" {
		return closedOff("landlock: " + why)
	}
	for _, file := range n.files() {
		for _, at := range around(file) {
			if !slices.ContainsFunc(slices.Concat(c.read, c.write), func(open string) bool { return isBelow(at, open) }) {
				return closedOff(fmt.Sprintf("%s: vendord has closed itself off from it", file))
			}
		}
	}
	return nil
}

func closedOff(problem string) error {
	return &session.Error{Class: session.Configuration, Public: problem,
		Hint: "restart vendord: at its start it closes itself off from all files that vendord.toml does not lead to then (Landlock)"}
}
