package server_test

import (
	"net"
	"strings"
	"testing"
	"time"

	"github.com/vendord/vendord/apps"
	"github.com/vendord/vendord/server"
)

// onECS is what an id needs to be issued.
const onECS = "[endpoints.ecs]\nlisten = \"169.254.170.2:80\"\n"

// startECS starts a server that speaks like an endpoint of AWS's, on loopback.
func startECS(tb testing.TB, kind server.Kind) *world {
	tb.Helper()
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		tb.Fatal(err)
	}
	return startAs(tb, ln, server.Endpoint{Kind: kind}, always(credentials(nil)), nil, onECS)
}

// id gives the app uploader an id for paths.
func (w *world) id(user string) string {
	w.tb.Helper()
	secret, hash := apps.NewPathSecret()
	if err := w.apps.Issue(apps.Token{ID: "idididid", App: "uploader", User: user, Steer: true, Path: true, Hash: hash, Expires: noon.Add(time.Hour)}); err != nil {
		w.tb.Fatal(err)
	}
	return secret
}

// bare is a request with nothing but a target and a host, as of clients too old to send
// a token.
func bare(target string) string { return "GET " + target + " HTTP/1.1\nHost: ADDR\n\n" }

// An id is good in its path, at ECS's endpoint, and nowhere else; every refusal says
// what is wrong, in the codes of ECS's agent, and nothing writes an id down.
func TestIDsInThePath(t *testing.T) {
	w := startECS(t, server.ECS)
	id := w.id("john")
	unknown, _ := apps.NewPathSecret()
	const elsewhere = "path: has an id in it, which /v2/credentials/ of ECS's address alone takes; hint: ask there, or issue a token without --path"
	for _, row := range []struct {
		name, request string
		status        int
		code, message string
	}{
		{"the id", bare("/v2/credentials/" + id), 200, "", ""},
		{"a token, where that belongs", plain, 200, "", ""},
		{"no id", bare("/v2/credentials/"), 400, "NoIdInRequest", "path: has no id; hint: ask /v2/credentials/ID; vendord token issue APP --path makes one"},
		{"no id, and no slash", bare("/v2/credentials"), 400, "NoIdInRequest", "path: has no id; hint: ask /v2/credentials/ID; vendord token issue APP --path makes one"},
		{"an id that nobody issued", bare("/v2/credentials/" + unknown), 400, "InvalidIdInRequest", "id: not recognised; hint: issue a new one: vendord token issue APP --path"},
		{"one that lost a letter", bare("/v2/credentials/" + id[:len(id)-1]), 400, "InvalidIdInRequest", "id: not one of vendord's; hint: one is vndp_ and 49 letters and digits: vendord token issue APP --path"},
		{"one of ECS's own", bare("/v2/credentials/8b2f1d9c-52c1-4c9b-9e6a-0d1e2f3a4b5c"), 400, "InvalidIdInRequest", "id: not one of vendord's; hint: one is vndp_ and 49 letters and digits: vendord token issue APP --path"},
		{"a slash behind it", bare("/v2/credentials/" + id + "/"), 400, "InvalidIdInRequest", "id: not one of vendord's; hint: one is vndp_ and 49 letters and digits: vendord token issue APP --path"},
		{"a profile behind it", bare("/v2/credentials/" + id + "/upload"), 400, "InvalidIdInRequest", "id: not one of vendord's; hint: one is vndp_ and 49 letters and digits: vendord token issue APP --path"},
		{"an encoded letter", bare("/v2/credentials/" + strings.Replace(id, "v", "%76", 1)), 400, "InvalidIdInRequest", "id: not one of vendord's; hint: one is vndp_ and 49 letters and digits: vendord token issue APP --path"},
		{"a token in its place", bare("/v2/credentials/TOKEN"), 403, "RequestRefused", "path: has a token in it; hint: use the Authorization header; issue another token: this one may be in logs"},
		{"the id in a header", "GET /v1/credentials HTTP/1.1\nHost: ADDR\nAuthorization: " + id + "\n\n", 401, "NotRecognized",
			"token: an id for a path, and good for nothing in a header; hint: set AWS_CONTAINER_CREDENTIALS_RELATIVE_URI=/v2/credentials/ID; or issue a token without --path"},
		{"the id and a token", to("/v2/credentials/" + id), 400, "InvalidIdInRequest",
			"token: not for this path, whose id says who you are; hint: unset AWS_CONTAINER_AUTHORIZATION_TOKEN and its _FILE; or ask /v1/credentials"},
		{"the id and an empty token", "GET /v2/credentials/" + id + " HTTP/1.1\nHost: ADDR\nAuthorization:\n\n", 400, "InvalidIdInRequest",
			"token: not for this path, whose id says who you are; hint: unset AWS_CONTAINER_AUTHORIZATION_TOKEN and its _FILE; or ask /v1/credentials"},
		{"the id in another path", bare("/v1/credentials/" + id), 403, "RequestRefused", elsewhere},
		{"the id in capitals' path", bare("/V2/credentials/" + id), 403, "RequestRefused", elsewhere},
		{"the id after two slashes", bare("//v2/credentials/" + id), 403, "RequestRefused", elsewhere},
		{"the id twice", bare("/v2/credentials/" + id + "/" + id), 400, "InvalidIdInRequest", "id: not one of vendord's; hint: one is vndp_ and 49 letters and digits: vendord token issue APP --path"},
		{"a token behind the id", bare("/v2/credentials/" + id + "/TOKEN"), 400, "InvalidIdInRequest", "id: not one of vendord's; hint: one is vndp_ and 49 letters and digits: vendord token issue APP --path"},
		{"the id in a query, as of ECS's first version", bare("/v1/credentials?id=" + id), 403, "RequestRefused", elsewhere},
		{"a query behind it", bare("/v2/credentials/" + id + "?x"), 403, "RequestRefused", "path: has a query; hint: ask http://ADDR/v2/credentials/ID"},
		{"through a proxy", bare("http://ADDR/v2/credentials/" + id), 403, "RequestRefused", elsewhere},
		{"as a page's", "GET /v2/credentials/" + id + " HTTP/1.1\nHost: ADDR\nOrigin: null\n\n", 403, "RequestRefused",
			"header: one that only a browser or a proxy sends; hint: ask directly, with NO_PROXY=127.0.0.1,localhost"},
		{"for another host", "GET /v2/credentials/" + id + " HTTP/1.1\nHost: evil.example\n\n", 403, "RequestRefused",
			"host: not the address that vendord listens on; hint: ask http://ADDR/v2/credentials/ID"},
		{"with POST", "POST /v2/credentials/" + id + " HTTP/1.1\nHost: ADDR\n\n", 405, "RequestRefused", "method: only GET is answered; hint: ask with GET"},
	} {
		t.Run(row.name, func(t *testing.T) {
			got := w.ask(row.request)
			want := golden
			if row.status != 200 {
				want = problem(row.code, strings.ReplaceAll(row.message, "ADDR", w.addr))
			}
			if got.status != row.status || got.body != want || got.header.Get("Content-Type") != "application/json" {
				t.Errorf("got %d %s %s, want %d %s", got.status, got.header, got.body, row.status, want)
			}
		})
	}
	w.wroteNoSecret(t)
	said := w.record() + w.log.String()
	for _, secret := range []string{id[5:30], unknown[5:30], "8b2f1d9c"} {
		if strings.Contains(said, secret) {
			t.Errorf("an id was written down: %s", lineWith(said, secret))
		}
	}
	if line := lineWith(said, `"how":"path"`); !strings.Contains(line, `"path":"/v2/credentials/[redacted]"`) || !strings.Contains(line, `"token":"idididid"`) {
		t.Errorf("record: got %s, want the path without its id, and the token's name", line)
	}
}

