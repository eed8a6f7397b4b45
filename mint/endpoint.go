package mint

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/netip"
	"net/url"
	"slices"
	"strings"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"

	"github.com/vendord/vendord/awshttp"
	"github.com/vendord/vendord/session"
)

// maxEndpointAnswer is far more than a container's or an instance's endpoint has to
// say.
const maxEndpointAnswer = 128 << 10

// agents are where the agents of ECS and of EKS Pod Identity answer, and instance
// metadata, without TLS (AWS SDKs and Tools Reference Guide, as of 2026-11).
var agents = []netip.Addr{
	netip.MustParseAddr("169.254.170.2"), netip.MustParseAddr("169.254.170.23"), netip.MustParseAddr("fd00:ec2::23"),
	netip.MustParseAddr("169.254.169.254"), netip.MustParseAddr("fd00:ec2::254"),
}

// lookup finds a variable in an environment; of two the first counts, as in libc.
func lookup(environ []string, name string) string {
	for _, pair := range environ {
		if value, ok := strings.CutPrefix(pair, name+"="); ok {
			return value
		}
	}
	return ""
}

// near parses the address of an endpoint that a variable of the daemon's
// environment names. Without TLS it must be on this machine or an agent's, since
// anybody on the way could put credentials of their own in place; and it must not
// be this vendord, which would wait for itself.
func (m *Minter) near(s session.Source, variable, address string) (*url.URL, error) {
	refuse := func(problem, hint string) (*url.URL, error) {
		return nil, misconfigured(s, hint, "%s, which vendord was started with, %s", variable, problem)
	}
	u, err := url.Parse(address)
	if err != nil || u.Host == "" || u.Scheme != "http" && u.Scheme != "https" || u.User != nil {
		return refuse("is not the address of an endpoint", "it must be like http://169.254.170.23/v1/credentials")
	}
	host, _ := netip.ParseAddr(u.Hostname())
	if u.Scheme == "http" && !isLoopback(u.Hostname()) && !slices.Contains(agents, host) {
		return refuse("is neither https nor on this machine", "without TLS only this machine and the agents of AWS are asked")
	}
	if m.isOwn(u) {
		return refuse("is vendord itself", itself)
	}
	return u, nil
}

// itself is the hint where vendord would ask itself.
const itself = "a source is where vendord gets its own credentials from: start the daemon without that variable"

func isLoopback(host string) bool {
	addr, _ := netip.ParseAddr(host)
	return host == "localhost" || addr.IsLoopback()
}

// isOwn compares by port where both are on this machine: 127.0.0.1, ::1 and
// localhost are one.
func (m *Minter) isOwn(u *url.URL) bool {
	if m.config.Own == nil {
		return false
	}
	port := u.Port()
	if port == "" {
		port = map[string]string{"http": "80", "https": "443"}[u.Scheme]
	}
	return slices.ContainsFunc(m.config.Own(), func(own string) bool {
		ownHost, ownPort, err := net.SplitHostPort(own)
		return err == nil && ownPort == port && (ownHost == u.Hostname() || isLoopback(ownHost) && isLoopback(u.Hostname()))
	})
}

// get asks an endpoint of this machine. Its failures are the network's; every
// status is an answer.
func (m *Minter) get(ctx context.Context, c call, method, address string, header http.Header) (status int, text []byte, err error) {
	r, err := http.NewRequestWithContext(ctx, method, address, nil)
	if err != nil {
		return 0, nil, c.unanswered(err)
	}
	r.Header = header.Clone()
	r.Header.Set(session.SourceHeader, "1")
	r.Header.Set("User-Agent", "app/"+awshttp.AppID)
	got, err := m.local.Do(r)
	if err != nil {
		return 0, nil, c.unanswered(err)
	}
	defer got.Body.Close()
	text, err = io.ReadAll(io.LimitReader(got.Body, maxEndpointAnswer+1))
	if err != nil {
		return 0, nil, c.unanswered(err)
	}
	if len(text) > maxEndpointAnswer {
		return 0, nil, c.odd(fmt.Sprintf("more than %d KiB", maxEndpointAnswer>>10))
	}
	return got.StatusCode, text, nil
}

// parseEndpoint reads what such an endpoint answered. The problem, if any, quotes
// nothing.
func parseEndpoint(text []byte, now time.Time) (keys aws.Credentials, problem string) {
	var got struct{ Code, AccessKeyID, SecretAccessKey, Token, Expiration, AccountID string }
	if json.Unmarshal(text, &got) != nil {
		return keys, "something that is not the JSON of credentials"
	}
	expires, err := time.Parse(time.RFC3339, got.Expiration)
	switch {
	case got.Code != "" && got.Code != "Success":
		return keys, "a failure in place of credentials"
	case !keyShape.MatchString(got.AccessKeyID):
		return keys, "credentials without a proper access key id"
	case !plainShape.MatchString(got.SecretAccessKey):
		return keys, "credentials without a proper secret key"
	case !plainShape.MatchString(got.Token):
		return keys, "credentials without a proper session token"
	case err != nil:
		return keys, "credentials without a proper expiry"
	case !expires.After(now):
		return keys, "credentials that had expired already"
	}
	if !accountShape.MatchString(got.AccountID) {
		got.AccountID = ""
	}
	return aws.Credentials{AccessKeyID: got.AccessKeyID, SecretAccessKey: got.SecretAccessKey, SessionToken: got.Token,
		CanExpire: true, Expires: expires, AccountID: got.AccountID}, ""
}

// refusedBy sorts an answer without credentials.
func (c call) refusedBy(status int, hint string) error {
	e := &session.Error{Class: session.Retry, Public: fmt.Sprintf("%s: %s answered HTTP %d", c.signer.subject, c.service, status), Hint: hint}
	if status >= 400 && status < 500 && status != http.StatusTooManyRequests && status != http.StatusRequestTimeout {
		e.Class = session.Administrator
	}
	return e
}
