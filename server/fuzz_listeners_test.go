package server_test

import (
	"bufio"
	"cmp"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"strings"
	"testing"
	"time"

	"github.com/vendord/vendord/apps"
	"github.com/vendord/vendord/peer"
	"github.com/vendord/vendord/server"
	"github.com/vendord/vendord/session"
)

// estate is a listener of each kind at which all there is belongs to one user: an app
// that needs no session token, one with a token and an id for paths, and session tokens.
type estate struct {
	kernel    *peer.Kernel
	owner     uint32
	token, id string
	worlds    []*world
	sessions  []string // "" where there are none
}

var everyKind = []server.Endpoint{{}, {Kind: server.ECS}, {Kind: server.EKS}, {Kind: server.Metadata}, {Kind: server.Metadata, App: "plain"}}

// newEstate starts the listeners.
func newEstate(tb testing.TB, owner uint32) *estate {
	tb.Helper()
	s := &estate{kernel: openKernel(tb), owner: owner}
	var token, id [32]byte
	s.token, token = apps.NewSecret()
	s.id, id = apps.NewPathSecret()
	for _, of := range everyKind {
		w, opened := s.start(tb, of, s.kernel.Client), ""
		for _, t := range []apps.Token{{ID: "tokentok", Hash: token}, {ID: "idididid", Hash: id, Path: true}} {
			t.App, t.User, t.UID, t.Steer, t.Expires = "uploader", fmt.Sprint("user", owner), owner, true, noon.Add(300*24*time.Hour)
			if err := w.apps.Issue(t); err != nil {
				tb.Fatal(err)
			}
		}
		if of.Kind == server.Metadata {
			opened = s.start(tb, of, s.asOwner).session()
		}
		s.worlds, s.sessions = append(s.worlds, w), append(s.sessions, opened)
	}
	return s
}

// start starts one, whose session tokens are good at the others of its kind.
func (s *estate) start(tb testing.TB, of server.Endpoint, who func(net.Conn) *peer.Client) *world {
	config := fmt.Sprintf(onECS+"[apps.plain]\nprofiles = [\"upload\"]\nmatch = {user = \"#%d\"}\nimdsv1 = true\n", s.owner)
	long := credentials(func(c *session.Credentials) { c.Expires, c.Life = noon.Add(300*24*time.Hour), 300*24*time.Hour })
	return startAs(tb, listening(tb), of, always(long), func(c *server.Config) {
		c.Who, c.MetadataKey = who, []byte("0123456789abcdef0123456789abcdef")
	}, config)
}

// asOwner takes everybody for the owner.
func (s *estate) asOwner(c net.Conn) *peer.Client {
	client := *s.kernel.Client(c)
	client.Socket.UID = s.owner
	return &client
}

// ask sends bytes to a listener, in which TOKEN, ID and SESSION are the owner's, and
// returns what is wrong with what came of it, or "".
func (s *estate) ask(tb testing.TB, i int, request string) (wrong string) {
	tb.Helper()
	w := s.worlds[i]
	w.tb = tb
	w.pass(time.Second) // or strangers would only be told to slow down
	sent := strings.NewReplacer("TOKEN", s.token, "ID", s.id, "SESSION", cmp.Or(s.sessions[i], "none")).Replace(request)
	c := w.dial().(*net.TCPConn)
	defer func() { _ = c.Close() }()
	_, _ = io.WriteString(c, w.bytes(sent))
	_ = c.CloseWrite()
	method, _, _ := strings.Cut(request, " ")
	for in := bufio.NewReader(c); wrong == ""; {
		response, err := http.ReadResponse(in, &http.Request{Method: method})
		if err != nil {
			break
		}
		body, _ := io.ReadAll(response.Body)
		wrong = s.wrong(request, response, string(body))
	}
	said := w.log.take() + w.record() + w.lines.take()
	for _, bad := range []string{"panicked", "canary", s.token, s.id} {
		if wrong == "" && strings.Contains(said, bad) {
			wrong = "wrote down " + lineWith(said, bad)
		}
	}
	return wrong
}

// wrong says what is wrong with an answer to somebody who has nothing here. A session
// token is given to any user: it opens nothing.
func (s *estate) wrong(request string, response *http.Response, body string) string {
	switch {
	case strings.Contains(body, "canary"):
		return "was given credentials: " + body
	case response.StatusCode == http.StatusOK && !(strings.Contains(request, "PUT /latest/api/token") && len(body) == 56):
		return "got 200 " + body
	case strings.Contains(body, s.token[4:]) || strings.Contains(body, s.id[5:]):
		return "was repeated a secret: " + body
	case response.Header.Get("Location") != "" || response.Header.Get("Access-Control-Allow-Origin") != "":
		return fmt.Sprintf("got the headers %v", response.Header)
	}
	return ""
}

// TestEstate has its owner ask: what FuzzListeners looks for is there to be seen.
func TestEstate(t *testing.T) {
	s := newEstate(t, uint32(os.Getuid()))
	v1 := "GET " + roles + "upload HTTP/1.1\nHost: ADDR\n\n"
	for i, requests := range [][]string{{plain, processPlain}, {plain, processPlain, bare("/v2/credentials/ID")}, {plain, processPlain},
		{v1, reading(roles+"upload", "SESSION")}, {v1, reading(roles+"upload", "SESSION"), reading(roles, "SESSION")}} {
		for _, request := range requests {
			if got := s.ask(t, i, request); got == "" {
				t.Errorf("kind %d: %s: got nothing, want what its owner gets", i, request)
			}
		}
	}
}

const processPlain = "GET " + server.ProcessPath + " HTTP/1.1\nHost: ADDR\n\n"

// FuzzListeners sends bytes to a listener of each kind, of somebody to whom nothing there
// belongs, though they know the owner's token, id and session token: they get nothing.
func FuzzListeners(f *testing.F) {
	for i := range everyKind {
		for _, theme := range themes {
			for n, r := range theme.rows {
				if len(r.sent) < 2048 && n%len(everyKind) == i { // a fifth each: the fuzzer mixes them
					f.Add(byte(i), r.sent)
				}
			}
		}
		for _, request := range []string{plain, processPlain, put, bare("/v2/credentials/ID"), bare(roles), bare(roles + "upload"),
			reading(roles, "SESSION"), reading(roles+"upload", "SESSION"), reading("/latest/dynamic/instance-identity/document", "SESSION")} {
			f.Add(byte(i), request)
			f.Add(byte(i), put+request+plain)
		}
	}
	s := newEstate(f, uint32(os.Getuid()+1))
	f.Fuzz(func(t *testing.T, at byte, request string) {
		if wrong := s.ask(t, int(at)%len(s.worlds), request); wrong != "" {
			t.Fatalf("kind %d: %q: %s", int(at)%len(s.worlds), request, wrong)
		}
	})
}
