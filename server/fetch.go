package server

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/netip"
	"net/url"
	"strings"
	"time"

	"github.com/vendord/vendord/session"
)

const (
	fetchTimeout = 2 * time.Second
	maxFetch     = 10_000
)

// Fetch asks the vendord at address, such as http://127.0.0.1:9797 and Path,
// for the credentials that token is good for. It asks once, directly, and gives
// up after two seconds: no proxy and no redirect gets to see the token, and an
// address that is not on this machine does not either. Its errors are
// *session.Error: those that vendord told, with their class and hint, and class
// Retry for an answer that is none of vendord's.
func Fetch(ctx context.Context, address, token string) (*session.Credentials, error) {
	if err := local(address); err != nil {
		return nil, err
	}
	ctx, cancel := context.WithTimeout(ctx, fetchTimeout)
	defer cancel()
	request, err := http.NewRequestWithContext(ctx, http.MethodGet, address, nil)
	if err != nil {
		return nil, notLocal(err)
	}
	request.Header["Authorization"] = []string{token}
	client := http.Client{
		// A Transport of its own has no proxy, whatever the environment says.
		Transport:     &http.Transport{DisableKeepAlives: true, DisableCompression: true, MaxResponseHeaderBytes: maxFetch},
		CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
	}
	response, err := client.Do(request)
	if err != nil {
		return nil, noAnswer(address, err)
	}
	defer func() { _ = response.Body.Close() }()
	body, err := io.ReadAll(io.LimitReader(response.Body, maxFetch+1))
	switch {
	case err != nil:
		return nil, noAnswer(address, err)
	case len(body) > maxFetch:
		return nil, notOurs(address, "longer than 10,000 bytes")
	case response.StatusCode != http.StatusOK:
		return nil, toldError(address, response.StatusCode, body)
	}
	return parse(address, body, time.Now())
}

// local refuses an address that leads off this machine, or may.
func local(address string) error {
	u, err := url.Parse(address)
	if err != nil {
		return notLocal(err)
	}
	ip, err := netip.ParseAddr(u.Hostname())
	if u.Scheme != "http" || u.User != nil || !(u.Hostname() == "localhost" || err == nil && ip.IsLoopback()) {
		return notLocal(err)
	}
	return nil
}

// parse returns the credentials in a body.
func parse(address string, body []byte, now time.Time) (*session.Credentials, error) {
	var w wire
	if err := json.Unmarshal(body, &w); err != nil {
		return nil, notOurs(address, "not the JSON of credentials") // the error could quote a secret
	}
	for _, field := range []string{w.AccessKeyID, w.SecretAccessKey, w.Token} {
		if !graphic(field) || field == "" {
			return nil, notOurs(address, "without a key, or with one that is none")
		}
	}
	if !graphic(w.AccountID) || !graphic(w.RoleARN) {
		return nil, notOurs(address, "with an account or a role that is none")
	}
	expires, err := time.Parse(time.RFC3339, w.Expiration)
	if err != nil {
		return nil, notOurs(address, "without a time of expiry")
	}
	c := session.NewCredentials(w.AccessKeyID, w.SecretAccessKey, w.Token, expires)
	c.Minted, c.Life, c.AccountID, c.RoleARN = now, expires.Sub(now), w.AccountID, w.RoleARN
	return c, nil
}

// graphic reports whether s is visible ASCII, without spaces. These words end
// up in files and in commands for a shell; AWS's never hold anything else.
func graphic(s string) bool {
	return strings.IndexFunc(s, func(r rune) bool { return r <= ' ' || r > '~' }) < 0
}

// toldError rebuilds the error that answer made of one. The class is the code's
// where vendord gave it, else the status's.
func toldError(address string, status int, body []byte) error {
	var p problem
	if json.Unmarshal(body, &p) != nil || p.Code == "" || p.Message == "" {
		return notOurs(address, fmt.Sprintf("status %d without vendord's reason", status))
	}
	class := session.Retry
	for c, a := range answers {
		if a.status == status && (a.code == p.Code || class == session.Retry) {
			class = session.Class(c)
		}
	}
	public, hint, _ := strings.Cut(clip(p.Message, maxSentence), hintMark)
	return &session.Error{Class: class, Public: public, Hint: hint}
}

func noAnswer(address string, err error) error {
	why := "what came is not HTTP" // net/http's error would quote it, and it may quote our token
	op, ok := errors.AsType[*net.OpError](err)
	switch {
	case errors.Is(err, context.DeadlineExceeded):
		why = "too slow"
	case errors.Is(err, context.Canceled):
		why = "interrupted"
	case errors.Is(err, io.EOF), errors.Is(err, io.ErrUnexpectedEOF):
		why = "the connection was closed"
	case ok:
		why = op.Error()
	}
	return &session.Error{Class: session.Retry, Public: "vendord at " + address + ": no answer: " + why,
		Hint: "is it running? see vendord status", Err: err}
}

func notOurs(address, problem string) error {
	return &session.Error{Class: session.Retry, Public: "vendord at " + address + ": an answer " + problem,
		Hint: "does another program listen there? see vendord status"}
}

func notLocal(err error) error {
	return &session.Error{Class: session.Refused, Public: "address of vendord: not one of this machine",
		Hint: "it is http://127.0.0.1:PORT" + Path, Err: err}
}
