package fakeaws

import (
	"crypto/rand"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/netip"
	"strconv"
	"strings"
	"time"
)

// request is one request on its way through the fake.
type request struct {
	*http.Request
	id      string    // the request id, in headers and bodies
	now     time.Time // AWS's time; one value for the whole request
	service *service
	call    *Call  // its line in the journal
	fault   Fault  // what goes wrong with it, or the zero Fault
	region  string // the only one there is, or empty

	// Known once the request is authenticated.
	caller     *caller
	auth       *authorization
	signedAt   time.Time
	signingKey []byte // of this scope: chunks of a body are signed with it too
}

// answer is what a request gets: a status, headers of its own and a body.
type answer struct {
	status int
	header map[string]string
	body   []byte
}

// failure is an error as AWS words it.
type failure struct {
	status        int
	code, message string
}

// fail makes a failure.
func fail(status int, code, format string, args ...any) *failure {
	if len(args) == 0 {
		return &failure{status, code, format}
	}
	return &failure{status, code, fmt.Sprintf(format, args...)}
}

// service is one of AWS's services: its name in a credential scope, how it
// handles a request and how it words errors.
type service struct {
	name    string
	serve   func(*Fake, *request) (*answer, *failure)
	failure func(*request, *failure) *answer
	auth    authWords
	region  string // the one that it is signed for, where that is AWS's choice
}

// ServeHTTP answers one request to AWS or to /_fake/.
func (f *Fake) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	if strings.HasPrefix(r.URL.Path, controlPrefix) {
		f.serveControl(w, r)
		return
	}
	// Without this net/http would read a body, or wait for it, before it sends
	// the refusal.
	_ = http.NewResponseController(w).EnableFullDuplex()
	rq := &request{Request: r, id: newRequestID(), now: f.now(), service: serviceOf(r), region: f.world.region}
	rq.call = f.journal.begin(rq)
	a, failed := f.answer(rq)
	if failed != nil {
		a = rq.service.failure(rq, failed)
	}
	f.journal.finish(rq, a, failed)
	f.log(rq, a)
	if f.sabotage(w, rq, &a) {
		return
	}
	rq.write(w, a)
	drain(w, r)
}

// serviceOf tells whose a request is, by the request line: S3 has no POST /, and
// the query services have nothing else. IAM Identity Center's addresses could be
// objects too, but requests for objects are signed, and those never are.
func serviceOf(r *http.Request) *service {
	if r.URL.Path == "/" && (r.Method == http.MethodPost || r.URL.Query().Has("Action")) {
		return queryService(r)
	}
	if r.Header.Get("Authorization") != "" {
		return &s3
	}
	address := r.Method + " " + r.URL.Path
	if _, ok := oidcOperations[address]; ok {
		return &oidc
	}
	if _, ok := portalOperations[address]; ok {
		return &portal
	}
	return &s3
}

// answer guards a request and hands it to its service. A recognised operation
// meets its fault inside, see Fake.begin.
func (f *Fake) answer(rq *request) (*answer, *failure) {
	if failed := guard(rq.Request); failed != nil {
		return nil, failed
	}
	return rq.service.serve(f, rq)
}

// begin is called by a service once it knows the operation: it notes it in the
// journal and lets a waiting fault strike.
func (f *Fake) begin(rq *request, operation string) *failure {
	f.journal.name(rq, operation)
	rq.fault = f.faults.take(operation)
	return rq.strike()
}

// guard refuses what no AWS client of this machine sends. A web page that
// rebinds its own name to 127.0.0.1 still sends that name as Host, and browsers
// and proxies add headers of their own.
func guard(r *http.Request) *failure {
	host := r.Host
	if h, _, err := net.SplitHostPort(host); err == nil {
		host = h
	}
	if loopbackName(host) {
		for name := range r.Header {
			if foreign(name) && !isPage(r) {
				return fail(http.StatusForbidden, "AccessDenied", "fakeaws does not serve web pages and proxies (header %s)", name)
			}
		}
		return nil
	}
	if _, tail, found := strings.Cut(host, "."); found && loopbackName(tail) {
		return fail(http.StatusBadRequest, "InvalidRequest", "fakeaws has path-style addresses only: "+
			"use http://127.0.0.1:PORT, or set the client to path style (host %q)", host)
	}
	return fail(http.StatusForbidden, "AccessDenied", "fakeaws serves loopback host names only, not %q", host)
}

// foreign reports whether a header, in its canonical form, is one that a
// browser or a proxy adds. Package server refuses the same, and one more: no
// SDK asks for credentials with Node's fetch, but programs may well ask S3 with
// it, and it sends Sec-Fetch-Mode (as of 2026-11). A page's requests to
// loopback have Sec-Fetch-Site as well.
func foreign(name string) bool {
	switch name {
	case "Origin", "Referer", "Via", "Forwarded":
		return true
	case "Sec-Fetch-Mode":
		return false
	}
	return strings.HasPrefix(name, "X-Forwarded") || strings.HasPrefix(name, "Sec-")
}

// loopbackName reports whether a Host without its port can only mean this
// machine.
func loopbackName(host string) bool {
	if strings.EqualFold(host, "localhost") {
		return true
	}
	a, err := netip.ParseAddr(strings.TrimSuffix(strings.TrimPrefix(host, "["), "]"))
	return err == nil && a.IsLoopback()
}

// write sends an answer. Every answer carries AWS's clock: SDKs measure their
// skew by the Date header.
func (rq *request) write(w http.ResponseWriter, a *answer) {
	h := w.Header()
	h.Set("Server", serverHeader)
	h.Set("Date", rq.now.Format(http.TimeFormat))
	for name, value := range a.header {
		h.Set(name, value)
	}
	if h.Get("Content-Length") == "" && a.status != http.StatusNoContent && a.status != http.StatusNotModified {
		h.Set("Content-Length", strconv.Itoa(len(a.body)))
	}
	w.WriteHeader(a.status)
	if rq.Method != http.MethodHead {
		_, _ = w.Write(a.body) // the client left: nobody to tell
	}
}

// drainTime is how long a refused client may go on sending.
const drainTime = 10 * time.Second

// drain reads what is left of a body that was refused unread, after the answer
// is out: closing a connection with unread bytes resets it, and a client that
// sends all before it reads would never see the answer. One that asked to be
// told first (Expect) has sent nothing.
func drain(w http.ResponseWriter, r *http.Request) {
	if r.Header.Get("Expect") != "" {
		return
	}
	c := http.NewResponseController(w)
	_ = c.Flush()                                    // a recorder in a test has neither this
	_ = c.SetReadDeadline(time.Now().Add(drainTime)) // nor this
	_, _ = io.CopyN(io.Discard, r.Body, maxObject+chunkOverhead)
	_ = c.SetReadDeadline(time.Time{})
}

// log writes the line of a call. It names the key id, never a parameter: those
// are in the journal, with secrets hashed.
func (f *Fake) log(rq *request, a *answer) {
	c := f.journal.copyOf(rq.call)
	f.config.Log.Debug("fakeaws call", "operation", c.Operation, "status", a.status, "code", c.Code,
		"key_id", c.KeyID, "principal", c.Principal, "path", c.Path)
}

// newRequestID returns a random UUID.
func newRequestID() string {
	var b [16]byte
	_, _ = rand.Read(b[:]) // never fails, by its documentation
	b[6], b[8] = b[6]&0x0f|0x40, b[8]&0x3f|0x80
	return fmt.Sprintf("%x-%x-%x-%x-%x", b[:4], b[4:6], b[6:8], b[8:10], b[10:])
}
