package control

import (
	"bytes"
	"cmp"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"regexp"
	"strconv"
	"strings"
	"time"
	"unicode"
	"unicode/utf8"

	"github.com/vendord/vendord/session"
)

const (
	// versionHeader names the version of each end.
	versionHeader = "Vendord-Control"
	// hostName is the only Host that the server answers to.
	hostName = "vendord"
	// sameVersion is the hint where two ends do not understand each other
	// although their versions are equal.
	sameVersion = "use the vendord that the daemon was started from, or restart the daemon"
)

// tokenRequest is what a client may say of a token. It lacks the rest of
// TokenSpec, so that a request that claims to steer is one with an unknown
// field.
type tokenRequest struct {
	App     string        `json:"app"`
	User    string        `json:"user,omitempty"`
	Profile string        `json:"profile,omitempty"`
	Hash    string        `json:"hash"`
	TTL     time.Duration `json:"ttl_ns,omitempty"`
	Warm    bool          `json:"warm,omitempty"`
	Exec    bool          `json:"exec,omitempty"`
	Path    bool          `json:"path,omitempty"`
	// Policy and PolicyARNs are those of TokenSpec.
	Policy     string `json:"policy,omitempty"`
	PolicyARNs string `json:"policy_arns,omitempty"`
}

type revokeRequest struct {
	App string `json:"app,omitempty"`
	ID  string `json:"id,omitempty"`
}

type tokensRequest struct {
	App string `json:"app,omitempty"`
}

type reloadRequest struct{}

type revokeAnswer struct {
	Revoked int `json:"revoked"`
}

type tokensAnswer struct {
	Tokens []TokenSpec `json:"tokens"`
}

type reloadAnswer struct {
	Lines []string `json:"lines"`
}

// errorAnswer is an error as it crosses the socket: a session.Error, and where
// there are several, each of them.
type errorAnswer struct {
	session.Error
	Problems []problem `json:"problems,omitempty"`
}

type problem struct {
	Message string `json:"message"`
	Hint    string `json:"hint,omitempty"`
}

// check refuses what no caller may ask for.
func (q tokenRequest) check(held bool) error {
	if err := cmp.Or(checkName("app", q.App), checkName("profile", q.Profile), checkUser(q.User)); err != nil {
		return err
	}
	switch sum, err := hex.DecodeString(q.Hash); {
	case q.App == "":
		return invalid("app: missing", "name the app that the token is for")
	case q.App == cli && q.Profile == "":
		return invalid(`app "cli": its tokens name a profile`, "name the profile that the token is for")
	case q.App != cli && q.Profile != "":
		// It would choose for the app, and that is steering.
		return invalid(fmt.Sprintf("profile %q: only tokens of the app cli name a profile", q.Profile),
			"leave it out: an app has its own")
	case err != nil || len(sum) != 32:
		return invalid("hash: not 64 hex digits", "it is the SHA-256 of the token's secret")
	case q.Policy+q.PolicyARNs != "" && !(held && q.App == cli):
		// What is kept has no policy, and would come back without.
		return invalid("policy: only tokens that are held, of the app cli, have one", "use vendord exec PROFILE --policy-file FILE")
	case q.Exec && !(held && q.App == cli):
		return invalid("exec: only tokens that are held, of the app cli, are a command's", "use vendord exec PROFILE -- COMMAND")
	case q.Path && (held || q.App == cli):
		return invalid("path: only tokens that are kept, of an app, are ids in paths", "vendord token issue APP --path")
	case len(q.Policy)+len(q.PolicyARNs) > maxNarrowing:
		return invalid(fmt.Sprintf("policy: with its ARNs longer than %d bytes", maxNarrowing), "use wildcards, or a managed policy's ARN")
	case q.PolicyARNs != session.List(session.Items(q.PolicyARNs)):
		return invalid("policy_arns: not a list", sameVersion)
	case held && q.TTL == 0:
		return nil
	case q.TTL < minTTL || q.TTL > maxTTL:
		return invalid(fmt.Sprintf("ttl %s: not between 1s and 366 days", q.TTL), "such as 12h")
	}
	return nil
}

func (q tokensRequest) check() error { return checkName("app", q.App) }

// check refuses what names nothing: an empty request would mean everything.
func (q revokeRequest) check() error {
	if q.App == "" && q.ID == "" {
		return invalid("revoke: neither an app nor a token is named", "vendord token list shows them")
	}
	return cmp.Or(checkName("app", q.App), checkName("token", q.ID))
}

var names = regexp.MustCompile(`^[A-Za-z0-9_][A-Za-z0-9._-]*$`)

