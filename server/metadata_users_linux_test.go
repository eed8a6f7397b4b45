package server_test

import (
	"net"
	"strings"
	"testing"

	"github.com/vendord/vendord/peer"
	"github.com/vendord/vendord/server"
)

// say sends a whole request over the child's connection and returns status and body.
func (c *child) say(request string) (status, body string) {
	c.t.Helper()
	if said := c.does("say " + strings.ReplaceAll(strings.ReplaceAll(request, "\r\n", "|"), "\n", "|")); said != "said" {
		c.t.Fatalf("say: %s", said)
	}
	status, body, _ = strings.Cut(c.does("read"), " ")
	return status, body
}

// TestMetadataOfOtherUsers has processes of several users ask, with their own session
// tokens and with one another's.
func TestMetadataOfOtherUsers(t *testing.T) {
	needsRoot(t, "be more than one user")
	w := startMetadata(t, always(credentials(nil)), "[apps.alone]\nprofiles = [\"upload\"]\nmatch = {user = \"#20001\"}\n"+
		"[apps.old]\nprofiles = [\"readonly\"]\nmatch = {user = \"#20003\"}\nimdsv1 = true\n")
	tokens := map[uint32]string{}
	for _, uid := range []uint32{alone, runner, none} {
		c := mustConnect(t, w, uid, "")
		status, token := c.say(w.put(put))
		if status != "200" || len(token) != 56 {
			t.Fatalf("user %d: PUT: got %s %q, want a token", uid, status, token)
		}
		tokens[uid] = token
	}
	tokens[0] = w.session()
	for _, row := range []struct {
		name         string
		asks, issued uint32
		status, want string
	}{
		{"its own", alone, alone, "200", "ASIAEXAMPLE"},
		{"another app's", alone, runner, "401", badSession},
		{"a stranger's", alone, none, "401", badSession},
		{"root's", alone, 0, "401", badSession},
		{"a program of version 1 with its own", runner, runner, "200", "ASIAEXAMPLE"},
		{"a program of version 1 with another's", runner, alone, "401", badSession},
		{"a stranger with a program's", none, alone, "401", badSession},
		{"a stranger with its own", none, none, "404", "caller: not recognised"},
		{"root with a program's, as a relay", 0, alone, "401", badSession},
		{"root with its own", 0, 0, "404", "caller: not recognised"},
	} {
		t.Run(row.name, func(t *testing.T) {
			path := roles + map[uint32]string{runner: "readonly"}[row.asks]
			if path == roles {
				path += "upload"
			}
			status, body := mustConnect(t, w, row.asks, "").say(w.put(reading(path, tokens[row.issued])))
			if status != row.status || !strings.Contains(body, row.want) {
				t.Errorf("got %s %q, want %s and %q", status, body, row.status, row.want)
			}
			if status != "200" && strings.Contains(body, "canary") {
				t.Errorf("got a secret: %s", body)
			}
		})
	}
	without := w.put("GET " + roles + " HTTP/1.1\nHost: ADDR\n\n")
	for uid, want := range map[uint32]string{alone: "401 " + noSession, none: "401 " + noSession, runner: "200 readonly"} {
		if status, body := mustConnect(t, w, uid, "").say(without); status+" "+body != want {
			t.Errorf("user %d, without a token: got %s %q, want %q", uid, status, body, want)
		}
	}
	// The kernel's nobody may be anybody of another user namespace.
	if status, body := mustConnect(t, w, 65534, "").say(w.put(put)); status != "403" {
		t.Errorf("nobody: PUT: got %s %q, want 403", status, body)
	}
	w.wroteNoSecret(t)
}

// TestAPortOfAnAppsOwn lets nobody in but that app's programs.
func TestMetadataAtAPortOfAnAppsOwn(t *testing.T) {
	needsRoot(t, "be more than one user")
	kernel := openKernel(t)
	apps := "[apps.alone]\nprofiles = [\"upload\"]\nmatch = {user = \"#20001\"}\n[apps.other]\nprofiles = [\"readonly\"]\nmatch = {user = \"#20003\"}\n"
	w := startAs(t, listening(t), server.Endpoint{Kind: server.Metadata, App: "alone"}, always(credentials(nil)),
		func(c *server.Config) { c.Who = kernel.Client }, apps)
	for uid, want := range map[uint32]string{alone: "200 upload", runner: "404 ", none: "404 "} {
		c := mustConnect(t, w, uid, "")
		_, token := c.say(w.put(put))
		if status, body := c.say(w.put(reading(roles, token))); !strings.HasPrefix(status+" "+body, want) {
			t.Errorf("user %d: got %s %q, want %q", uid, status, body, want)
		}
	}
}

// TestMetadataIsThisMachinesAlone: a network that an app names is let in elsewhere, and
// has no users here.
func TestMetadataIsThisMachinesAlone(t *testing.T) {
	machine, container := island(t)
	machine.ip(t, "addr add 169.254.169.254/32 dev lo")
	container.ip(t, "route add 169.254.169.254 via 172.18.0.1")
	var kernel *peer.Kernel
	var ln net.Listener
	machine.in(t, func() (err error) {
		if kernel, err = peer.OpenKernel(); err != nil {
			return err
		}
		ln, err = net.Listen("tcp4", "169.254.169.254:80")
		return err
	})
	t.Cleanup(func() { _ = kernel.Close() })
	w := startAs(t, ln, server.Endpoint{Kind: server.Metadata}, nil, func(c *server.Config) { c.Who = kernel.Client },
		"[apps.container]\nprofiles = [\"upload\"]\nfrom = [\"172.18.0.0/16\"]\n")
	if got := w.asked(container.dial(t, "", "169.254.169.254:80"), put); got.status != 0 {
		t.Errorf("from the network: got %d %q, want a closed connection", got.status, got.body)
	}
	until(t, func() bool { // it is closed first
		return strings.Contains(w.log.String(), "server: closed at once, since metadata is for this machine's users alone")
	})
	if got := w.asked(machine.dial(t, "", "169.254.169.254:80"), put); got.status != 200 {
		t.Errorf("from here: got %d %q, want a session token", got.status, got.body)
	}
}
