package server_test

import (
	"fmt"
	"net"
	"os"
	"strings"
	"testing"
	"time"

	"github.com/vendord/vendord/apps"
	"github.com/vendord/vendord/server"
)

// issue gives an app a token or an id, for a user or for none.
func (w *world) issue(app, user string, uid uint32, path bool) string {
	w.tb.Helper()
	secret, hash := apps.NewSecret()
	if path {
		secret, hash = apps.NewPathSecret()
	}
	if err := w.apps.Issue(apps.Token{App: app, User: user, UID: uid, Steer: true, Path: path, Hash: hash, Expires: noon.Add(time.Hour)}); err != nil {
		w.tb.Fatal(err)
	}
	return secret
}

// TestIDsOfContainers presents ids at ECS's address: from the app's network, from
// another, from this machine, and one that is a user's of this machine.
func TestIDsOfContainers(t *testing.T) {
	machine, container := island(t)
	w := startIn(t, machine, "169.254.170.2:80", boxed+onECS, 100)
	ids, rootsID := w.issue("box", "", 0, true), w.issue("box", "root", 0, true)
	token := w.issue("box", "", 0, false)
	for _, row := range []struct {
		name, from, target, host string
		of                       *network
		want                     int
		says                     string
	}{
		{"from the app's network", "172.18.0.5", "/v2/credentials/" + ids, "169.254.170.2", container, 200, ""},
		{"from another network, which nobody lets in", "172.19.0.5", "/v2/credentials/" + ids, "169.254.170.2", container, 0, ""},
		{"from this machine, where it would be anybody's", "", "/v2/credentials/" + ids, "169.254.170.2", machine, 400, "token: of no user, and the caller's is known here"},
		{"from this machine, by its other address", "172.18.0.1", "/v2/credentials/" + ids, "169.254.170.2", machine, 400, "token: of no user, and the caller's is known here"},
		{"a user's, by the user", "", "/v2/credentials/" + rootsID, "169.254.170.2", machine, 200, ""},
		{"a user's, from the network", "172.18.0.5", "/v2/credentials/" + rootsID, "169.254.170.2", container, 400, "caller: its user is not known here, and the token is one user's"},
		{"the token for that network, in the path", "172.18.0.5", "/v2/credentials/" + token, "169.254.170.2", container, 403, "path: has a token in it"},
		{"to another host", "172.18.0.5", "/v2/credentials/" + ids, "ecs.example", container, 403, "ask http://169.254.170.2/v2/credentials/ID"},
		{"without an id", "172.18.0.5", "/v2/credentials/", "169.254.170.2", container, 400, "NoIdInRequest"},
		{"an unknown path", "172.18.0.5", "/v3", "169.254.170.2", container, 403, "ask http://169.254.170.2/v1/credentials"},
	} {
		t.Run(row.name, func(t *testing.T) {
			got := w.asked(row.of.dial(t, row.from, w.addr), "GET "+row.target+" HTTP/1.1\nHost: "+row.host+"\n\n")
			if got.status != row.want || !strings.Contains(got.body, row.says) || row.want == 400 && !strings.Contains(got.body, "IdInRequest") {
				t.Errorf("got %d %s, want %d %s", got.status, got.body, row.want, row.says)
			}
		})
	}
	if got := w.asked(container.dial(t, "172.18.0.5", w.addr), "GET /v2/credentials/"+ids+" HTTP/1.1\nHost: 169.254.170.2\nX-Forwarded-For: 1.2.3.4\n\n"); !strings.Contains(got.body, "NO_PROXY=169.254.170.2") {
		t.Errorf("through a proxy: got %d %s, want the address that NO_PROXY has to name", got.status, got.body)
	}
	if said := w.record() + w.log.String(); strings.Contains(said, ids[5:30]) || strings.Contains(said, rootsID[5:30]) || strings.Contains(said, token[5:30]) {
		t.Errorf("a secret was written down: %s", said)
	}
}

