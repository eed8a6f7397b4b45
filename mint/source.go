package mint

import (
	"context"
	"fmt"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"

	"github.com/vendord/vendord/session"
)

// identity is who signs a request. It is never printed; subject stands for it.
type identity struct {
	keys aws.Credentials // with their expiry, where the source tells it
	// subject names it in messages: source "john", or parent role arn:….
	subject string
	// of is the parent session whose credentials these are, or nil. The cache
	// renews it: when AWS no longer takes it, no person has to do anything.
	of *session.Credentials
	// principal is the ARN of its session, or "".
	principal string
	// skew is AWS's clock minus ours, as far as the source told.
	skew time.Duration
}

// identity gets the credentials that sign r: those of its parent, else those
// of its source.
func (m *Minter) identity(ctx context.Context, r session.Request) (identity, error) {
	if r.Parent != "" {
		return m.parentOf(ctx, r)
	}
	who := identity{subject: subject(r.Source)}
	var err error
	// No fallback from one to another: a source that fails must not turn
	// into somebody else.
	switch r.Source.Type {
	case session.SharedConfig:
		who, err = m.sharedConfig(ctx, r)
	case session.Environment:
		who.keys, err = environment(r.Source, m.config.Environ)
	case session.Process:
		who.keys, err = m.process(ctx, r.Source)
	case session.IMDS:
		who, err = m.imds(ctx, r.Source)
	case session.Container:
		who, err = m.container(ctx, r.Source)
	case session.Keyring:
		who.keys, err = m.keyringKeys(ctx, r.Source)
	case session.WebIdentity, session.SAML:
		err = misconfigured(r.Source, "it proves who asks for a role, and can do nothing else: use a source with credentials",
			"it has no credentials that could sign")
	case session.ParentProfile:
		err = misconfigured(r.Source, "", "the session of its profile is missing")
	default:
		err = unknownType(r.Source)
	}
	if err != nil {
		return identity{}, err
	}
	return who, usable(who)
}

// usable refuses keys that cannot be sent: the HTTP client would report a line
// break in a token as trouble with the network.
func usable(who identity) error {
	for _, part := range []struct{ name, value string }{{"access key id", who.keys.AccessKeyID},
		{"secret key", who.keys.SecretAccessKey}, {"session token", who.keys.SessionToken}} {
		if plainShape.MatchString(part.value) || part.value == "" && part.name == "session token" {
			continue
		}
		return &session.Error{Class: session.Person, Public: who.subject + ": its " + part.name + " is empty or has characters that no key has",
			Hint: "a quote, a blank or a line break may have been copied along; " + reload}
	}
	return nil
}

// reload is how a remembered failure is forgotten, the end of many hints.
const reload = "then run: vendord reload"

// parentOf gets a parent's credentials from whoever keeps them. Its failures
// are passed on as they are: they already name the session that failed.
func (m *Minter) parentOf(ctx context.Context, r session.Request) (identity, error) {
	parent, err := session.ParseRequest(r.Parent)
	if err != nil || m.config.Parent == nil {
		return identity{}, &session.Error{Class: session.Configuration, Err: err, Public: target(r) + ": its parent session cannot be used"}
	}
	c, err := m.config.Parent(ctx, parent)
	if err != nil {
		return identity{}, session.AsError(err)
	}
	if c == nil {
		return identity{}, &session.Error{Class: session.Retry, Public: target(r) + ": its parent session has no credentials"}
	}
	secret, token := c.Reveal()
	who := identity{subject: "parent " + target(parent), of: c, principal: c.Principal, skew: c.Skew,
		keys: aws.Credentials{AccessKeyID: c.KeyID, SecretAccessKey: secret, SessionToken: token, CanExpire: true, Expires: c.Expires, AccountID: c.AccountID}}
	return who, usable(who)
}

// environment reads the usual three variables out of the environment that the
// daemon was started with.
func environment(s session.Source, environ []string) (aws.Credentials, error) {
	keys := aws.Credentials{AccessKeyID: lookup(environ, "AWS_ACCESS_KEY_ID"), SecretAccessKey: lookup(environ, "AWS_SECRET_ACCESS_KEY"),
		SessionToken: lookup(environ, "AWS_SESSION_TOKEN")}
	missing := ""
	switch {
	case keys.AccessKeyID == "":
		missing = "AWS_ACCESS_KEY_ID"
	case keys.SecretAccessKey == "":
		missing = "AWS_SECRET_ACCESS_KEY"
	default:
		return keys, nil
	}
	return aws.Credentials{}, &session.Error{Class: session.Configuration,
		Public: subject(s) + ": " + missing + " was not set when vendord was started",
		Hint:   "set it in the environment of the daemon and start it anew"}
}

// CheckSource tells what is wrong with a source as far as can be seen without
// asking anybody: files and profiles, tokens and assertions in files, and whether
// commands are there. Sources of the daemon's own surroundings (environment, imds,
// container, keyring) are not looked at: those of whoever checks are others. home
// is where .aws is. The error is a *session.Error.
func CheckSource(s session.Source, home string) error {
	switch s.Type {
	case session.SharedConfig:
		_, err := chain(s, home)
		return err
	case session.Process:
		return checkCommand(subject(s), "command", session.Items(s.Command))
	case session.WebIdentity:
		return checkProof(s, webToken)
	case session.SAML:
		return checkProof(s, assertion)
	case session.Environment, session.IMDS, session.Container, session.Keyring, session.ParentProfile:
		return nil
	}
	return unknownType(s)
}

func checkProof(s session.Source, kind proof) error {
	if s.File == "" {
		return checkCommand(subject(s), kind.args, session.Items(s.Command))
	}
	_, err := readProof(s, kind)
	return err
}

func unknownType(s session.Source) error {
	return misconfigured(s, "", "type %q is not supported by this version", s.Type)
}

// subject names a source in messages.
func subject(s session.Source) string { return fmt.Sprintf("source %q", s.Name) }

// misconfigured is what only an edit of vendord.toml, or of the SDKs' files,
// can mend.
func misconfigured(s session.Source, hint, problem string, args ...any) error {
	return &session.Error{Class: session.Configuration, Public: subject(s) + ": " + fmt.Sprintf(problem, args...), Hint: hint}
}
