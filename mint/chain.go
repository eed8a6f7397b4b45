package mint

import (
	"cmp"
	"context"
	"crypto/sha1"
	"encoding/hex"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/credentials/logincreds"
	"github.com/aws/aws-sdk-go-v2/credentials/ssocreds"
	"github.com/aws/aws-sdk-go-v2/service/signin"
	"github.com/aws/aws-sdk-go-v2/service/sso"
	"github.com/aws/aws-sdk-go-v2/service/ssooidc"
	"github.com/aws/aws-sdk-go-v2/service/sts"
	"github.com/aws/smithy-go/logging"

	"github.com/vendord/vendord/session"
)

// hopLife is the life of the sessions on the way through the SDKs' files, the
// shortest there is: each signs one request, at once. A longer duration_seconds
// there would gain nothing.
const hopLife = 15 * time.Minute

// hopName is what AWS calls them where the profile has no role_session_name.
// It is stable, so that a trust policy can name it.
const hopName = "vendord"

// maxToken is more than any web identity token (STS takes 20,000 characters).
const maxToken = 64 << 10

// sharedConfig gets the credentials of an SDK profile.
func (m *Minter) sharedConfig(ctx context.Context, r session.Request) (aws.Credentials, error) {
	top, err := chain(r.Source, m.home)
	if err != nil {
		return aws.Credentials{}, err
	}
	return m.follow(ctx, r, top)
}

// follow gets the credentials of one link: those of the link before it, or its
// own, and with them its role, if it has one. STS is asked where the request
// wants it asked; region and endpoints in the SDKs' files count for SSO only.
func (m *Minter) follow(ctx context.Context, r session.Request, at *link) (aws.Credentials, error) {
	who := identity{subject: subject(r.Source)}
	var err error
	// The recursion ends: the SDK's parser has built the chain, and refused
	// a circle.
	switch kindOf(at) {
	case fromProfile:
		who.keys, err = m.follow(ctx, r, at.Source)
	case fromKeys:
		who.keys = at.Credentials
	case fromWebIdentity:
		return m.webIdentity(ctx, r, at) // which is for the role of the profile
	case fromSSO:
		who.keys, err = m.sso(ctx, r.Source, at)
	case fromLogin:
		who.keys, err = m.login(ctx, r, at)
	case fromProcess:
		who.keys, err = m.run(ctx, fmt.Sprintf("%s, SDK profile %q", who.subject, at.Profile), shell(at.CredentialProcess))
	default:
		err = checkLink(r.Source, at) // chain has refused it already
	}
	if err != nil || at.RoleARN == "" {
		return who.keys, err
	}
	if err := usable(who); err != nil {
		return aws.Credentials{}, err
	}
	return m.hop(ctx, r, who, at)
}

// hop assumes the role of one link with the credentials of the link before.
func (m *Minter) hop(ctx context.Context, r session.Request, who identity, at *link) (aws.Credentials, error) {
	x := &exchange{client: m.http, now: m.now}
	c := call{service: stsName(r.Region, r.Endpoint), signer: who, role: at.RoleARN, region: r.Region, asked: hopLife, x: x,
		externalID: at.ExternalID != ""}
	out, err := stsClient(x, r.Region, r.Endpoint, who.keys).AssumeRole(ctx, &sts.AssumeRoleInput{
		RoleArn: &at.RoleARN, RoleSessionName: aws.String(cmp.Or(at.RoleSessionName, hopName)),
		ExternalId: optional(at.ExternalID), DurationSeconds: seconds(hopLife),
	})
	if err != nil {
		return aws.Credentials{}, c.failure(err)
	}
	// Its expiry does not matter: the keys are used once, now, and forgotten.
	return c.keys(out.Credentials)
}

