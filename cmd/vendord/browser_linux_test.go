package main

import (
	"fmt"
	"io"
	"net"
	"strings"
	"testing"
	"time"
)

// The port on which a login listens is for the person's own browser: another
// user's program is not heard, whatever it knows.
func TestAnotherUserAtTheCallback(t *testing.T) {
	needsRoot(t, "connect as other users")
	ask := func(ln net.Listener) string {
		c, err := net.Dial("tcp", ln.Addr().String())
		if err != nil {
			t.Fatal(err)
		}
		defer c.Close()
		_ = c.SetDeadline(time.Now().Add(30 * time.Second))
		fmt.Fprint(c, "GET / HTTP/1.0\r\n\r\n")
		text, _ := io.ReadAll(c)
		return string(text)
	}
	for _, test := range []struct {
		name   string
		uid    int
		sudo   string
		served bool
	}{
		{"the person's own", stranger, "", true},
		{"another user's", stranger + 1, "", false},
		{"of who runs sudo", stranger + 1, fmt.Sprint(stranger), true},
		{"of who runs it as root", 0, "", true},
	} {
		t.Run(test.name, func(t *testing.T) {
			ln, err := net.Listen("tcp4", "127.0.0.1:0")
			if err != nil {
				t.Fatal(err)
			}
			back := &callback{(&program{uid: test.uid, environ: []string{"SUDO_UID=" + test.sudo}}).forOurBrowser(ln)}
			defer back.close()
			defer back.serve(answers{state: "s"})()
			var got string
			asStranger(t, func() error { got = ask(ln); return nil })
			if served := strings.Contains(got, "Nothing here"); served != test.served {
				t.Errorf("connection of user %d: got %q, want an answer: %t", stranger, got, test.served)
			}
		})
	}
}
