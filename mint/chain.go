package mint

import (
	"cmp"
	"context"
	"fmt"
	"path/filepath"
	"strings"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/credentials/logincreds"
	"github.com/aws/aws-sdk-go-v2/service/signin"
	"github.com/aws/aws-sdk-go-v2/service/sts"
	"github.com/aws/aws-sdk-go-v2/service/sts/types"
	"github.com/aws/smithy-go/logging"

	"github.com/vendord/vendord/awshttp"
	"github.com/vendord/vendord/session"
)

// hopLife is the life of the sessions on the way through the SDKs' files, the
// shortest there is: each signs one request, at once. A longer duration_seconds
// there would gain nothing.
const hopLife = 15 * time.Minute

// hopName is what AWS calls them where the profile has no role_session_name.
// It is stable, so that a trust policy can name it.
const hopName = "vendord"

// sharedConfig gets the credentials of an SDK profile. Where they are handed out
// as they are, the last role's session lives as long as the profile says.
func (m *Minter) sharedConfig(ctx context.Context, r session.Request) (identity, error) {
	top, err := chain(r.Source, m.config.Home)
	if err != nil {
		return identity{}, err
	}
	life := hopLife
	if r.Operation == session.SourceItself {
		life = cmp.Or(aws.ToDuration(top.RoleDurationSeconds), chainLimit)
	}
	return m.follow(ctx, r, top, life)
}

// follow gets the credentials of one link: those of the link before it, or its
// own, and with them its role, if it has one. STS is asked where the request
// wants it asked; region and endpoints in the SDKs' files count for SSO only.
func (m *Minter) follow(ctx context.Context, r session.Request, at *link, life time.Duration) (identity, error) {
	who := identity{subject: subject(r.Source)}
	var err error
	// The recursion ends: the SDK's parser has built the chain, and refused
	// a circle.
	switch kindOf(at) {
	case fromProfile:
		who, err = m.follow(ctx, r, at.Source, hopLife)
	case fromKeys:
		who.keys = at.Credentials
	case fromWebIdentity:
		return m.webIdentity(ctx, r, at, life) // which is for the role of the profile
	case fromSSO:
		who, err = m.sso(ctx, r.Source, at)
	case fromLogin:
		who, err = m.login(ctx, r, at)
	case fromProcess:
		who.keys, err = m.run(ctx, fmt.Sprintf("%s, SDK profile %.100q", who.subject, at.Profile), shell(at.CredentialProcess))
	default:
		err = checkLink(r.Source, at) // chain has refused it already
	}
	if err != nil || at.RoleARN == "" {
		return who, err
	}
	if err := usable(who); err != nil {
		return identity{}, err
	}
	if who.keys.SessionToken != "" {
		life = min(life, chainLimit)
	}
	return m.hop(ctx, r, who, at, life)
}

// hopCall begins the call for the role of one link.
func (m *Minter) hopCall(r session.Request, who identity, at *link, action string, life time.Duration) call {
	return call{action: "sts:" + action, service: stsName(r.Region, r.Endpoint), signer: who, source: r.Source.Name, region: r.Region,
		target: roleTarget(at.RoleARN), asked: life, x: m.exchange(), externalID: at.ExternalID != ""}
}

// hop assumes the role of one link with the credentials of the link before.
func (m *Minter) hop(ctx context.Context, r session.Request, who identity, at *link, life time.Duration) (identity, error) {
	c := m.hopCall(r, who, at, "AssumeRole", life)
	out, err := stsClient(c.x, r.Region, r.Endpoint, who.keys).AssumeRole(ctx, &sts.AssumeRoleInput{
		RoleArn: &at.RoleARN, RoleSessionName: aws.String(cmp.Or(at.RoleSessionName, hopName)),
		ExternalId: optional(at.ExternalID), DurationSeconds: seconds(life),
	})
	if err != nil {
		return identity{}, c.failure(err)
	}
	return c.hopped(out.Credentials, out.AssumedRoleUser)
}

// hopped is the identity that a hop leads to.
func (c call) hopped(got *types.Credentials, user *types.AssumedRoleUser) (identity, error) {
	keys, err := c.keys(got)
	if err != nil {
		return identity{}, err
	}
	var skew time.Duration
	keys.Expires, _, skew = window(keys.Expires, c.x.at, c.x.skew, c.asked)
	return identity{subject: c.signer.subject, keys: keys, skew: skew, principal: userARN(user)}, nil
}

// webIdentity assumes the role of a link with the token in its file, as pods
// and CI runners have it. Nobody signs that request: the token is the proof.
func (m *Minter) webIdentity(ctx context.Context, r session.Request, at *link, life time.Duration) (identity, error) {
	text, err := readSmall(at.WebIdentityTokenFile, 2*webToken.most)
	if err != nil {
		return identity{}, &session.Error{Class: session.Retry, Err: err,
			Public: fmt.Sprintf("%s: reading the web identity token of its profile %.100q: %s", subject(r.Source), at.Profile, why(err)),
			Hint:   "whatever writes " + at.WebIdentityTokenFile + " must do so before, and readably for vendord's user"}
	}
	token := webToken.trim(text)
	c := m.hopCall(r, identity{subject: subject(r.Source)}, at, "AssumeRoleWithWebIdentity", life)
	c.proof, c.secrets = webToken.name, append([]string{token}, strings.Split(token, ".")...)
	out, err := stsClient(c.x, r.Region, r.Endpoint, aws.Credentials{}).AssumeRoleWithWebIdentity(ctx, &sts.AssumeRoleWithWebIdentityInput{
		RoleArn: &at.RoleARN, RoleSessionName: aws.String(cmp.Or(at.RoleSessionName, hopName)),
		WebIdentityToken: &token, DurationSeconds: seconds(life),
	})
	if err != nil {
		return identity{}, c.failure(err)
	}
	return c.hopped(out.Credentials, out.AssumedRoleUser)
}

// login gets credentials for what "aws login" left behind.
func (m *Minter) login(ctx context.Context, r session.Request, at *link) (who identity, err error) {
	region := cmp.Or(at.Region, r.Region)
	who = identity{subject: subject(r.Source)}
	c := call{service: "AWS sign-in in " + region, signer: who, region: region, x: m.exchange()}
	hint := "run: aws login --profile " + at.Profile + ", " + reload
	// The provider of credentials v1.20.15 panics on a damaged key in the
	// file. That must not end the daemon.
	defer func() {
		if p := recover(); p != nil {
			err = c.loginFailure(fmt.Errorf("the login's file is damaged: %T", p), hint)
		}
	}()
	path, err := logincreds.StandardCachedTokenFilepath(at.LoginSession, filepath.Join(m.config.Home, ".aws", "login", "cache"))
	if err == nil {
		client := signin.New(signin.Options{Region: region, HTTPClient: c.x, Retryer: c.x.retryer(), AppID: awshttp.AppID, Logger: logging.Nop{}})
		who.keys, err = logincreds.New(client, path, func(o *logincreds.Options) { o.RestrictPermissions = true }).Retrieve(ctx)
	}
	if err != nil {
		return identity{}, c.loginFailure(err, hint)
	}
	who.skew = c.x.skew
	return who, nil
}
