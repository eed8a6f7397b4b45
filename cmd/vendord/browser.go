package main

import (
	"context"
	"crypto/subtle"
	"errors"
	"fmt"
	"html"
	"io"
	"log"
	"net"
	"net/http"
	"os/exec"
	"runtime"
	"strconv"
	"strings"
	"sync"
	"time"

	"github.com/vendord/vendord/login"
	"github.com/vendord/vendord/peer"
)

// callback is where the browser brings the answer: a port of 127.0.0.1, open
// for as long as the command waits, or none.
type callback struct{ ln net.Listener }

// waitForBrowser opens the port, unless the person has no browser here.
func (p *program) waitForBrowser(device bool) (*callback, error) {
	if device || p.headless() {
		return &callback{}, nil
	}
	ln, err := net.Listen("tcp4", "127.0.0.1:0")
	if err != nil {
		return nil, fail("use --device", "login: listening for the browser: %w", err)
	}
	return &callback{p.forOurBrowser(ln)}, nil
}

// forOurBrowser keeps other users from a listener. They can read the page's
// address, with the state, from the arguments of the browser: they could end the
// login, or have an identity of their own taken for the person's. Root's listener
// is for whoever root works for, whose browser is not root's.
func (p *program) forOurBrowser(ln net.Listener) net.Listener {
	ours := map[string]bool{strconv.Itoa(p.uid): true, "0": true, p.getenv("SUDO_UID"): true, p.getenv("PKEXEC_UID"): true}
	if p.uid == 0 {
		return ln
	}
	tcp, err := peer.OpenTCP()
	if err != nil { // not told here: the state has to do
		return ln
	}
	return &ownDoor{Listener: ln, tcp: tcp, ours: ours}
}

// ownDoor closes connections of users who are not ours, or not known.
type ownDoor struct {
	net.Listener
	tcp  *peer.TCP
	ours map[string]bool // by number
}

func (d *ownDoor) Accept() (net.Conn, error) {
	for {
		c, err := d.Listener.Accept()
		if err != nil {
			return nil, err
		}
		who, err := d.tcp.OfConn(c)
		if err == nil && d.ours[strconv.FormatUint(uint64(who.UID), 10)] {
			return c, nil
		}
		_ = c.Close()
	}
}

func (d *ownDoor) Close() error { return errors.Join(d.Listener.Close(), d.tcp.Close()) }

// port is 0 for none.
func (b *callback) port() uint16 {
	if b.ln == nil {
		return 0
	}
	return uint16(b.ln.Addr().(*net.TCPAddr).Port)
}

func (b *callback) close() {
	if b.ln != nil {
		_ = b.ln.Close()
	}
}

// answers is what becomes of what the browser brings.
type answers struct {
	state  string // which only the page that was opened knows
	finish func(code, state string) error
	failed func(error)
}

// serve answers the browser until the returned func is called, which lets the
// last page arrive.
func (b *callback) serve(a answers) (stop func()) {
	web := &http.Server{
		Handler:           &callbackHandler{answers: a, host: b.ln.Addr().String()},
		ReadHeaderTimeout: 5 * time.Second, ReadTimeout: 5 * time.Second, IdleTimeout: 5 * time.Second,
		MaxHeaderBytes: 64 << 10, ErrorLog: log.New(io.Discard, "", 0),
	}
	go func() { _ = web.Serve(b.ln) }()
	return func() {
		ctx, cancel := context.WithTimeout(context.Background(), 2*time.Second)
		defer cancel()
		_ = web.Shutdown(ctx)
		_ = web.Close()
	}
}

type callbackHandler struct {
	answers
	host string
	once sync.Once // a browser may load a page twice, and a code is good once
	said error
}

// ServeHTTP takes the answer of the page that was opened and nothing else: any
// page and any program of this machine can send something here, to end the login
// or to have another's identity taken for the person's. Neither knows the state.
func (h *callbackHandler) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	q := r.URL.Query()
	switch {
	case r.Host != h.host || r.URL.Path != login.CallbackPath || r.Method != http.MethodGet:
		page(w, http.StatusNotFound, "Nothing here", "This address waits for one sign-in alone.")
		return
	case h.state == "" || len(q["state"]) != 1 || subtle.ConstantTimeCompare([]byte(q.Get("state")), []byte(h.state)) != 1:
		page(w, http.StatusBadRequest, "Not this sign-in", "This is not the answer to the sign-in that is under way. Start it again from the terminal.")
		return
	}
	h.once.Do(func() {
		h.said = h.finish(q.Get("code"), h.state) // none: refused
		if h.said != nil {
			h.failed(h.said)
		}
	})
	if h.said != nil {
		page(w, http.StatusOK, "Not signed in", h.said.Error()+". The terminal says more.")
		return
	}
	page(w, http.StatusOK, "Signed in", "You may close this page.")
}

// page writes a page that loads nothing, runs nothing and tells nobody where
// it came from: its address has the code in it.
func page(w http.ResponseWriter, status int, title, text string) {
	header := w.Header()
	header.Set("Content-Type", "text/html; charset=utf-8")
	header.Set("Cache-Control", "no-store")
	header.Set("Content-Security-Policy", "default-src 'none'; style-src 'unsafe-inline'; frame-ancestors 'none'")
	header.Set("Referrer-Policy", "no-referrer")
	header.Set("X-Content-Type-Options", "nosniff")
	w.WriteHeader(status)
	fmt.Fprintf(w, `<!doctype html><html lang="en"><title>vendord: %s</title>
<body style="font:18px/1.5 system-ui,sans-serif;max-width:34em;margin:20vh auto;padding:0 1em">
<h1>%s</h1><p>%s</p></body></html>
`, html.EscapeString(title), html.EscapeString(title), html.EscapeString(text))
}

// openBrowser opens a page in the person's browser, if it can: the address is
// on the terminal in any case. Root opens none for another user: a browser runs
// what strangers send.
func (p *program) openBrowser(address string) {
	if p.uid == 0 && (p.getenv("BROWSER") == "" || p.forAnother()) {
		return
	}
	for _, command := range p.browsers(address) {
		path, err := exec.LookPath(command[0])
		if err != nil {
			continue
		}
		child := &exec.Cmd{Path: path, Args: command, Env: p.environ}
		ownSession(child)
		if child.Start() == nil {
			go func() { _ = child.Wait() }()
			return
		}
	}
}

// forAnother reports whether root works for somebody else.
func (p *program) forAnother() bool {
	for _, name := range []string{"SUDO_UID", "PKEXEC_UID", "DOAS_USER"} {
		if who := p.getenv(name); who != "" && who != "0" && who != "root" {
			return true
		}
	}
	return false
}

// browsers returns the commands that may open a page, the best first. $BROWSER
// is a list with colons between, of commands that take the page as their last
// argument, or where they have %s. No shell sees it.
func (p *program) browsers(address string) (commands [][]string) {
	for _, one := range strings.Split(p.getenv("BROWSER"), ":") {
		words := strings.Fields(one)
		if len(words) == 0 {
			continue
		}
		if !strings.Contains(one, "%s") {
			words = append(words, "%s")
		}
		for i := range words {
			words[i] = strings.ReplaceAll(words[i], "%s", address)
		}
		commands = append(commands, words)
	}
	switch runtime.GOOS {
	case "darwin":
		return append(commands, []string{"open", address})
	case "windows":
		return append(commands, []string{"rundll32", "url.dll,FileProtocolHandler", address})
	}
	return append(commands, []string{"xdg-open", address})
}
