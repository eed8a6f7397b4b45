package mint

import (
	"context"
	"crypto/sha1"
	"encoding/hex"
	"errors"
	"os"
	"path/filepath"
	"strings"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/credentials/ssocreds"
	"github.com/aws/aws-sdk-go-v2/service/sso"
	ssotypes "github.com/aws/aws-sdk-go-v2/service/sso/types"
	"github.com/aws/aws-sdk-go-v2/service/ssooidc"
	"github.com/aws/smithy-go/logging"

	"github.com/vendord/vendord/awshttp"
	"github.com/vendord/vendord/session"
)

// SignInOf tells what a person signs in to at IAM Identity Center for a source;
// false where the source needs nobody to. home is where .aws is. The error is a
// *session.Error: the source cannot be used.
func SignInOf(s session.Source, home string) (session.SignIn, bool, error) {
	if s.Type != session.SharedConfig {
		return session.SignIn{}, false, nil
	}
	at, err := firstLink(s, home)
	if err != nil || kindOf(at) != fromSSO {
		return session.SignIn{}, false, err
	}
	paths, err := sdkFiles(s, home)
	return signIn(s, at, paths), true, err
}

// signIn is what the profile of a link signs in to.
func signIn(s session.Source, at *link, paths sdkPaths) session.SignIn {
	region, start := ssoPortal(at)
	in := session.SignIn{StartURL: start, Region: region, Endpoint: s.Endpoint, Share: s.ShareSignIn}
	if at.SSOSession != nil {
		in.Session = at.SSOSession.Name
		in.Scopes = session.List(scopesIn(paths.config, in.Session))
	}
	return in
}

// scopesIn reads sso_registration_scopes of an sso-session, which the SDK's parser
// leaves out: they are the AWS CLI's.
func scopesIn(path, name string) (scopes []string) {
	text, _ := os.ReadFile(path)
	inside := false
	for line := range strings.Lines(string(text)) {
		line = strings.TrimSpace(line)
		if header, ok := strings.CutPrefix(line, "["); ok {
			header, _, _ = strings.Cut(header, "]")
			words := strings.Fields(header)
			inside = len(words) == 2 && words[0] == "sso-session" && words[1] == name
			continue
		}
		key, value, ok := strings.Cut(line, "=")
		if !ok || !inside || !strings.EqualFold(strings.TrimSpace(key), "sso_registration_scopes") {
			continue
		}
		scopes = nil
		for scope := range strings.SplitSeq(value, ",") {
			if scope = strings.TrimSpace(scope); scope != "" {
				scopes = append(scopes, scope)
			}
		}
	}
	return scopes
}

// sso gets credentials for the account and role of an SSO profile: with the token
// of who signed in through vendord or, where nobody ever did, the one that "aws sso
// login" left behind.
func (m *Minter) sso(ctx context.Context, s session.Source, at *link) (who identity, err error) {
	who = identity{subject: subject(s)}
	region, _ := ssoPortal(at)
	c := call{service: serviceName("SSO", region, s.Endpoint, "sso_endpoint"), signer: who, region: region, x: m.exchange()}
	// The provider of credentials v1.20.15 panics at an answer without
	// roleCredentials. That must not end the daemon.
	defer func() {
		if recover() != nil {
			who, err = identity{}, c.odd("no credentials")
		}
	}()
	portal := sso.New(sso.Options{Region: region, BaseEndpoint: optional(s.Endpoint), HTTPClient: c.x, Retryer: c.x.retryer(), AppID: awshttp.AppID, Logger: logging.Nop{}})
	token, known, err := m.signedIn(ctx, s, at)
	switch {
	case err != nil:
		return identity{}, loginError(s, err)
	case known:
		c.secrets = []string{token}
		who.keys, err = roleCredentials(ctx, portal, at, token)
		if next := m.renewed(ctx, s, at, token, err); next != "" {
			c.secrets = append(c.secrets, next)
			who.keys, err = roleCredentials(ctx, portal, at, next)
		}
	default:
		who.keys, err = m.foundLogin(s, at, portal, c.x).Retrieve(ctx)
	}
	if err != nil {
		return identity{}, c.loginFailure(err, m.loginHint(s, at))
	}
	who.skew = c.x.skew
	return who, nil
}

