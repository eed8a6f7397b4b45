package server

import (
	"net/http"
	"net/netip"
	"strings"

	"github.com/vendord/vendord/session"
)

// expected returns who is let in from other networks: of metadata nobody, who has no
// user here that the kernel could know.
func (s *Server) expected(of Kind) func(netip.Addr) bool {
	if of == Metadata {
		return func(netip.Addr) bool { return false }
	}
	return s.apps.Expects
}

// guard refuses whatever is not a program's own plain request, as handler.guard does.
// EC2 itself refuses X-Forwarded-For alone, and that with a PUT, or with a session token
// (EC2 User Guide, IMDSv2); no program sends any of these (as of 2026-11), and a
// browser's page that found out a session token would have to.
func (m *metadata) guard(r *http.Request) *session.Error {
	switch uri := r.RequestURI; {
	case secretIn(uri) >= 0:
		return refused("path: has a token in it", "issue another token: this one may be in logs")
	case !strings.HasPrefix(uri, "/"): // a proxy's http://…, CONNECT's host:port, *
		return refused("path: does not begin with a slash", "ask "+m.url+"/, not a proxy")
	case strings.Contains(uri, "?"):
		return refused("path: has a query", "ask without one")
	case !m.hosts[r.Host] && !m.hosts[strings.ToLower(r.Host)]:
		return refused("host: not the address that vendord listens on", "ask "+m.url+"/")
	case r.ContentLength > 0 || r.ContentLength < 0 && r.Method != http.MethodPut: // without a length, as the CRT's PUT, it is 0
		// Chunks (-1) are what libcurl announces where it is told to upload nothing, as s3fs 1.90 does for its PUT.
		return refused("body: a request for metadata has none", "ask without one")
	}
	for name := range r.Header {
		switch {
		case !foreign(name), name == language && ofProgram(r.Header["User-Agent"]):
		case name == session.SourceHeader:
			return refused("header: a source of vendord asks vendord", "use another source")
		default:
			return refused("header: one that only a browser or a proxy sends", "ask directly, with NO_PROXY=169.254.169.254,127.0.0.1,localhost")
		}
	}
	return nil
}
