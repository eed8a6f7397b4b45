package profiles

import (
	"maps"
	"net"
	"net/netip"
	"slices"
	"strconv"
	"strings"
)

// sdkAddresses are those that SDKs ask at an endpoint of AWS's, without being told
// another. Each endpoint answers at its own alone, where programs ask in its way: a
// program that expects EKS Pod Identity can do nothing with the paths of ECS.
var sdkAddresses = map[EndpointKind][]string{
	ECS:  {"169.254.170.2"},
	EKS:  {"169.254.170.23", "fd00:ec2::23"},
	IMDS: {"169.254.169.254", "fd00:ec2::254"},
}

// endpoints checks [endpoints], once the apps are known.
func (l *loader) endpoints() {
	t, at := &l.file.Endpoints, path{"endpoints"}
	if t.has("ecs") || t.ECS.named("listen") {
		l.listens(at.to("ecs"), ECS, "", t.ECS.given, t.ECS.Listen)
	}
	if t.has("eks") || t.EKS.named("listen") {
		l.listens(at.to("eks"), EKS, "", t.EKS.given, t.EKS.Listen)
	}
	if at = at.to("imds"); t.has("imds") && len(t.IMDS.each) == 0 {
		l.wrong(at, "write a [[endpoints.imds]] table, or remove the key", "an empty list: nobody would be answered")
	}
	for i, one := range t.IMDS.each {
		here := t.IMDS.place(at, i)
		if one.named("app") {
			l.owner(here.to("app"), one)
		}
		if t.has("imds") || one.named("listen") {
			l.listens(here, IMDS, one.App, one.given, one.Listen)
		}
	}
}

// listens checks the addresses of one table of [endpoints].
func (l *loader) listens(at path, kind EndpointKind, app string, keys given, listen oneOrMany) {
	at = at.to("listen")
	switch {
	case !keys.named("listen"):
		l.wrong(at, right(kind), "missing")
	case !keys.has("listen"): // and reported
	case len(listen.items) == 0:
		l.wrong(at, right(kind), "an empty list: nobody would be answered")
	}
	for i, text := range listen.items {
		here := at
		if listen.list {
			here = at.item(i)
		}
		if e := (Endpoint{Kind: kind, App: app}); keys.has("listen") && l.address(here, &e, text) {
			l.config.Endpoints = append(l.config.Endpoints, e)
			l.listening = append(l.listening, here)
			l.anybodys(here, e.Listen)
		}
	}
}

// address checks one address, and puts it into its endpoint. Nothing but this
// machine's loopback and link-local addresses is possible: whoever is on a network
// could ask, or read the answers.
func (l *loader) address(at path, e *Endpoint, text string) bool {
	listen, err := netip.ParseAddrPort(text)
	e.Listen = listen
	switch belongs := kindOfAddress(listen.Addr()); {
	case err != nil:
		l.wrong(at, right(e.Kind), "%q is not an address and a port", shortened(text))
	case listen.Port() == 0:
		l.wrong(at, right(e.Kind), "port 0 is any free port, which no program would ask")
	case belongs != "" && belongs != e.Kind:
		l.wrong(at, "write it in [endpoints."+string(belongs)+"]", "%s is not an address of this endpoint", listen.Addr())
	case belongs == "" && e.Kind != IMDS && listen.Addr().Unmap().IsLoopback():
		l.wrong(at, right(e.Kind)+"; on loopback, listen of [daemon] answers the same programs", "%s is not an address of this endpoint", listen.Addr())
	case belongs == "" && (e.Kind != IMDS || !listen.Addr().IsLoopback() || listen.Addr().Is4In6() || listen.Addr().Zone() != ""):
		l.wrong(at, right(e.Kind), "%s is no address that SDKs ask here", listen.Addr())
	case l.taken(listen) != "":
		l.wrong(at, "give each its own port", "%s is that of %s as well", listen, l.taken(listen))
	default:
		return true
	}
	return false
}

