package login

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"net"
	"net/http"
	"net/url"
	"slices"
	"strconv"

	"github.com/aws/aws-sdk-go-v2/aws/retry"
	"github.com/aws/smithy-go"

	"github.com/vendord/vendord/awshttp"
	"github.com/vendord/vendord/session"
)

// label is what a person calls a SignIn: its sso-session, or its start URL.
func label(s session.SignIn) string {
	if s.Session != "" {
		return s.Session
	}
	return s.StartURL
}

// subject begins every message about a SignIn.
func subject(s session.SignIn) string {
	if s.Session != "" {
		return "sso-session " + quote(s.Session)
	}
	return "sign-in to " + cut(session.Visible(s.StartURL))
}

// person is for a SignIn that somebody has to sign in to.
func person(s session.SignIn, problem string) *session.Error {
	return &session.Error{Class: session.Person, Public: subject(s) + ": " + problem, Hint: "run: vendord login " + cut(session.Visible(label(s)))}
}

func expired(s session.SignIn) *session.Error { return person(s, "its login has expired") }

func misconfigured(s session.SignIn, problem string) *session.Error {
	return &session.Error{Class: session.Configuration, Public: subject(s) + ": " + problem, Hint: "correct ~/.aws/config or vendord.toml, then run: vendord reload"}
}

// ended is how a pending login ended without a token.
func ended(problem string) *session.Error {
	return &session.Error{Class: session.Person, Public: "login: " + problem, Hint: "run vendord login once more, with the same name"}
}

// row sorts one kind of refusal.
type row struct {
	codes   []string
	class   session.Class
	problem string
	hint    string // "": to sign in
}

// rows is what the OIDC service may answer (its API reference, 2026-11).
var rows = []row{
	{[]string{"InvalidGrantException", "ExpiredTokenException"}, session.Person, "its login has expired", ""},
	{[]string{"InvalidClientException", "UnauthorizedClientException"}, session.Person, "AWS does not know vendord's registration any more", ""},
	{[]string{"AccessDeniedException"}, session.Person, "AWS refuses the login", ""},
	{[]string{"InvalidRequestRegionException"}, session.Configuration, "AWS has it in another region", "correct sso_region, then run: vendord reload"},
	{[]string{"InvalidScopeException"}, session.Configuration, "AWS does not know one of its scopes", "correct sso_registration_scopes, then run: vendord reload"},
	{[]string{"InvalidRedirectUriException", "UnsupportedGrantTypeException", "InvalidClientMetadataException"}, session.Configuration,
		"AWS refuses this way to sign in", "run: vendord login --device"},
	{[]string{"InvalidRequestException"}, session.Configuration, "AWS refuses the request", "correct sso_start_url and sso_region, then run: vendord reload"},
}

// failure sorts what a call returned. Nothing of AWS's text is quoted: it may
// repeat what it was sent, and the codes say enough.
func (c call) failure(err error) error {
	code, status := codeOf(err), awshttp.StatusOf(err)
	at := slices.IndexFunc(rows, func(r row) bool { return slices.Contains(r.codes, code) })
	if at < 0 || status >= 500 {
		return c.trouble(err, code)
	}
	found := rows[at]
	if c.renewing && found.class == session.Configuration {
		// What was good for an hour is not misconfigured: it is the token.
		found = rows[0]
	}
	out := &session.Error{Class: found.class, Code: code, Public: subject(c.s) + ": " + found.problem, Hint: found.hint,
		Err: fmt.Errorf("AWS answered HTTP %d %s", status, code)}
	if out.Hint == "" {
		out.Hint = person(c.s, "").Hint
	}
	return out
}

// trouble is what kept AWS's answer from being one. All of it may be better in a
// minute. Errors of the network are named by kind and not quoted at large: those
// of a proxy hold its password, those of the SDK parts of the answer.
func (c call) trouble(err error, code string) error {
	problem := "the connection to AWS broke"
	throttled := awshttp.StatusOf(err) == http.StatusTooManyRequests || slices.Contains([]string{"SlowDownException", "AuthorizationPendingException"}, code)
	if _, ok := retry.DefaultThrottleErrorCodes[code]; ok || throttled {
		problem = "AWS asks for fewer requests"
	} else if status := awshttp.StatusOf(err); status >= 400 {
		problem = "AWS has trouble of its own: HTTP " + strconv.Itoa(status)
	} else if errors.Is(err, awshttp.ErrTooLong) {
		problem = "the answer is too long to be AWS's"
	} else if name, ok := errors.AsType[*net.DNSError](err); ok {
		problem = "the name " + quote(name.Name) + " cannot be found"
	} else if _, ok := errors.AsType[*tls.CertificateVerificationError](err); ok {
		problem = "AWS's certificate cannot be trusted; if a proxy opens TLS here, name its CA in SSL_CERT_FILE"
	} else if e, ok := errors.AsType[interface {
		error
		Timeout() bool
	}](err); ok && e.Timeout() || errors.Is(err, context.DeadlineExceeded) {
		problem = "no answer from AWS in time"
	} else if op, ok := errors.AsType[*net.OpError](err); ok && op.Op == "dial" {
		problem = "AWS cannot be reached"
	} else if _, sent := errors.AsType[*url.Error](err); !sent && status != 0 {
		problem = "the answer is not one of AWS's OIDC service"
	}
	return &session.Error{Class: session.Retry, Code: code, Public: subject(c.s) + ": " + problem, Err: fmt.Errorf("%T", awshttp.Innermost(err))}
}

// odd is an answer that makes no sense.
func (c call) odd(what string) error {
	return &session.Error{Class: session.Retry, Public: subject(c.s) + ": AWS answered with " + what}
}

// codeOf is the code of AWS's refusal, or "" where it was none.
func codeOf(err error) string {
	if answer, ok := errors.AsType[smithy.APIError](err); ok && answer.ErrorCode() != "UnknownError" {
		return cut(session.Visible(answer.ErrorCode()))
	}
	return ""
}

func unregistered(err error) bool { return slices.Contains(rows[1].codes, codeOf(err)) }

// quote makes a foreign text fit for a message.
func quote(text string) string { return strconv.Quote(cut(session.Visible(text))) }

// cut shortens what is quoted.
func cut(text string) string {
	if line := []rune(text); len(line) > 80 {
		return string(line[:79]) + "…"
	}
	return text
}
