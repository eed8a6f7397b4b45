package mint

import (
	"cmp"
	"context"
	"strings"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/sts"

	"github.com/vendord/vendord/session"
)

// longDefault is AWS's default life of the sessions of long-term keys (STS API
// reference, GetSessionToken).
const longDefault = 12 * time.Hour

// longest is the life of the longest session that AWS gives (STS API reference,
// GetSessionToken; as of 2026-11). What says that it lives for years is not
// believed: it would be asked for anew after half of them.
const longest = 36 * time.Hour

// longTermKey begins the access key ids of IAM users (IAM User Guide, unique
// identifiers). Such a key with a session token beside it, left there by an
// earlier session, is good for years without the token.
const longTermKey = "AKIA"

// federationToken asks for a federated user's session. AWS caps that of the root
// user at an hour, and says so in its answer alone.
func (m *Minter) federationToken(ctx context.Context, who identity, r session.Request) (*session.Credentials, error) {
	c := m.call(r, who, "GetFederationToken", cmp.Or(r.Duration, longDefault))
	if err := c.longTerm(); err != nil {
		return nil, err
	}
	out, err := stsClient(c.x, r.Region, r.Endpoint, who.keys).GetFederationToken(ctx, &sts.GetFederationTokenInput{
		Name: &r.SessionName, DurationSeconds: seconds(c.asked), Policy: optional(r.Policy), PolicyArns: policyARNs(r), Tags: tags(r),
		MinimumSessionTokenSize: tokenSize(r.MinTokenSize),
	})
	if err != nil {
		return nil, c.failure(err)
	}
	//lint:ignore SA1019 servers that predate 2026-09 say it so
	got := answer{keys: out.Credentials, use: tokenUse(out.SessionTokenUtilization, out.PackedPolicySize)}
	if out.FederatedUser != nil {
		got.arn = aws.ToString(out.FederatedUser.Arn)
	}
	return m.accept(c, r, got)
}

// sessionToken asks for a session of the user whose keys sign, with MFA where
// the request has a device.
func (m *Minter) sessionToken(ctx context.Context, who identity, r session.Request) (*session.Credentials, error) {
	c := m.call(r, who, "GetSessionToken", cmp.Or(r.Duration, longDefault))
	if err := c.longTerm(); err != nil {
		return nil, err
	}
	in := &sts.GetSessionTokenInput{DurationSeconds: seconds(c.asked), MinimumSessionTokenSize: tokenSize(r.MinTokenSize)}
	if err := m.addCode(ctx, r, &c, &in.SerialNumber, &in.TokenCode); err != nil {
		return nil, err
	}
	out, err := stsClient(c.x, r.Region, r.Endpoint, who.keys).GetSessionToken(ctx, in)
	if err != nil {
		return nil, c.failure(err)
	}
	return m.accept(c, r, answer{keys: out.Credentials, use: tokenUse(out.SessionTokenUtilization, nil)})
}

// longTerm refuses what AWS would: a session that asks for such a session. A
// code of an MFA device would be lost with it.
func (c call) longTerm() error {
	if c.signer.keys.SessionToken == "" {
		return nil
	}
	return &session.Error{Class: session.Configuration, Public: c.signer.subject + ": " + c.fill(needsLongTerm, ""), Hint: useLongTerm}
}

const (
	needsLongTerm = "its keys are those of a session, and AWS gives {action} to long-term keys alone"
	useLongTerm   = "use a source with the long-term keys of an IAM user, or another operation"
)

// itself hands out the source's own credentials. Only a session's: long-term
// keys in the hands of a program are what vendord is there to avoid, and keys
// that expire at an unknown time could be handed out dead.
func (m *Minter) itself(who identity, r session.Request) (*session.Credentials, error) {
	refuse := func(problem, hint string) error {
		return &session.Error{Class: session.Configuration, Public: who.subject + ": " + problem, Hint: hint}
	}
	switch {
	case who.keys.SessionToken == "", strings.HasPrefix(who.keys.AccessKeyID, longTermKey):
		return nil, refuse("its keys are long-term keys, which vendord does not hand out",
			`use operation = "get-session-token", or assume a role`)
	case !who.keys.CanExpire || who.keys.Expires.IsZero():
		return nil, refuse("it does not say when its session expires, so vendord does not hand it out",
			"assume a role with it, or use a source that tells: SSO, a process that prints Expiration, imds, container")
	}
	now := m.now()
	until, life := who.keys.Expires, who.keys.Expires.Sub(now.Round(0).Add(who.skew))
	if who.of != nil { // which knows its age by the monotonic clock as well
		life = min(life, who.of.Left(now))
	}
	if life > longest {
		m.log.Warn("the source's session expires later than any of AWS's: cut", "source", r.Source.Name, "expires", until)
		until, life = now.Round(0).Add(who.skew).Add(longest), longest
	}
	if life <= 0 {
		return nil, &session.Error{Class: session.Person, Public: who.subject + ": its session has expired", Hint: "renew it where it comes from, " + reload}
	}
	made := session.NewCredentials(who.keys.AccessKeyID, who.keys.SecretAccessKey, who.keys.SessionToken, until)
	made.Minted, made.Life, made.Skew, made.Region = now, life, who.skew, r.Region
	made.Principal, made.AccountID = principal(who.principal)
	made.AccountID = cmp.Or(made.AccountID, who.keys.AccountID)
	m.log.Debug("took the source's own session", "source", r.Source.Name, "key", made.KeyID, "expires", made.Expires, "skew", made.Skew)
	return made, nil
}