// loginHint is what somebody has to do who must sign in again.
func (m *Minter) loginHint(s session.Source, at *link) string {
	if m.config.SignedIn == nil {
		return "run: aws sso login --profile " + at.Profile + ", " + reload
	}
	return runLogin(s.Name)
}

// signedIn asks for the token of a login that vendord keeps.
func (m *Minter) signedIn(ctx context.Context, s session.Source, at *link) (token string, known bool, err error) {
	if m.config.SignedIn == nil {
		return "", false, nil
	}
	paths, err := sdkFiles(s, m.config.Home)
	if err != nil {
		return "", false, err
	}
	return m.config.SignedIn(ctx, signIn(s, at, paths))
}

// renewed returns another token in place of one that AWS refused with err before its
// time: somebody ended the person's sessions at the portal, or the portal forgot
// them. It is empty where there is none.
func (m *Minter) renewed(ctx context.Context, s session.Source, at *link, token string, err error) string {
	if _, refused := errors.AsType[*ssotypes.UnauthorizedException](err); !refused || m.config.Rejected == nil {
		return ""
	}
	paths, err := sdkFiles(s, m.config.Home)
	if err != nil {
		return ""
	}
	in := signIn(s, at, paths)
	m.config.Rejected(in, token)
	next, known, err := m.config.SignedIn(ctx, in)
	if err != nil || !known || next == token {
		return ""
	}
	return next
}

// loginError names the source to who has to sign in: the logins know only what
// is signed in to.
func loginError(s session.Source, err error) error {
	told := *session.AsError(err)
	if told.Class == session.Person {
		told.Hint = runLogin(s.Name)
	}
	return &told
}

// roleCredentials asks the portal with a token.
func roleCredentials(ctx context.Context, portal *sso.Client, at *link, token string) (aws.Credentials, error) {
	out, err := portal.GetRoleCredentials(ctx, &sso.GetRoleCredentialsInput{AccessToken: &token, AccountId: &at.SSOAccountID, RoleName: &at.SSORoleName})
	if err != nil {
		return aws.Credentials{}, err
	}
	got := out.RoleCredentials // nil makes a panic, which the caller knows how to tell
	return aws.Credentials{AccessKeyID: aws.ToString(got.AccessKeyId), SecretAccessKey: aws.ToString(got.SecretAccessKey),
		SessionToken: aws.ToString(got.SessionToken), CanExpire: true, Expires: time.UnixMilli(got.Expiration).UTC(), AccountID: at.SSOAccountID}, nil
}

// foundLogin is the SDK's provider for a login of the AWS CLI. It renews the token,
// and its file, where the login allows it.
func (m *Minter) foundLogin(s session.Source, at *link, portal *sso.Client, x *exchange) *ssocreds.Provider {
	region, start := ssoPortal(at)
	key := start
	if at.SSOSession != nil {
		key = at.SSOSession.Name
	}
	// The SDKs name the file so: SHA-1 is a file name here, not a safeguard.
	name := sha1.Sum([]byte(key))
	path := filepath.Join(m.config.Home, ".aws", "sso", "cache", hex.EncodeToString(name[:])+".json")
	return ssocreds.New(portal, at.SSOAccountID, at.SSORoleName, start, func(o *ssocreds.Options) {
		o.CachedTokenFilepath = path
		if at.SSOSession != nil {
			o.SSOTokenProvider = ssocreds.NewSSOTokenProvider(ssooidc.New(ssooidc.Options{Region: region, BaseEndpoint: optional(s.Endpoint),
				HTTPClient: x, Retryer: x.retryer(), AppID: awshttp.AppID, Logger: logging.Nop{}}), path)
		}
	})
}

// LoginCommand tells which command of the AWS CLI signs in to a source that
// begins with "aws login"; false where none does. home is where .aws is. The
// error is a *session.Error: the source cannot be used.
func LoginCommand(s session.Source, home string) (string, bool, error) {
	if s.Type != session.SharedConfig {
		return "", false, nil
	}
	at, err := firstLink(s, home)
	if err != nil {
		return "", false, err
	}
	return "aws login --profile " + at.Profile, kindOf(at) == fromLogin, nil
}

// firstLink is the link of a source's chain that a person may have to sign in for.
func firstLink(s session.Source, home string) (*link, error) {
	at, err := chain(s, home)
	for err == nil && at.Source != nil {
		at = at.Source
	}
	return at, err
}