// anybodys warns of a port at one of AWS's addresses that is not root's. At loopback nobody
// else can have it while vendord does; here vendord's socket is bound to the loopback link,
// and any user may bind one to another link beside it, which is in the way at the next start.
func (l *loader) anybodys(at path, listen netip.AddrPort) {
	if listen.Port() >= 1024 && !listen.Addr().IsLoopback() {
		l.doubt(at, "use port 80, which SDKs ask by themselves", "port %d is not root's: any user can have a socket there, which keeps vendord from starting", listen.Port())
	}
}

// taken returns where an address stands already, or "".
func (l *loader) taken(listen netip.AddrPort) string {
	if main, err := netip.ParseAddrPort(l.config.Daemon.Listen); err == nil && main == listen {
		return "daemon.listen"
	}
	if i := slices.IndexFunc(l.config.Endpoints, func(e Endpoint) bool { return e.Listen == listen }); i >= 0 {
		return l.listening[i].String()
	}
	return ""
}

// kindOfAddress returns the endpoint that an address is of, or "".
func kindOfAddress(a netip.Addr) EndpointKind {
	for kind, addresses := range sdkAddresses {
		if slices.Contains(addresses, a.String()) {
			return kind
		}
	}
	return ""
}

// right is the hint for the addresses of an endpoint.
func right(kind EndpointKind) string {
	var all []string
	for _, address := range sdkAddresses[kind] {
		all = append(all, strconv.Quote(net.JoinHostPort(address, "80")))
	}
	if kind == IMDS {
		all = append(all, `a port of loopback, such as "127.0.0.1:9254"`)
	}
	return "write " + strings.Join(all, " or ")
}

// owner checks the app of a port of its own. Programs ask there without a token, as
// they do everywhere of the metadata service.
func (l *loader) owner(at path, t *imdsTable) {
	app, known := l.file.Apps[t.App]
	switch {
	case !t.has("app"): // and reported
	case !known:
		l.unknown(at, "app", t.App, maps.Keys(l.file.Apps))
	case !app.named("match"):
		l.wrong(at, "write match in [apps."+t.App+"]", "app %q needs a token, which nobody sends to the metadata service", t.App)
	case app.named("require"):
		l.wrong(at, "name an app without require", "app %q needs a token as well, which nobody sends to the metadata service", t.App)
	}
}

// ownPorts returns the apps that have a port of their own.
func (c *Config) ownPorts() map[string]bool {
	own := make(map[string]bool)
	for _, e := range c.Endpoints {
		own[e.App] = e.App != ""
	}
	return own
}

// metadata warns of what the metadata service opens, and of one that opens nothing.
func (l *loader) metadata() {
	served := slices.ContainsFunc(l.config.Endpoints, func(e Endpoint) bool { return e.Kind == IMDS })
	anybody := false
	for _, name := range slices.Sorted(maps.Keys(l.config.Apps)) {
		app := l.config.Apps[name]
		anybody = anybody || app.Match.Any() && !app.Both
		switch at := (path{"apps", name, "imdsv1"}); {
		case !app.MetadataV1:
		case !served:
			l.doubt(at, "remove it, or write [endpoints.imds]", "there is no metadata service that anybody could ask")
		default:
			l.doubt(at, "have its programs use version 2, and remove it",
				"whoever can talk a program of app %q into asking an address, and sees the answer (SSRF), has its credentials", name)
		}
	}
	switch at := (path{"endpoints", "imds"}); {
	case !served || anybody:
	case len(l.config.Apps) == 0:
		l.doubt(at, `write [apps.NAME] with match = { user = "…" }`, "there is no app: nobody gets anything here")
	default:
		l.doubt(at, `write match = { user = "…" } in one of them, without require`,
			"all apps need a token, which nobody sends to the metadata service: nobody gets anything here")
	}
}
