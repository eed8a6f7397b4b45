package install

import (
	"fmt"
	"net/netip"
	"path"
	"slices"
	"strings"
)

// SystemdMarker begins the first line of each unit that was written here. What does
// not begin with it is somebody else's.
const SystemdMarker = "# Written by `vendord service install`"

// Systemd makes the units of systemd 250 and later, in the order in which they are
// to be written: vendord.service, vendord.socket where systemd is to hold the sockets,
// and the system's vendord-net.service where their addresses are to be made. Each file begins with SystemdMarker. The section [X-Vendord], which
// systemd passes over, has what uninstalling has to know.
//
// It errs for what no unit can say: a path that is relative or has a line break.
func (s Service) Systemd() ([]File, error) {
	if err := s.systemdErrors(); err != nil {
		return nil, err
	}
	directory, service, socket := "/etc/systemd/system", s.systemUnit(), s.systemSocket()
	if !s.System {
		directory, service, socket = path.Join(s.Home, ".config/systemd/user"), s.userUnit(), s.userSocket()
	}
	files := []File{{Path: directory + "/vendord.service", Mode: 0o644, Text: service}}
	if socket != "" {
		files = append(files, File{Path: directory + "/vendord.socket", Mode: 0o644, Text: socket})
	}
	if s.System && len(s.Needs.Link) > 0 {
		files = append(files, File{Path: directory + "/" + netUnit, Mode: 0o644, Text: s.netUnit()})
	}
	return files, nil
}

func (s Service) systemdErrors() error {
	if err := runnable("program", s.Binary); err != nil {
		return err
	}
	if s.Config != "" {
		if err := writable("configuration", s.Config); err != nil {
			return err
		}
	}
	if !s.System {
		return writable("home directory", s.Home)
	}
	for _, directory := range s.Needs.Writes {
		if err := writable("directory to write to", directory); err != nil {
			return err
		}
	}
	for _, c := range s.Needs.Credentials {
		if err := c.systemdError(); err != nil {
			return err
		}
	}
	return nil
}

// systemdError tells why systemd would not take a credential.
func (c Credential) systemdError() error {
	bad := func(r rune) bool { return r <= ' ' || r > '~' || strings.ContainsRune(`/\:"'`, r) }
	if c.Name == "" || c.Name == "." || c.Name == ".." || len(c.Name) > 255 || strings.ContainsFunc(c.Name, bad) {
		return fmt.Errorf("credential: %q cannot be a name", c.Name)
	}
	return lineable("credential "+c.Name, c.Path)
}

// head is what every unit begins with.
func head(unit, edit string) string {
	return SystemdMarker + `, which writes it anew each time.
# Changes belong into a drop-in, which it leaves alone:
#   ` + edit + ` ` + unit + "\n\n"
}

// serve is the daemon's command line.
func (s Service) serve() string {
	arguments := []string{"serve"}
	if s.System {
		arguments = append(arguments, "--system")
	}
	if s.Config != "" {
		arguments = append(arguments, "--config", s.Config)
	}
	return "ExecStart=" + command("", s.Binary, arguments...) + "\n"
}

// facts is the section that systemd passes over.
func (s Service) facts() string {
	copied := "no"
	if s.Copied {
		copied = "yes"
	}
	return "\n[X-Vendord]\n# Whether the program was copied there, to be removed by `vendord service uninstall`.\nCopied=" + copied + "\n"
}

// sockets is a socket unit's list of what is listened on, the control socket last.
func sockets(listen []netip.AddrPort, control string) string {
	var b strings.Builder
	for _, at := range listen {
		fmt.Fprintf(&b, "ListenStream=%s\n", at)
	}
	if slices.ContainsFunc(listen, func(at netip.AddrPort) bool { return !at.Addr().IsLoopback() }) {
		b.WriteString(`# Also before the network has that address, and where it comes and goes.
FreeBind=yes
`)
	}
	return b.String() + "# Commands steer vendord here; who may do what is decided by the kernel's word.\nListenStream=" + control + "\n"
}
