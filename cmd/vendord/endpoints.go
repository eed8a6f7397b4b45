package main

import (
	"errors"
	"net"
	"os"
	"slices"
	"strings"
	"syscall"

	"github.com/vendord/vendord/apps"
	"github.com/vendord/vendord/control"
	"github.com/vendord/vendord/install"
	"github.com/vendord/vendord/profiles"
	"github.com/vendord/vendord/server"
)

// endpoint is one of [endpoints] that the daemon answers at.
type endpoint struct {
	profiles.Endpoint
	ln    net.Listener
	local bool  // for programs of this machine alone
	doubt error // why it could not be bound so, or made open
}

// served is what it is for the server.
func (e endpoint) served() server.Endpoint {
	kinds := map[profiles.EndpointKind]server.Kind{profiles.ECS: server.ECS, profiles.EKS: server.EKS, profiles.IMDS: server.Metadata}
	return server.Endpoint{Kind: kinds[e.Kind], App: e.App}
}

// url is where it is asked, without a path. Port 80 is left out: AWS's own variables
// have none.
func (e endpoint) url() string { return "http://" + strings.TrimSuffix(e.Listen.String(), ":80") }

// name is what it is called in what people read.
func (e endpoint) name() string { return "endpoints." + string(e.Kind) + " " + e.Listen.String() }

// openEndpoint opens one, with the socket that is inherited where there is one. up is
// the command that puts its address on this machine.
//
// It opens none beside sockets that are inherited: a reload may have brought the endpoint,
// and the others are not to stay down for it. Nor does it listen there by itself, which
// would work until the next crash, after which somebody else may be quicker.
func openEndpoint(e profiles.Endpoint, from *inherited, up string) (net.Listener, error) {
	if l := from.tcp(e.Listen); l != nil {
		return l, heldAlone(e.Listen)
	}
	if from.any {
		return nil, nil
	}
	return listenEndpoint(e, up)
}

// listenEndpoint listens at an address that has to be this machine's already: the
// daemon has no right to change the network.
func listenEndpoint(e profiles.Endpoint, up string) (net.Listener, error) {
	listener, err := bind(e.Listen.String(), "stop it, or set another port in "+e.Key())
	switch at := e.Listen; {
	case errors.Is(err, syscall.EADDRNOTAVAIL) && at.Addr().IsLoopback():
		return nil, fail("listen at 127.0.0.1", "%s: this machine has no %s", e.Key(), at.Addr())
	case errors.Is(err, syscall.EADDRNOTAVAIL):
		return nil, fail(up, "%s: %s is not an address of this machine", e.Key(), at.Addr())
	case errors.Is(err, syscall.EACCES):
		return nil, fail("set a port above 1023; the machine's service can have this one: "+bySudo("service", "install"),
			"%s: port %d is root's", e.Key(), at.Port())
	}
	return listener, err
}

// netUp is the command that puts the addresses of a configuration on this machine. root
// has another configuration than whoever is told to type it.
func netUp(c *profiles.Config, system bool) string {
	if system {
		return "sudo vendord net up --system"
	}
	return bySudo("net", "up", "--config", c.Path)
}

// bySudo is what somebody types to have root run this program. sudo has a PATH of its own,
// which leads to no vendord but an installed service's.
func bySudo(args ...string) string {
	self, err := os.Executable()
	if err != nil {
		self = "vendord"
	}
	return "sudo " + install.ShellWords(append([]string{self}, args...)...)
}

// missing are the endpoints that nobody can reach, in words.
func (d *daemon) missing() (all []string) {
	for _, e := range d.endpoints {
		if why := e.astray(); why != "" {
			all = append(all, e.Key()+": "+e.Listen.Addr().String()+" "+why)
		}
	}
	return all
}

// unserved are the endpoints of the configuration for which the service manager holds no
// socket. A reload brings and takes them; none is opened before the next start.
func (d *daemon) unserved() (all []profiles.Endpoint) {
	if !d.inUnit {
		return nil
	}
	served := make([]profiles.Endpoint, len(d.endpoints))
	for i, e := range d.endpoints {
		served[i] = e.Endpoint
	}
	for _, e := range d.book.Config().Endpoints {
		if !listens(served, e) {
			all = append(all, e)
		}
	}
	return all
}

// notServed is what of an endpoint is said for which there is no socket.
func (d *daemon) notServed() string { return "is not served before: " + d.install() }

// install is the command that makes the unit fit the configuration.
func (d *daemon) install() string {
	if d.options.config.System {
		return "sudo vendord service install"
	}
	return "vendord service install --user"
}

// trouble is each endpoint at which nobody gets anything, in words.
func (d *daemon) trouble() []string {
	all := d.missing()
	for _, e := range d.unserved() {
		all = append(all, e.Key()+": "+e.Listen.String()+" "+d.notServed())
	}
	return all
}

// warnOfEndpoints logs what of them is not as the configuration has it.
func (d *daemon) warnOfEndpoints(up, anew string) {
	log := d.options.log
	for _, e := range d.endpoints {
		if e.doubt != nil {
			log.Warn(e.doubt.Error(), hinted(hintOf(e.doubt))...)
		}
	}
	for _, line := range d.missing() {
		log.Warn(line, hinted(up)...)
	}
	for _, e := range d.unserved() {
		log.Error(e.Key()+": "+e.Listen.String()+" is not among the sockets that the service manager holds for vendord, and is not served", hinted(anew)...)
	}
	for _, l := range d.left {
		log.Warn(l.Addr().String()+": "+d.turnedAway(), hinted(anew)...)
	}
}

