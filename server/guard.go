package server

import (
	"net"
	"net/http"
	"net/netip"
	"strconv"
	"strings"

	"github.com/vendord/vendord/apps"
	"github.com/vendord/vendord/session"
)

// handler answers the requests of one listener.
type handler struct {
	*Server
	hosts  map[string]bool // what Host may be
	url    string          // for hints, without a path
	routes http.Handler
}

// handler returns the handler for a listener at addr.
func (s *Server) handler(addr net.Addr) (*handler, error) {
	tcp, ok := addr.(*net.TCPAddr)
	if !ok || !tcp.IP.IsLoopback() && !isECS(tcp.AddrPort().Addr().Unmap()) {
		// Whoever is on the network could ask, and read the answer of
		// whoever asks.
		return nil, &session.Error{Class: session.Configuration,
			Public: "listen " + addr.String() + ": not a loopback address", Hint: "listen on 127.0.0.1"}
	}
	listening := netip.AddrPortFrom(tcp.AddrPort().Addr().Unmap().WithZone(""), tcp.AddrPort().Port())
	h := &handler{Server: s, hosts: hosts(listening), url: "http://" + listening.String()}
	h.routes = h.router()
	return h, nil
}

// isECS reports whether an address is one of those that SDKs ask for the
// credentials of a container without being told to by its owner: Amazon ECS's
// and EKS Pod Identity's. It is link-local, so no router passes it on.
func isECS(addr netip.Addr) bool {
	switch addr.String() {
	case "169.254.170.2", "169.254.170.23", "fd00:ec2::23":
		return true
	}
	return false
}

// hosts returns the Host headers of those who mean us. A page of evil.example
// whose name suddenly resolves to 127.0.0.1 (DNS rebinding) sends its own name.
// As of 2026-11 the CRT sends no port, and an IPv6 address without brackets.
func hosts(listening netip.AddrPort) map[string]bool {
	port := ":" + strconv.Itoa(int(listening.Port()))
	found := map[string]bool{listening.Addr().String(): true}
	names := []string{strings.TrimSuffix(listening.String(), port)}
	if listening.Addr().IsLoopback() {
		found["::1"] = true
		names = append(names, "127.0.0.1", "[::1]", "localhost")
	}
	for _, name := range names {
		found[name], found[name+port] = true, true
	}
	return found
}

// guard refuses whatever is not a program's own plain GET. It says nothing of
// what the request says: an error is no place for a stranger's text.
func (h *handler) guard(r *http.Request) (answer, *session.Error) {
	switch uri := r.RequestURI; {
	case r.Method != http.MethodGet:
		return methodRefused, refused("method: only GET is answered", "ask with GET")
	case strings.Contains(uri, apps.Prefix):
		return requestRefused, refused("path: has a token in it",
			"use the Authorization header; issue another token: this one may be in logs")
	case !strings.HasPrefix(uri, "/"): // a proxy's http://…, CONNECT's host:port, *
		return requestRefused, refused("path: does not begin with a slash", "ask "+h.right(uri)+", not a proxy")
	case strings.Contains(uri, "?"):
		// No SDK adds a query, as of 2026-11, and JavaScript's rewrites
		// one. To ignore it would be to promise what it asks for.
		return requestRefused, refused("path: has a query", "ask "+h.right(uri))
	case !h.hosts[r.Host] && !h.hosts[strings.ToLower(r.Host)]:
		return requestRefused, refused("host: not the address that vendord listens on", "ask "+h.right(uri))
	case r.ContentLength != 0: // -1 for chunks
		return requestRefused, refused("body: a request for credentials has none", "ask with a plain GET")
	}
	for name := range r.Header {
		switch {
		case !foreign(name):
		case name == session.SourceHeader:
			return requestRefused, refused("header: a source of vendord asks vendord", "use another source")
		default:
			return requestRefused, refused("header: one that only a browser or a proxy sends",
				"ask directly, with NO_PROXY=127.0.0.1,localhost")
		}
	}
	return answer{}, nil
}

// right returns the address to ask, for who asked uri.
func (h *handler) right(uri string) string {
	if strings.Contains(uri, ProcessPath) {
		return h.url + ProcessPath
	}
	return h.url + Path
}

// foreign reports whether a header, in its canonical form, is one that no SDK
// sends (as of 2026-11) and that a browser or a proxy adds whether or not its
// user wants to: a page that makes its reader's browser ask, or a server that
// was talked into asking for somebody (SSRF). Pages cannot leave out the
// headers named Sec-, and cannot set them.
func foreign(name string) bool {
	switch name[0] { // of most headers that is all there is to look at
	case 'O':
		return name == "Origin"
	case 'R':
		return name == "Referer"
	case 'V':
		return name == "Via" || name == session.SourceHeader // one would wait for the other
	case 'F':
		return name == "Forwarded"
	case 'S':
		return strings.HasPrefix(name, "Sec-")
	case 'X':
		return name == "X-Real-Ip" || strings.HasPrefix(name, "X-Forwarded")
	}
	return false
}

func refused(public, hint string) *session.Error {
	return &session.Error{Class: session.Refused, Public: public, Hint: hint}
}
