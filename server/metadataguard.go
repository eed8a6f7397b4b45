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
		return refused("path: does not begin with a slash", "ask "+m.asked.url+"/, not a proxy")
	case strings.Contains(uri, "?"):
		return refused("path: has a query", "ask without one")
	case !m.asked.by(r.Host):
		return refused("host: not the address that vendord listens on", "ask "+m.asked.url+"/")
	case r.ContentLength > 0 || r.ContentLength < 0 && r.Method != http.MethodPut: // without a length, as the CRT's PUT, it is 0
		// Chunks (-1) are what libcurl announces where it is told to upload nothing, as s3fs 1.90 does for its PUT.
		return refused("body: a request for metadata has none", "ask without one")
	}
	return m.asked.relayed(r.Header)
}
