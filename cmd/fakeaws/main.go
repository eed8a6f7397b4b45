// Command fakeaws runs a made-up AWS on a loopback address: STS, S3 and what
// goes with them, for tests and lessons. The first line of its output is the
// endpoint, for AWS_ENDPOINT_URL; an interrupt ends it.
//
// Usage:
//
//	fakeaws [-listen 127.0.0.1:0] [-state FILE] [-signin wait] [-clock] [-log]
//		[-role ARN [-metadata 127.0.0.1:0] [-container 127.0.0.1:0 [-token TOKEN]]]
//
// With -metadata and -container there are a second and a third line, "metadata
// URL" and "container URL": the endpoints that give -role to a machine, for
// AWS_EC2_METADATA_SERVICE_ENDPOINT and AWS_CONTAINER_CREDENTIALS_FULL_URI.
// POST /_fake/sso/mode, approve, revoke and expire steer sign-ins.
//
// It also plays the issuers of JWTs, the SAML identity providers and the MFA
// devices of its accounts, where the state gives none. With curl, which has
// --json since 7.82, and the endpoint in $AWS:
//
//	curl -s --json '{"subject":"repo:example/app","audience":"sts.amazonaws.com"}' $AWS/_fake/jwt >token
//	curl -s --json '{"provider":"arn:aws:iam::444455556666:saml-provider/ADFS",
//		"roles":["arn:aws:iam::444455556666:role/EC2Admin"],"session_name":"ann"}' $AWS/_fake/saml >assertion
//	curl -s "$AWS/_fake/totp?serial=arn:aws:iam::629470240201:mfa/john"
//	curl -s --json '{"clamp":true}' $AWS/_fake/scoped
//	curl -s --json '{"operation":"AssumeRole","kind":"throttle","count":1}' $AWS/_fake/faults
//	curl -s $AWS/_fake/journal
//
// A "lifetime" of "-1m" makes a proof that has expired, "forged":true one that
// somebody else signed; what else there is, the package's Claims, Assertion and
// ScopedRules say. POST /_fake/scoped replaces all rules of
// GetScopedCredentials, and GET shows them. POST /_fake/clock moves the clock,
// where -clock lets it.
package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"io"
	"log/slog"
	"net"
	"net/http"
	"os"
	"os/signal"
	"sync"
	"syscall"

	"github.com/vendord/vendord/fakeaws"
)

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	if err := run(ctx, os.Args[1:], os.Stdout, os.Stderr); err != nil {
		if err != flag.ErrHelp { // flag has printed the usage
			fmt.Fprintf(os.Stderr, "fakeaws: %v\n", err)
		}
		stop()
		os.Exit(1)
	}
}

// run serves until ctx ends.
func run(ctx context.Context, args []string, stdout, stderr io.Writer) error {
	flags := flag.NewFlagSet("fakeaws", flag.ContinueOnError)
	flags.SetOutput(stderr)
	listen := flags.String("listen", "127.0.0.1:0", "loopback `address` to serve; port 0 takes a free one")
	path := flags.String("state", "", "JSON `file` with accounts, users, roles and buckets; default: the example of the documentation")
	clock := flags.Bool("clock", false, "let clients move the clock on (POST /_fake/clock)")
	signIn := flags.String("signin", "wait", "what happens at IAM Identity Center's sign-in page: wait, approve or refuse")
	var m machine
	flags.StringVar(&m.role, "role", "", "`ARN` of the role that -metadata and -container give")
	flags.StringVar(&m.metadata, "metadata", "", "loopback `address` of an instance metadata service")
	flags.StringVar(&m.container, "container", "", "loopback `address` of a container credentials endpoint")
	flags.StringVar(&m.token, "token", "", "what the container endpoint wants as Authorization; made up, as all here")
	verbose := flags.Bool("log", false, "log every call to standard error")
	if err := flags.Parse(args); err != nil {
		return err
	}
	if flags.NArg() > 0 {
		return fmt.Errorf("argument %q: fakeaws takes flags only", flags.Arg(0))
	}
	fake, err := newFake(*path, fakeaws.SignInMode(*signIn), *clock, *verbose, stderr)
	if err != nil {
		return err
	}
	parts, err := m.parts(fake, *listen)
	if err != nil {
		return err
	}
	return serveAll(ctx, fake, parts, stdout)
}

// machine says what the endpoints of a machine give, and where they are.
type machine struct{ role, metadata, container, token string }

// part is one port that is served.
type part struct {
	name, address string
	handler       http.Handler
}

// parts returns AWS itself, and the endpoints that are wanted.
func (m machine) parts(fake *fakeaws.Fake, listen string) ([]part, error) {
	all := []part{{"", listen, fake}}
	if m.metadata == "" && m.container == "" {
		if m.role != "" || m.token != "" {
			return nil, errors.New("-role and -token: nothing without -metadata or -container")
		}
		return all, nil
	}
	if !fake.HasRole(m.role) {
		return nil, fmt.Errorf("-role %q: there is no such role", m.role)
	}
	if m.metadata != "" {
		all = append(all, part{"metadata ", m.metadata, fake.Metadata(m.role)})
	}
	if m.container != "" {
		all = append(all, part{"container ", m.container, fake.Container(m.role, m.token)})
	}
	return all, nil
}

// serveAll serves every part until ctx ends, or until one fails. All listen
// before the first is named.
func serveAll(ctx context.Context, fake *fakeaws.Fake, parts []part, stdout io.Writer) error {
	ctx, stop := context.WithCancel(ctx)
	defer stop()
	listeners := make([]net.Listener, len(parts))
	for i, p := range parts {
		ln, err := listenLoopback(p.address)
		if err != nil {
			return fmt.Errorf("listening: %w", err)
		}
		defer ln.Close()
		listeners[i] = ln
	}
	errs := make([]error, len(parts))
	var all sync.WaitGroup
	for i, p := range parts {
		fmt.Fprintf(stdout, "%shttp://%s\n", p.name, listeners[i].Addr())
		all.Go(func() {
			defer stop()
			errs[i] = fake.ServeHandler(ctx, listeners[i], p.handler)
		})
	}
	all.Wait()
	return errors.Join(errs...)
}

// listenLoopback listens, and refuses an address that others can reach before
// it is taken.
func listenLoopback(address string) (net.Listener, error) {
	a, err := net.ResolveTCPAddr("tcp", address)
	if err != nil {
		return nil, err
	}
	if !a.IP.IsLoopback() {
		return nil, fmt.Errorf("%s is not a loopback address", address)
	}
	return net.ListenTCP("tcp", a)
}

// newFake makes the fake that the flags describe.
func newFake(path string, signIn fakeaws.SignInMode, clock, verbose bool, stderr io.Writer) (*fakeaws.Fake, error) {
	state := fakeaws.Example()
	if path != "" {
		var err error
		if state, err = fakeaws.ReadState(path); err != nil {
			return nil, err
		}
	}
	level := slog.LevelWarn
	if verbose {
		level = slog.LevelDebug
	}
	log := slog.New(slog.NewTextHandler(stderr, &slog.HandlerOptions{Level: level}))
	return fakeaws.New(fakeaws.Config{State: state, Log: log, ClockOverHTTP: clock, SignIn: signIn})
}
