package profiles

import (
	"net"
	"net/netip"
	"net/url"
	"slices"
	"strconv"
	"strings"
)

// systemListen is where the system service listens unless the file says
// otherwise: units name the address, so it must not change.
const systemListen = "127.0.0.1:9797"

// scopedCredentials is the one preview of this version.
const scopedCredentials = "scoped-credentials"

// The bound of what one app and user may ask, and the bound of that: no machine
// of today answers as many.
const (
	requestsPerSecond    = 5_000
	maxRequestsPerSecond = 1_000_000
)

// daemon checks [daemon].
func (l *loader) daemon() {
	t := &l.file.Daemon
	at := path{"daemon"}
	d := &l.config.Daemon
	if l.options.System {
		d.Listen = systemListen
	}
	if t.has("listen") {
		d.Listen = t.Listen
		l.listen(at.to("listen"), t.Listen)
	}
	if t.has("region") {
		d.Region = t.Region
		l.regionShape(at.to("region"), t.Region)
	}
	if t.has("sts_endpoint") {
		d.STSEndpoint = t.STSEndpoint
		l.endpoint(at.to("sts_endpoint"), t.STSEndpoint)
	}
	if t.has("sso_endpoint") {
		d.SSOEndpoint = t.SSOEndpoint
		l.endpoint(at.to("sso_endpoint"), t.SSOEndpoint)
	}
	if t.has("iam_endpoint") {
		d.IAMEndpoint = t.IAMEndpoint
		l.endpoint(at.to("iam_endpoint"), t.IAMEndpoint)
	}
	for i, name := range t.Preview {
		if name == scopedCredentials {
			d.ScopedCredentials = true
		} else if t.has("preview") {
			l.unknown(at.to("preview").item(i), "preview", name, slices.Values([]string{scopedCredentials}))
		}
	}
	d.RequestsPerSecond = requestsPerSecond
	if t.has("requests_per_second") {
		d.RequestsPerSecond = int(t.RequestsPerSecond)
		if t.RequestsPerSecond < 0 || t.RequestsPerSecond > maxRequestsPerSecond {
			l.wrong(at.to("requests_per_second"), "write 5000, or 0 for no bound", "must be 0 to %d, is %d", maxRequestsPerSecond, t.RequestsPerSecond)
		}
	}
	if t.named("operators") && !l.options.System {
		l.wrong(at.to("operators"), "remove it: here only you may steer", "only the system service has operators")
		return
	}
	d.Operators = t.Operators
	for i, group := range t.Operators {
		if group == "" || strings.ContainsAny(group, " :,\t\n") {
			l.wrong(at.to("operators").item(i), "", "%q cannot be the name of a group", group)
		}
	}
}

// listen checks the address for SDKs. Anything but this machine's loopback
// would hand credentials to the network: tokens cross it in clear text.
func (l *loader) listen(at path, address string) {
	const hint = `write "127.0.0.1:9797", or port 0 for any free port`
	host, port, err := net.SplitHostPort(address)
	if err != nil {
		l.wrong(at, hint, "%q is not an address and a port", address)
		return
	}
	if _, err := strconv.ParseUint(port, 10, 16); err != nil {
		l.wrong(at, hint, "%q is not a port (0 to 65535)", port)
	}
	ip, err := netip.ParseAddr(host)
	switch {
	case strings.EqualFold(host, "localhost"):
		l.wrong(at, "write 127.0.0.1", "localhost is a name, which can mean another address to other programs")
	case err != nil || ip.Zone() != "":
		l.wrong(at, hint, "%q is not an IP address", host)
	case ip.IsUnspecified():
		l.wrong(at, "write 127.0.0.1", "%s is every address of this machine: the network could ask for credentials", host)
	case !ip.Unmap().IsLoopback():
		l.wrong(at, "write 127.0.0.1", "%s is not a loopback address: the network could ask for credentials", host)
	case ip != netip.AddrFrom4([4]byte{127, 0, 0, 1}):
		l.doubt(at, "write 127.0.0.1", "some SDKs accept credentials from no other loopback address than 127.0.0.1")
	}
}

// endpoint checks an endpoint of AWS's. What is sent there is signed with
// long-term keys, or is a token, and what comes back is credentials: plain text
// stays on this machine.
func (l *loader) endpoint(at path, text string) {
	const hint = `write "https://…", or "http://127.0.0.1:4566" for an emulator on this machine`
	u, err := url.Parse(text)
	if err != nil || u.Host == "" || u.Hostname() == "" || (u.Scheme != "http" && u.Scheme != "https") {
		l.wrong(at, hint, "%q is not an http or https URL", text)
		return
	}
	if u.User != nil || u.RawQuery != "" || u.Fragment != "" || (u.Path != "" && u.Path != "/") {
		l.wrong(at, hint, "only a scheme, a host and a port are possible")
	}
	if u.Scheme == "http" && !loopback(u.Hostname()) {
		l.wrong(at, hint, "plain http is only possible to this machine, not to %s", u.Hostname())
	}
}

// loopback reports whether a host is an address of this machine. The name
// localhost is not: a resolver decides what it means.
func loopback(host string) bool {
	ip, err := netip.ParseAddr(host)
	return err == nil && ip.Unmap().IsLoopback()
}
