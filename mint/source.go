package mint

import (
	"context"
	"fmt"
	"strings"

	"github.com/aws/aws-sdk-go-v2/aws"

	"github.com/vendord/vendord/session"
)

// identity is who signs a request. It is never printed; subject stands for it.
type identity struct {
	keys aws.Credentials
	// subject names it in messages: source "john", or parent role arn:….
	subject string
	// renewed says that it is a session of ours, which the cache renews:
	// when AWS no longer takes it, no person has to do anything.
	renewed bool
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
		who.keys, err = m.sharedConfig(ctx, r)
	case session.Environment:
		who.keys, err = environment(r.Source, m.environ)
	case session.Process:
		who.keys, err = m.process(ctx, r.Source)
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
	if err != nil || m.parent == nil {
		return identity{}, &session.Error{Class: session.Configuration, Err: err,
			Public: "role " + r.RoleARN + ": its parent session cannot be used"}
	}
	c, err := m.parent(ctx, parent)
	if err != nil {
		return identity{}, session.AsError(err)
	}
	if c == nil {
		return identity{}, &session.Error{Class: session.Retry, Public: "role " + r.RoleARN + ": its parent session has no credentials"}
	}
	secret, token := c.Reveal()
	who := identity{keys: aws.Credentials{AccessKeyID: c.KeyID, SecretAccessKey: secret, SessionToken: token},
		subject: "parent role " + parent.RoleARN, renewed: true}
	return who, usable(who)
}

// environment reads the usual three variables out of the environment that the
// daemon was started with.
func environment(s session.Source, environ []string) (aws.Credentials, error) {
	lookup := func(name string) string {
		for _, pair := range environ {
			if value, ok := strings.CutPrefix(pair, name+"="); ok {
				return value
			}
		}
		return ""
	}
	keys := aws.Credentials{AccessKeyID: lookup("AWS_ACCESS_KEY_ID"), SecretAccessKey: lookup("AWS_SECRET_ACCESS_KEY"),
		SessionToken: lookup("AWS_SESSION_TOKEN")}
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
// asking anybody: files and profiles of a shared-config source, and whether the
// command of a process source is there. An environment source is not looked
// at: the environment that counts is the daemon's. home is where .aws is. The
// error is a *session.Error.
func CheckSource(s session.Source, home string) error {
	switch s.Type {
	case session.SharedConfig:
		_, err := chain(s, home)
		return err
	case session.Process:
		return checkCommand(subject(s), session.Items(s.Command))
	case session.Environment:
		return nil
	default:
		return unknownType(s)
	}
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