// checkName refuses what cannot be the name of an app, a profile or a token;
// empty is for the caller to judge. Names are printed, logged and put into
// paths.
func checkName(what, name string) error {
	switch {
	case len(name) > maxName:
		return invalid(fmt.Sprintf("%s: longer than %d bytes", what, maxName), "names are short")
	case name != "" && !names.MatchString(name):
		return invalid(fmt.Sprintf("%s %q: not a name", what, name), "names have letters, digits and . _ -, and no . or - in front")
	}
	return nil
}

// checkUser refuses what cannot be printed. It allows more than checkName: a
// directory's users have names such as CORP\jane or "jane doe".
func checkUser(name string) error {
	bad := func(r rune) bool { return !unicode.IsPrint(r) }
	switch {
	case len(name) > maxName:
		return invalid(fmt.Sprintf("user: longer than %d bytes", maxName), "names are short")
	case !utf8.ValidString(name), strings.ContainsFunc(name, bad), strings.TrimSpace(name) != name:
		return invalid(fmt.Sprintf("user %q: not a name", name), "names have no control characters, and no space at either end")
	}
	return nil
}

func invalid(public, hint string) error {
	return &session.Error{Class: session.Configuration, Public: public, Hint: hint}
}

// parse reads a request's body strictly: what the daemon does not know it
// would not do, and the client would believe that it did.
func parse[T any](body []byte) (T, error) {
	var v T
	d := json.NewDecoder(bytes.NewReader(body))
	d.DisallowUnknownFields()
	if err := d.Decode(&v); err != nil {
		return v, &session.Error{Class: session.Configuration,
			Public: "request: " + strings.TrimPrefix(err.Error(), "json: "), Hint: sameVersion, Err: err}
	}
	if _, err := d.Token(); err != io.EOF {
		return v, invalid("request: text after its end", sameVersion)
	}
	return v, nil
}

// checkVersion compares what a client says with Version.
func checkVersion(header string) error {
	theirs, err := strconv.Atoi(header)
	if err != nil {
		return invalid(fmt.Sprintf("header %s %q: not a version", versionHeader, header),
			fmt.Sprintf("only vendord's commands speak to this socket; they send %s: %d", versionHeader, Version))
	}
	return mismatch(Version, theirs)
}

// mismatch says which end is the older, in the same words at both ends, or nil.
func mismatch(daemon, command int) error {
	switch {
	case daemon > command:
		return invalid(fmt.Sprintf("the daemon is newer than this command: it speaks version %d, the command %d", daemon, command),
			"use the vendord that the daemon was started from, or update this one")
	case daemon < command:
		return invalid(fmt.Sprintf("the daemon is older than this command: it speaks version %d, the command %d", daemon, command),
			"restart the daemon, so that it runs the vendord that is installed now")
	}
	return nil
}

// encodeError returns err as it crosses the socket. Causes stay behind.
func encodeError(err error) errorAnswer {
	list := leaves(err)
	if len(list) <= 1 {
		return errorAnswer{Error: *session.AsError(err)}
	}
	a := errorAnswer{Error: session.Error{Class: list[0].Class, Public: fmt.Sprintf("%d problems", len(list))}}
	for _, e := range list {
		a.Problems = append(a.Problems, problem{Message: e.Public, Hint: e.Hint})
	}
	return a
}

// leaves returns the errors that err joins. It stops at a session.Error, whose
// cause is not for the caller.
func leaves(err error) []*session.Error {
	switch e := err.(type) {
	case *session.Error:
		return []*session.Error{e}
	case interface{ Unwrap() []error }:
		var list []*session.Error
		for _, inner := range e.Unwrap() {
			list = append(list, leaves(inner)...)
		}
		return list
	case interface{ Unwrap() error }:
		if list := leaves(e.Unwrap()); len(list) > 1 {
			return list
		}
	}
	return []*session.Error{session.AsError(err)}
}

// decode returns what encodeError was given: a *session.Error, or several
// joined.
func (a errorAnswer) decode() error {
	if a.Class == 0 || a.Public == "" {
		return errUnreadable
	}
	a.Public, a.Hint = session.Visible(a.Public), session.Visible(a.Hint)
	if len(a.Problems) == 0 {
		return &a.Error
	}
	var list []error
	for _, p := range a.Problems {
		if p.Message == "" {
			return errUnreadable
		}
		list = append(list, &session.Error{Class: a.Class, Public: session.Visible(p.Message), Hint: session.Visible(p.Hint)})
	}
	return errors.Join(list...)
}
