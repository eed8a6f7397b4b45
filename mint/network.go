package mint

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"net"
	"net/http"
	"net/url"

	"github.com/vendord/vendord/awshttp"
	"github.com/vendord/vendord/session"
)

// netTimeout is what timeouts of the network, of http and of contexts share.
type netTimeout interface {
	error
	Timeout() bool
}

// unanswered sorts what kept AWS's answer from being one: the network, a proxy,
// a stranger at the address. All of it may be better in a minute. The causes
// are named by type and not quoted at large: the text of a failed proxy holds
// the proxy's password.
func (c call) unanswered(err error) error {
	problem, hint := c.obstacle(err)
	return &session.Error{Class: session.Retry, Public: c.service + ": " + problem, Hint: hint,
		Err: fmt.Errorf("%s: %s (%T)", c.service, problem, awshttp.Innermost(err))}
}

// obstacle finds the most telling cause: a proxy's refusal before the dial that
// led to it, a certificate before the handshake, and the time only after those,
// since each of them can also be out of time.
func (c call) obstacle(err error) (problem, hint string) {
	if proxy, ok := errors.AsType[*awshttp.ProxyError](err); ok {
		return "the proxy " + proxy.Host + " refuses the connection (" + quote(proxy.Status) + ")", "look at HTTPS_PROXY and NO_PROXY in the daemon's environment"
	}
	if name, ok := errors.AsType[*net.DNSError](err); ok {
		return "its name " + quote(name.Name) + " cannot be found", "is the network up, and the region right?"
	}
	if cert, ok := errors.AsType[*tls.CertificateVerificationError](err); ok {
		return "its certificate cannot be trusted: " + quote(cert.Err.Error()), "if a proxy opens TLS here, name its CA in SSL_CERT_FILE"
	}
	if op, ok := errors.AsType[*net.OpError](err); ok && op.Op == "proxyconnect" {
		return "the proxy cannot be reached" + where(op), "look at HTTPS_PROXY and NO_PROXY in the daemon's environment"
	}
	if e, ok := errors.AsType[netTimeout](err); ok && e.Timeout() {
		return "no answer in time", ""
	}
	if op, ok := errors.AsType[*net.OpError](err); ok && op.Op == "dial" {
		return "cannot be reached" + where(op), ""
	}
	switch {
	case errors.Is(err, context.Canceled):
		return "nobody waits for the answer any more", ""
	case errors.Is(err, awshttp.ErrTooLong):
		return "its answer is longer than 1 MiB", "is that really AWS?"
	case isTLS(err):
		return "does not speak TLS as AWS does", "is that really AWS, or a proxy in between?"
	case awshttp.StatusOf(err) >= 500:
		return fmt.Sprintf("has trouble of its own: HTTP %d", awshttp.StatusOf(err)), ""
	case awshttp.StatusOf(err) != 0:
		return fmt.Sprintf("its answer cannot be understood (HTTP %d)", awshttp.StatusOf(err)), "is that really AWS, or a proxy's own page?"
	}
	return "the connection broke", ""
}

// where tells the address of a failed dial, and why it failed.
func where(op *net.OpError) string {
	inner := op
	if nested, ok := errors.AsType[*net.OpError](op.Err); ok {
		inner = nested // of a proxyconnect
	}
	if inner.Addr == nil {
		return ""
	}
	return " (" + inner.Addr.String() + ": " + quote(inner.Err.Error()) + ")"
}

func isTLS(err error) bool {
	_, record := errors.AsType[tls.RecordHeaderError](err)
	_, alert := errors.AsType[tls.AlertError](err)
	return record || alert || errors.Is(err, http.ErrSchemeMismatch)
}

// onTheWay tells whether an error comes from the network at all. net.Error
// would not do: the errors of files are such too.
func onTheWay(err error) bool {
	_, sent := errors.AsType[*url.Error](err)
	return sent || errors.Is(err, context.Canceled) || errors.Is(err, context.DeadlineExceeded)
}

// quote makes a foreign text fit for a message.
func quote(text string) string { return cut(clean(text)) }
