package main

import (
	"fmt"
	"net"
	"net/url"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

// Who does not steer sees what their own programs were refused, and nobody else's;
// who steers sees all, with whose it was.
func TestWhyIsOnesOwn(t *testing.T) {
	u := newUsers(t)
	u.configure(owner, "")
	u.serve(owner, "--system", "--state-dir", filepath.Join(u.dir, "state"))
	token := u.works(owner, "token", "issue", "agent", "--user", "#54321")
	address := addressOf(t, u.works(owner, "status"))
	asStranger(t, func() error { return ask(address, "Bearer "+strings.TrimSpace(token)) })

	all := u.works(owner, "why")
	for _, want := range []string{"app agent, ", "user #20001", "token: of another user", "vendord token issue agent --user '#20001'"} {
		if !strings.Contains(all, want) {
			t.Errorf("why, of the owner: got %s, want %q", all, want)
		}
	}
	own := u.works(stranger, "why")
	if !strings.Contains(own, "token: of another user") || strings.Contains(own, "app agent") || strings.Contains(own, "vendord token issue agent --user") {
		t.Errorf("why, of the thief: got %s, want the refusal, and not whose token it is", own)
	}
	if others := u.works(thief, "why"); others != "" {
		t.Errorf("why, of another user: got %s, want nothing", others)
	}
	if apps := u.works(agent, "apps"); !strings.Contains(apps, "agent\n") || strings.Contains(apps, "uploader\n") || strings.Contains(apps, "20001") {
		t.Errorf("apps, of the agent: got %s, want its own app, and not who else asked", apps)
	}
	if apps := u.works(thief, "apps"); apps != "" {
		t.Errorf("apps, of who has none: got %s, want nothing", apps)
	}
	for _, args := range [][]string{{"use", "company1-hr-readonly", "--app", "agent"}, {"use", "--app", "agent", "--back"},
		{"token", "rotate", "agent"}} {
		u.refused(agent, "only the owner (or root and operators) may steer", args...)
	}
}

// ask asks for credentials over a connection that this very thread makes.
func ask(address, authorization string) error {
	at, err := url.Parse(address)
	if err != nil {
		return err
	}
	conn, err := net.Dial("tcp", at.Host)
	if err != nil {
		return err
	}
	defer conn.Close()
	_ = conn.SetDeadline(time.Now().Add(time.Minute))
	_, err = fmt.Fprintf(conn, "GET %s HTTP/1.1\r\nHost: %s\r\nAuthorization: %s\r\n\r\n", at.Path, at.Host, authorization)
	if err == nil {
		_, err = conn.Read(make([]byte, 1)) // by then it is on record
	}
	return err
}

// addressOf returns where a status says that credentials are asked for.
func addressOf(t *testing.T, status string) string {
	t.Helper()
	_, rest, ok := strings.Cut(status, "asked at")
	if !ok {
		t.Fatalf("status: got %s, want an address", status)
	}
	address, _, _ := strings.Cut(strings.TrimSpace(rest), "\n")
	return strings.TrimSpace(address)
}