// turnedAway is what is said of a socket that is left.
func (d *daemon) turnedAway() string {
	return "the service manager holds it for vendord, " + d.book.Config().Path + " does not name it, and who asks there is turned away"
}

// endpointsChanged says what of [endpoints], and of who may ask there, is other than it
// was at the start.
func (d *daemon) endpointsChanged(c *profiles.Config) (lines []string) {
	was, now := make([]profiles.Endpoint, len(d.endpoints)), c.Endpoints
	for i, e := range d.endpoints {
		was[i] = e.Endpoint
		line := d.reachChanged(e, localOnly(c, e.Endpoint))
		if line != "" && slices.Contains(now, e.Endpoint) && !slices.Contains(lines, line) {
			lines = append(lines, line)
		}
	}
	for _, e := range slices.Concat(was, now) {
		line := e.Key() + ": " + d.whenItHolds("")
		if listens(was, e) && listens(now, e) { // for another app: its socket stays
			line = "endpoints." + string(e.Kind) + ".app: takes effect at the next start of vendord"
		}
		if slices.Contains(was, e) != slices.Contains(now, e) && !slices.Contains(lines, line) {
			lines = append(lines, line)
		}
	}
	return lines
}

// listens reports whether one of them is at an endpoint's address.
func listens(all []profiles.Endpoint, at profiles.Endpoint) bool {
	return slices.ContainsFunc(all, func(e profiles.Endpoint) bool { return e.Listen == at.Listen })
}

// whenItHolds says when another address does. One that a service manager is to hold has
// to be in its unit first; until says what comes of a start before that.
func (d *daemon) whenItHolds(until string) string {
	if d.inUnit {
		return "takes effect with: vendord service install" + until
	}
	return "takes effect at the next start of vendord"
}

// reachChanged says when an endpoint that stays is opened to containers, or closed to
// them. Meanwhile nobody is let in whom no app names.
func (d *daemon) reachChanged(e endpoint, local bool) string {
	switch {
	case local == e.local:
		return ""
	case local:
		return e.Key() + ": is closed to other networks altogether at the next start of vendord"
	case d.inUnit: // its socket stays bound
		return e.Key() + ": containers reach it once its socket is made anew: " + anewSocket(d.options.config.System)
	}
	return e.Key() + ": containers reach it at the next start of vendord"
}

// endpointRows are the endpoints for status, without those of other apps than these.
func (d *daemon) endpointRows(apps []string) (rows []control.EndpointRow) {
	for _, e := range d.endpoints {
		if e.App == "" || slices.Contains(apps, e.App) {
			rows = append(rows, e.row())
		}
	}
	for _, e := range d.unserved() {
		if e.App == "" || slices.Contains(apps, e.App) {
			rows = append(rows, control.EndpointRow{Kind: string(e.Kind), URL: endpoint{Endpoint: e}.url(), App: e.App, Unreachable: d.notServed(), Unserved: true})
		}
	}
	return rows
}

func (e endpoint) row() control.EndpointRow {
	return control.EndpointRow{Kind: string(e.Kind), URL: e.url(), App: e.App, Unreachable: e.astray()}
}

// rowsOf are the endpoints of a configuration.
func rowsOf(all []profiles.Endpoint) (rows []control.EndpointRow) {
	for _, e := range all {
		rows = append(rows, endpoint{Endpoint: e}.row())
	}
	return rows
}

// urlOf is where a token is to be shown. Who is no user here is in another network
// namespace, and cannot reach this one's loopback: a container, or a pod. An id in a
// path is ECS's, whoever has it.
func (d *daemon) urlOf(t apps.Token) string {
	switch {
	case t.Path:
		return d.idURL()
	case t.User != "":
		return d.url
	}
	for _, kind := range []profiles.EndpointKind{profiles.ECS, profiles.EKS} {
		for _, e := range d.endpoints {
			if e.Kind == kind {
				return e.url() + server.Path
			}
		}
	}
	return d.url
}

// idURL is what comes before an id in a path. SDKs that are given the path alone ask on
// port 80.
func (d *daemon) idURL() string {
	best := ""
	for _, e := range d.endpoints {
		if e.Kind == profiles.ECS && (best == "" || e.Listen.Port() == 80) {
			best = e.url() + server.IDPath
		}
	}
	return best
}

// answersIDs refuses to make an id that nobody would answer yet.
func (d *daemon) answersIDs(t apps.Token) error {
	switch {
	case t.Path && d.idURL() == "" && d.inUnit:
		return fail(d.install()+", and issue it then", "endpoints.ecs.listen: the service manager holds no socket for it, and nobody answers an id in a path until then")
	case t.Path && d.idURL() == "":
		return fail("start vendord anew, and issue it then", "endpoints.ecs.listen: takes effect at the next start of vendord, and nobody answers an id in a path until then")
	}
	return nil
}

// printEndpoints says where programs ask besides, and who.
func (p *program) printEndpoints(rows []control.EndpointRow) {
	for _, row := range rows {
		line := "            " + row.URL
		switch profiles.EndpointKind(row.Kind) {
		case profiles.ECS:
			line += server.Path + ", from containers (ECS)"
		case profiles.EKS:
			line += server.Path + ", from pods (EKS)"
		case profiles.IMDS:
			line += ", as EC2's metadata service"
		}
		if row.App != "" {
			line += ", app " + row.App + " alone"
		}
		switch {
		case row.Unserved:
			line += ": " + row.Unreachable
		case row.Unreachable != "":
			line += ": " + row.Unreachable + " (vendord net status)"
		}
		say(p.stdout, "%s", line)
	}
}