// webIdentity assumes the role of a link with the token in its file, as pods
// and CI runners have it. Nobody signs that request: the token is the proof.
func (m *Minter) webIdentity(ctx context.Context, r session.Request, at *link) (aws.Credentials, error) {
	token, err := readToken(at.WebIdentityTokenFile)
	if err != nil {
		return aws.Credentials{}, &session.Error{Class: session.Retry, Err: err,
			Public: fmt.Sprintf("%s: reading the web identity token of its profile %q: %s", subject(r.Source), at.Profile, why(err)),
			Hint:   "whatever writes " + at.WebIdentityTokenFile + " must do so before, and readably for vendord's user"}
	}
	x := &exchange{client: m.http, now: m.now}
	c := call{service: stsName(r.Region, r.Endpoint), signer: identity{subject: subject(r.Source), keys: aws.Credentials{SessionToken: token}},
		role: at.RoleARN, region: r.Region, asked: hopLife, x: x, anonymous: true}
	out, err := stsClient(x, r.Region, r.Endpoint, aws.Credentials{}).AssumeRoleWithWebIdentity(ctx, &sts.AssumeRoleWithWebIdentityInput{
		RoleArn: &at.RoleARN, RoleSessionName: aws.String(cmp.Or(at.RoleSessionName, hopName)),
		WebIdentityToken: &token, DurationSeconds: seconds(hopLife),
	})
	if err != nil {
		return aws.Credentials{}, c.failure(err)
	}
	return c.keys(out.Credentials)
}

func readToken(path string) (string, error) {
	if err := readable(path); err != nil {
		return "", err
	}
	f, err := os.Open(path)
	if err != nil {
		return "", err
	}
	defer f.Close()
	text, err := io.ReadAll(io.LimitReader(f, maxToken))
	return strings.TrimSpace(string(text)), err
}

// sso gets credentials for the token that "aws sso login" left behind. The
// SDK's provider renews the token, and its file, where the login allows it.
func (m *Minter) sso(ctx context.Context, s session.Source, at *link) (keys aws.Credentials, err error) {
	region, start := ssoPortal(at)
	key := start
	if at.SSOSession != nil {
		key = at.SSOSession.Name
	}
	x := &exchange{client: m.http, now: m.now}
	c := call{service: "AWS SSO in " + region, signer: identity{subject: subject(s)}, region: region, x: x}
	// The provider of credentials v1.20.15 panics at an answer without
	// roleCredentials. That must not end the daemon.
	defer func() {
		if recover() != nil {
			keys, err = aws.Credentials{}, c.odd("no credentials")
		}
	}()
	// The SDKs name the file so: SHA-1 is a file name here, not a safeguard.
	name := sha1.Sum([]byte(key))
	path := filepath.Join(m.home, ".aws", "sso", "cache", hex.EncodeToString(name[:])+".json")
	portal := sso.New(sso.Options{Region: region, HTTPClient: x, Retryer: x.retryer(), AppID: agent, Logger: logging.Nop{}})
	keys, err = ssocreds.New(portal, at.SSOAccountID, at.SSORoleName, start, func(o *ssocreds.Options) {
		o.CachedTokenFilepath = path
		if at.SSOSession != nil {
			o.SSOTokenProvider = ssocreds.NewSSOTokenProvider(ssooidc.New(ssooidc.Options{
				Region: region, HTTPClient: x, Retryer: x.retryer(), AppID: agent, Logger: logging.Nop{}}), path)
		}
	}).Retrieve(ctx)
	if err != nil {
		return aws.Credentials{}, c.loginFailure(err, "aws sso login --profile "+at.Profile)
	}
	return keys, nil
}

// login gets credentials for what "aws login" left behind.
func (m *Minter) login(ctx context.Context, r session.Request, at *link) (keys aws.Credentials, err error) {
	region := cmp.Or(at.Region, r.Region)
	x := &exchange{client: m.http, now: m.now}
	c := call{service: "AWS sign-in in " + region, signer: identity{subject: subject(r.Source)}, region: region, x: x}
	command := "aws login --profile " + at.Profile
	// The provider of credentials v1.20.15 panics on a damaged key in the
	// file. That must not end the daemon.
	defer func() {
		if p := recover(); p != nil {
			keys, err = aws.Credentials{}, c.loginFailure(fmt.Errorf("the login's file is damaged: %v", p), command)
		}
	}()
	path, err := logincreds.StandardCachedTokenFilepath(at.LoginSession, filepath.Join(m.home, ".aws", "login", "cache"))
	if err == nil {
		client := signin.New(signin.Options{Region: region, HTTPClient: x, Retryer: x.retryer(), AppID: agent, Logger: logging.Nop{}})
		keys, err = logincreds.New(client, path, func(o *logincreds.Options) { o.RestrictPermissions = true }).Retrieve(ctx)
	}
	if err != nil {
		return aws.Credentials{}, c.loginFailure(err, command)
	}
	return keys, nil
}
