//go:build unix

package control_test

import (
	"context"
	"io"
	"net"
	"net/http"
	"reflect"
	"strings"
	"testing"

	"github.com/vendord/vendord/control"
)

// health returns a config whose daemon is well.
func (d *daemon) health() control.Config {
	c := d.config()
	c.Health = func(context.Context) control.Health { return control.Health{Healthy: true} }
	c.Ready = func(context.Context, control.Caller) control.Ready {
		return control.Ready{Ready: true, Well: true, Summary: "2 sessions"}
	}
	return c
}

func TestHealthAndReadiness(t *testing.T) {
	for name, test := range map[string]struct {
		health control.Health
		ready  control.Ready
	}{
		"all is well": {control.Health{Healthy: true}, control.Ready{Ready: true, Well: true, Summary: "2 sessions"}},
		"something hangs": {control.Health{Failing: []string{"cache: no look at the sessions for 1m5s"}, Doubts: []string{"control socket: too crowded to be let in"}},
			control.Ready{Reason: "cache: no look at the sessions for 1m5s", Summary: "not ready: cache: no look at the sessions for 1m5s"}},
		"a session fails": {control.Health{Healthy: true}, control.Ready{Ready: true, Reason: "hr-read: denied by AWS", Summary: "no sessions, 1 unwell: hr-read: denied by AWS",
			Unwell: []control.Unwell{{Profiles: []string{"hr-read"}, Reason: "denied by AWS"}}}},
	} {
		t.Run(name, func(t *testing.T) {
			d := newDaemon(control.See)
			config := d.health()
			config.Health = func(context.Context) control.Health { return test.health }
			config.Ready = func(_ context.Context, who control.Caller) control.Ready {
				if who.Peer.User != me() || who.Steers() {
					t.Errorf("Ready: got caller %v, want who asks", who)
				}
				return test.ready
			}
			path, _ := d.serveWith(t, 0o600, config)
			c := dial(t, path)
			if got, err := c.Health(t.Context()); err != nil || !reflect.DeepEqual(got, test.health) {
				t.Errorf("Health: got %v, %v, want %v", got, err, test.health)
			}
			if got, err := c.Ready(t.Context()); err != nil || !reflect.DeepEqual(got, test.ready) {
				t.Errorf("Ready: got %v, %v, want %v", got, err, test.ready)
			}
			for call, want := range map[string]bool{"/health": test.health.Healthy, "/ready": test.ready.Ready} {
				status, body := curl(t, path, call) // which knows no version
				if (status == 200) != want || status != 200 && status != 503 {
					t.Errorf("curl %s: got %d %s", call, status, body)
				}
			}
		})
	}
}

// curl asks as a program does that is not ours.
func curl(t *testing.T, path, call string) (status int, body string) {
	t.Helper()
	anybodys := &http.Client{Transport: &http.Transport{DisableKeepAlives: true, DialContext: func(ctx context.Context, _, _ string) (net.Conn, error) {
		return (&net.Dialer{}).DialContext(ctx, "unix", path)
	}}}
	answer, err := anybodys.Get("http://vendord" + call)
	if err != nil {
		t.Fatal(err)
	}
	defer answer.Body.Close()
	text, err := io.ReadAll(answer.Body)
	if err != nil {
		t.Fatal(err)
	}
	return answer.StatusCode, string(text)
}

// What a daemon says is printed, so it cannot move a cursor; and what is no answer
// of a daemon's is said to be none.
func TestHealthOfAnOddDaemon(t *testing.T) {
	ready := func(ctx context.Context, c *control.Client) error { _, err := c.Ready(ctx); return err }
	d := newDaemon(control.See)
	config := d.health()
	config.Ready = func(context.Context, control.Caller) control.Ready {
		return control.Ready{Summary: "a\x1b[2Jb", Reason: "a\nb", Unwell: []control.Unwell{{Profiles: []string{"\a"}, Reason: "\t"}}}
	}
	path, _ := d.serveWith(t, 0o600, config)
	got, err := dial(t, path).Ready(t.Context())
	if err != nil || strings.ContainsAny(got.Summary+got.Reason+got.Unwell[0].Profiles[0]+got.Unwell[0].Reason, "\x1b\n\a\t") {
		t.Errorf("Ready: got %+v, %v, want nothing that moves a cursor", got, err)
	}
	nobody := newDaemon(0)
	path, _ = nobody.serveWith(t, 0o600, nobody.health())
	wantSaid(t, "who has no rights", ready(t.Context(), dial(t, path)), `ready: user "ME" has no rights here`+
		" | ask the owner (or root and operators), or run a vendord of your own: vendord serve")
}