// TestTokensAtPodIdentity: both addresses take vendord's tokens, and the kernel's word
// where it has one; ids they do not take.
func TestTokensAtPodIdentity(t *testing.T) {
	machine, container := island(t)
	machine.ip(t, "addr add 169.254.170.23/32 dev lo")
	container.ip(t, "route add 169.254.170.23 via 172.18.0.1")
	for _, address := range []string{"169.254.170.23:80", "[fd00:ec2::23]:80"} {
		w := startIn(t, machine, address, boxed+onECS, 100)
		host, _, _ := net.SplitHostPort(address)
		token, roots, id := w.issue("box", "", 0, false), w.issue("box", "root", 0, false), w.issue("box", "root", 0, true)
		by := func(token string) string {
			return "GET /v1/credentials HTTP/1.1\nHost: " + strings.TrimSuffix(address, ":80") + "\nAuthorization: " + token + "\n\n"
		}
		for name, row := range map[string]struct {
			request string
			want    int
			says    string
		}{
			"root's token":           {by(roots), 200, ""},
			"the network's token":    {by(token), 401, "token: of no user, and the caller's is known here"},
			"the kernel's word":      {"GET /v1/process/credentials HTTP/1.1\nHost: " + host + "\n\n", 200, ""},
			"an id in the path":      {"GET /v2/credentials/" + id + " HTTP/1.1\nHost: " + host + "\n\n", 403, "which /v2/credentials/ of ECS's address alone takes"},
			"an id as a token":       {by(id), 401, "token: an id for a path"},
			"for ECS's host":         {"GET /v1/credentials HTTP/1.1\nHost: 169.254.170.2\nAuthorization: " + roots + "\n\n", 403, "ask http://" + strings.TrimSuffix(address, ":80") + "/v1/credentials"},
			"a metadata path":        {"GET /latest/meta-data/ HTTP/1.1\nHost: " + host + "\n\n", 403, "path: nothing is here"},
			"a browser's, or a page": {"GET /v1/process/credentials HTTP/1.1\nHost: " + host + "\nSec-Fetch-Mode: cors\n\n", 403, "NO_PROXY=" + host},
		} {
			t.Run(host+"/"+name, func(t *testing.T) {
				if got := w.asked(machine.dial(t, "", address), row.request); got.status != row.want || !strings.Contains(got.body, row.says) {
					t.Errorf("got %d %s, want %d %s", got.status, got.body, row.want, row.says)
				}
			})
		}
		if host != "169.254.170.23" {
			continue // the container has no IPv6
		}
		for from, want := range map[string]int{"172.18.0.5": 200, "172.19.0.5": 0} {
			if got := w.asked(container.dial(t, from, w.addr), by(token)); got.status != want {
				t.Errorf("from %s: got %d %s, want %d", from, got.status, got.body, want)
			}
		}
		if got := w.asked(container.dial(t, "172.18.0.5", w.addr), by(roots)); got.status != 401 {
			t.Errorf("root's token from the container: got %d %s, want 401", got.status, got.body)
		}
	}
}

// TestAnIDThatSomebodyElseRead has another user, and root, present an id that they
// found in a log, or in the environment of a process.
func TestAnIDThatSomebodyElseRead(t *testing.T) {
	needsRoot(t, "be another user")
	kernel := openKernel(t)
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	w := startAs(t, ln, server.Endpoint{Kind: server.ECS}, always(credentials(nil)), func(c *server.Config) { c.Who, c.Recorded = kernel.Client, true }, onECS)
	id := w.issue("uploader", "#20001", 20001, true)
	for _, row := range []struct {
		uid  uint32
		want string
	}{{20001, "200"}, {20002, "400"}, {0, "400"}} {
		c := newChild(t, w, row.uid, "")
		if said := c.does("connect"); said != "connected" {
			t.Fatal(said)
		}
		c.does("get /v2/credentials/" + id)
		status, body, _ := strings.Cut(c.does("read"), " ")
		if status != row.want || row.want == "400" && !strings.Contains(body, `"InvalidIdInRequest","message":"token: of another user; hint: issue one for the user that the program runs as`) {
			t.Errorf("user %d: got %s %s, want %s", row.uid, status, body, row.want)
		}
	}
	said := w.record()
	if strings.Contains(said, id[5:30]) {
		t.Errorf("the id was written down: %s", said)
	}
	for _, row := range []string{`"uid":20002`, fmt.Sprintf(`"uid":%d`, os.Getuid())} {
		if line := lineWith(said, row); !strings.Contains(line, `"code":"InvalidIdInRequest"`) || !strings.Contains(line, `"path":"/v2/credentials/[redacted]"`) || !strings.Contains(line, `"app":"uploader"`) {
			t.Errorf("record of %s: got %s, want who presented which app's id", row, line)
		}
	}
}