// Ids are ECS's: no other listener takes one.
func TestIDsAtOtherListeners(t *testing.T) {
	for kind, name := range map[server.Kind]string{server.OnLoopback: "vendord's own", server.EKS: "Pod Identity's"} {
		t.Run(name, func(t *testing.T) {
			w := startECS(t, kind)
			id := w.id("john")
			got := w.ask(bare("/v2/credentials/" + id))
			if want := problem("RequestRefused", "path: has an id in it, which /v2/credentials/ of ECS's address alone takes; hint: ask there, or issue a token without --path"); got.status != 403 || got.body != want {
				t.Errorf("got %d %s, want 403 %s", got.status, got.body, want)
			}
			for _, path := range []string{"/v2/credentials/", "/v2/credentials", "/v2/credentials/x"} {
				if got := w.ask(bare(path)); got.status != 403 || !strings.Contains(got.body, "path: nothing is here") {
					t.Errorf("%s: got %d %s, want 403", path, got.status, got.body)
				}
			}
			w.lives()
			if said := w.record() + w.log.String(); strings.Contains(said, id[5:30]) {
				t.Errorf("an id was written down: %s", lineWith(said, id[5:30]))
			}
		})
	}
}

// What a caller is refused for besides who they are is no matter of ids.
func TestIDsOfAnAppThatIsRefused(t *testing.T) {
	w := startECS(t, server.ECS)
	id := w.id("john")
	w.pass(time.Hour)
	if got := w.ask(bare("/v2/credentials/" + id)); got.status != 400 || !strings.Contains(got.body, `"InvalidIdInRequest"`) || !strings.Contains(got.body, "id: expired 2026-11-21 13:00:00 UTC") {
		t.Errorf("expired: got %d %s, want 400", got.status, got.body)
	}
}

// FuzzIDs asks for any path at ECS's endpoint: with credentials is answered the one with
// the id alone, and no answer, no record and no log has the id in it.
func FuzzIDs(f *testing.F) {
	for _, path := range []string{"/v2/credentials/ID", "/v2/credentials/ID/", "/v2/credentials//ID", "/v2/credentials/", "/v2/credentials", "/v2/credentials/%49D", "/v2/credentials/ID?x",
		"/v2/credentials/ID#x", "/v2/./credentials/ID", "/v1/credentials/ID", "/v2/credentials/TOKEN", "http://ADDR/v2/credentials/ID", "/v2/credentials/ID/ID", "/vndvnd_vndp_"} {
		f.Add(path)
	}
	w := startECS(f, server.ECS)
	id := w.id("john")
	f.Fuzz(func(t *testing.T, path string) {
		w.tb = t
		path = flat(w, strings.ReplaceAll(path, "ID", id))
		c := w.dial()
		got := w.asked(c, bare(path))
		if got.status != 0 && (got.status == 200) != (path == "/v2/credentials/"+id) {
			t.Errorf("%q: got %d %s", path, got.status, got.body)
		}
		if strings.Contains(got.body, id) || strings.Contains(w.record()+w.log.String(), id) {
			t.Errorf("%q: an id was written down, in %s", path, got.body)
		}
	})
}
