package fakeaws

import (
	"fmt"
	"net/http"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"time"
)

// devicePage is where a person types the code of a device.
const devicePage = "/_fake/sso/device"

// challengePattern is the form of an S256 challenge (RFC 7636, 4.2).
var challengePattern = expr(`^[A-Za-z0-9_-]{43}$`)

// authorizePage is what a browser opens: it asks the person, and sends the
// browser back to the client with a code, or with what went wrong. Before the
// client and its address are known to be right nobody is sent anywhere.
func (f *Fake) authorizePage(rq *request) (*answer, *failure) {
	q := rq.URL.Query()
	f.signIns.mu.Lock()
	c, _, live := f.signIns.clients.get(q.Get("client_id"), rq.now)
	f.signIns.mu.Unlock()
	if !live {
		return nil, badRequest("client_id is not a registered client's")
	}
	if c.center == nil || !slices.Contains(c.grants, codeGrant) {
		return nil, oauth("UnauthorizedClientException", "The client is not registered for this grant")
	}
	redirect := q.Get("redirect_uri")
	if !c.mayRedirect(redirect) {
		return nil, oauth("InvalidRedirectUriException", "redirect_uri must be http://127.0.0.1:PORT/oauth/callback, as registered")
	}
	a := &ask{client: c, center: c.center, name: q.Get("state"), challenge: q.Get("code_challenge"), redirect: redirect, done: make(chan struct{})}
	if problem := a.problem(q); problem != "" {
		return back(a, url.Values{"error": {"invalid_request"}, "error_description": {problem}}), nil
	}
	if failed := f.askPerson(rq, a); failed != nil {
		return nil, failed
	}
	return f.sendBack(rq, a)
}

// mayRedirect compares an address with those that the client has registered.
// Its port is chosen when it starts to listen, so it may be any (RFC 8252, 7.3),
// but there must be one.
func (c *oidcClient) mayRedirect(to string) bool {
	u, err := url.Parse(to)
	if err != nil || !redirectPattern.MatchString(to) {
		return false
	}
	port, err := strconv.Atoi(u.Port())
	return err == nil && port > 0 && port < 1<<16 && slices.ContainsFunc(c.redirects, func(known string) bool {
		return known == to || known == "http://127.0.0.1/oauth/callback"
	})
}

// problem returns what is wrong with the parameters.
func (a *ask) problem(q url.Values) string {
	for name, values := range q {
		if len(values) > 1 {
			return name + " is there more than once"
		}
	}
	switch {
	case q.Get("response_type") != "code":
		return "response_type must be code"
	case a.name == "":
		return "state is required"
	case q.Get("code_challenge_method") != "S256" || !challengePattern.MatchString(a.challenge):
		return "code_challenge is required, and code_challenge_method S256"
	case q.Get("scopes") == "" && q.Get("scope") == "":
		return "scopes is required"
	}
	return ""
}

// askPerson has the question answered as the mode says; where it waits, so does
// the browser, but not longer than a question lives.
func (f *Fake) askPerson(rq *request, a *ask) *failure {
	f.signIns.mu.Lock()
	mode, person := f.signIns.mode, f.signIns.person
	var failed *failure
	if mode == WaitSignIn {
		if _, _, taken := f.signIns.waiting.get(a.name, rq.now); taken {
			failed = badRequest("a sign-in with this state waits already")
		} else {
			failed = f.signIns.waiting.put(a.name, a, rq.now, rq.now.Add(askLife))
		}
	} else if err := f.signIns.decide(a, mode, person); err != nil {
		failed = badRequest(err.Error())
	}
	f.signIns.mu.Unlock()
	if failed != nil {
		return failed
	}
	over := time.NewTimer(askLife)
	defer over.Stop()
	select {
	case <-a.done:
	case <-over.C:
	case <-rq.Context().Done():
	}
	f.signIns.mu.Lock()
	defer f.signIns.mu.Unlock()
	if !a.decided {
		delete(f.signIns.waiting, a.name)
		return badRequest("nobody answered")
	}
	return nil
}

// sendBack makes the code, or says that the person refused.
func (f *Fake) sendBack(rq *request, a *ask) (*answer, *failure) {
	if a.person == nil {
		return back(a, url.Values{"error": {"access_denied"}, "error_description": {"The sign-in was refused"}}), nil
	}
	f.signIns.mu.Lock()
	defer f.signIns.mu.Unlock()
	code, now := opaque(), f.now() // the person may have taken minutes
	if failed := f.signIns.codes.put(code, a, now, now.Add(codeLife)); failed != nil {
		return nil, failed
	}
	return back(a, url.Values{"code": {code}}), nil
}

// back sends the browser to the client.
func back(a *ask, q url.Values) *answer {
	if a.name != "" {
		q.Set("state", a.name)
	}
	return &answer{status: http.StatusFound, header: map[string]string{"Location": a.redirect + "?" + q.Encode(),
		"Cache-Control": "no-store", "Content-Type": "text/plain; charset=utf-8"}}
}

// serveDevicePage is what a person opens to type in the code of a device.
// Opened, it does what the mode says.
func (f *Fake) serveDevicePage(w http.ResponseWriter, r *http.Request) {
	name := strings.ToUpper(r.URL.Query().Get("user_code"))
	f.signIns.mu.Lock()
	mode, person := f.signIns.mode, f.signIns.person
	f.signIns.mu.Unlock()
	if mode == WaitSignIn {
		fmt.Fprintf(w, "fakeaws: the sign-in waits for POST /_fake/sso/approve\n")
		return
	}
	if err := f.Decide(mode, name, person); err != nil {
		http.Error(w, "fakeaws: "+err.Error(), http.StatusBadRequest)
		return
	}
	fmt.Fprintf(w, "fakeaws: the answer was: %s; the program that asked will see it\n", mode)
}

// isPage reports whether a request is for one of the two pages that a person
// opens in a browser, from no other page: what browsers add is no reason to
// refuse it there.
func isPage(r *http.Request) bool {
	from := r.Header.Get("Sec-Fetch-Site")
	return r.Method == http.MethodGet && (r.URL.Path == "/authorize" || r.URL.Path == devicePage) &&
		(from == "" || from == "none") && r.Header.Get("Origin") == "" && r.Header.Get("Referer") == ""
}

// bareURL is a start URL without what its users leave out or add.
func bareURL(u string) string {
	u, _, _ = strings.Cut(u, "#")
	return strings.TrimRight(u, "/")
}
