// Command fakeaws runs a made-up AWS on a loopback address: STS, S3 and what
// goes with them, for tests and lessons. The first line of its output is the
// endpoint, for AWS_ENDPOINT_URL; an interrupt ends it.
//
// Usage:
//
//	fakeaws [-listen 127.0.0.1:0] [-state FILE] [-clock] [-log]
//
// It also plays the issuers of JWTs, the SAML identity providers and the MFA
// devices of its accounts, where the state gives none. With curl, which has
// --json since 7.82, and the endpoint in $AWS:
//
//	curl -s --json '{"subject":"repo:example/app","audience":"sts.amazonaws.com"}' $AWS/_fake/jwt >token
//	curl -s --json '{"roles":["arn:aws:iam::444455556666:role/EC2Admin"],"session_name":"ann"}' $AWS/_fake/saml >assertion
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
	"flag"
	"fmt"
	"io"
	"log/slog"
	"net"
	"os"
	"os/signal"
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
	verbose := flags.Bool("log", false, "log every call to standard error")
	if err := flags.Parse(args); err != nil {
		return err
	}
	if flags.NArg() > 0 {
		return fmt.Errorf("argument %q: fakeaws takes flags only", flags.Arg(0))
	}
	fake, err := newFake(*path, *clock, *verbose, stderr)
	if err != nil {
		return err
	}
	ln, err := listenLoopback(*listen)
	if err != nil {
		return fmt.Errorf("listening: %w", err)
	}
	fmt.Fprintf(stdout, "http://%s\n", ln.Addr())
	return fake.Serve(ctx, ln)
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
func newFake(path string, clock, verbose bool, stderr io.Writer) (*fakeaws.Fake, error) {
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
	return fakeaws.New(fakeaws.Config{State: state, Log: log, ClockOverHTTP: clock})
}
