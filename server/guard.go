package server

import (
	"net"
	"net/http"
	"net/netip"
	"strconv"
	"strings"

	"github.com/vendord/vendord/session"
)

// handler answers the requests of one listener.
type handler struct {
	*Server
	of     Endpoint
	asked  asked
	routes http.Handler
}

// handler returns the handler for a listener at addr.
func (s *Server) handler(addr net.Addr, of Endpoint) (*handler, error) {
	listening, err := of.Kind.place(addr)
	if err != nil {
		return nil, err
	}
	h := &handler{Server: s, of: of, asked: askedAt(listening)}
	h.routes = h.router()
	return h, nil
}

// asked is how a listener's programs ask it.
type asked struct {
	hosts  map[string]bool // what Host may be
	url    string          // for hints, without a path
	direct string          // the same: what NO_PROXY has to name
}

func askedAt(listening netip.AddrPort) asked {
	a := asked{hosts: hosts(listening), url: urlOf(listening), direct: "127.0.0.1,localhost"}
	if !listening.Addr().IsLoopback() {
		a.direct = listening.Addr().String()
	}
	return a
}

// by reports whether a Host header means us.
func (a asked) by(host string) bool { return a.hosts[host] || a.hosts[strings.ToLower(host)] }

// relayed refuses a request that a browser or a proxy has had in its hands, or another
// vendord.
func (a asked) relayed(header http.Header) *session.Error {
	for name := range header {
		switch {
		case !foreign(name), name == language && ofProgram(header["User-Agent"]):
		case name == session.SourceHeader:
			return refused("header: a source of vendord asks vendord", "use another source")
		default:
			return refused("header: one that only a browser or a proxy sends", "ask directly, with NO_PROXY="+a.direct)
		}
	}
	return nil
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
	case secretIn(uri) >= 0 && h.guardSecret(uri) != nil:
		return requestRefused, h.guardSecret(uri)
	case !strings.HasPrefix(uri, "/"): // a proxy's http://…, CONNECT's host:port, *
		return requestRefused, refused("path: does not begin with a slash", "ask "+h.right(uri)+", not a proxy")
	case strings.Contains(uri, "?"):
		// No SDK adds a query, as of 2026-11, and JavaScript's rewrites
		// one. To ignore it would be to promise what it asks for.
		return requestRefused, refused("path: has a query", "ask "+h.right(uri))
	case !h.asked.by(r.Host):
		return requestRefused, refused("host: not the address that vendord listens on", "ask "+h.right(uri))
	case r.ContentLength != 0: // -1 for chunks
		return requestRefused, refused("body: a request for credentials has none", "ask with a plain GET")
	}
	if err := h.asked.relayed(r.Header); err != nil {
		return requestRefused, err
	}
	return answer{}, nil
}

// right returns the address to ask, for who asked uri.
func (h *handler) right(uri string) string {
	switch {
	case strings.Contains(uri, ProcessPath):
		return h.asked.url + ProcessPath
	case h.of.Kind == ECS && strings.Contains(uri, IDPath):
		return h.asked.url + IDPath + "ID"
	}
	return h.asked.url + Path
}

const language = "Accept-Language"

// ofProgram reports whether a request with a language is a program's all the same:
// Foundation, which the SDK for Swift asks with, adds one to all that it sends, and names
// the program. A browser's agent begins with Mozilla/, and no page can have another sent
// to an address that has not allowed it: the browser asks for that first, with OPTIONS.
func ofProgram(agents []string) bool {
	return len(agents) == 1 && agents[0] != "" && !strings.HasPrefix(agents[0], "Mozilla/")
}

// foreign reports whether a header, in its canonical form, is one that no SDK
// sends (as of 2026-11; but see ofProgram) and that a browser or a proxy adds whether or not its
// user wants to: a page that makes its reader's browser ask, or a server that
// was talked into asking for somebody (SSRF). Pages cannot leave out the
// headers named Sec-, and cannot set them; but browsers send them only where
// the address is a loopback one. At a link-local one Accept-Language is all that
// tells an image's request from a program's (Chromium 156).
func foreign(name string) bool {
	switch name[0] { // of most headers that is all there is to look at
	case 'A':
		return name == language
	case 'O':
		return name == "Origin"
	case 'R':
		// A part of it is what media players ask for, whose agents (AppleCoreMedia/)
		// do not begin as browsers' do.
		return name == "Referer" || name == "Range"
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
