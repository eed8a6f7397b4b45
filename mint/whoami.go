package mint

import (
	"cmp"
	"context"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/sts"

	"github.com/vendord/vendord/awshttp"
	"github.com/vendord/vendord/session"
)

// Caller is who AWS takes the holder of credentials for.
type Caller struct {
	Account string // twelve digits
	ARN     string
	UserID  string
}

// WhoAmI asks the STS of region, or at endpoint if it is not empty, whose
// credentials c are (GetCallerIdentity, which needs no permission). The error
// is a *session.Error.
func WhoAmI(ctx context.Context, c *session.Credentials, region, endpoint string) (Caller, error) {
	if c == nil || c.KeyID == "" {
		return Caller{}, &session.Error{Class: session.Configuration, Public: "whoami: there are no credentials"}
	}
	secret, token := c.Reveal()
	who := identity{subject: "credentials " + c.KeyID, keys: aws.Credentials{AccessKeyID: c.KeyID, SecretAccessKey: secret, SessionToken: token}}
	if err := cmp.Or(usable(who), checkRegion(who.subject, region)); err != nil {
		return Caller{}, err
	}
	client := awshttp.NewClient()
	defer client.CloseIdleConnections()
	what := call{action: "sts:GetCallerIdentity", service: stsName(region, endpoint), signer: who, region: region,
		x: &exchange{client: client, now: time.Now}}
	return what.caller(ctx, endpoint)
}

// WhoIs asks the STS of r's region, or at its endpoint, who would sign r: whose
// the credentials of its source are (GetCallerIdentity, which needs no
// permission). The error is a *session.Error.
func (m *Minter) WhoIs(ctx context.Context, r session.Request) (Caller, error) {
	who, err := m.identity(ctx, r)
	if err == nil && r.Region == "" {
		r.Region, err = m.instanceRegion(ctx, r.Source)
	}
	if err == nil {
		err = checkRegion(who.subject, r.Region)
	}
	if err != nil {
		return Caller{}, err
	}
	return m.call(r, who, "GetCallerIdentity", 0).caller(ctx, r.Endpoint)
}

// caller asks who signs.
func (c call) caller(ctx context.Context, endpoint string) (Caller, error) {
	out, err := stsClient(c.x, c.region, endpoint, c.signer.keys).GetCallerIdentity(ctx, &sts.GetCallerIdentityInput{})
	if err != nil {
		return Caller{}, c.failure(err)
	}
	found := Caller{Account: aws.ToString(out.Account), ARN: aws.ToString(out.Arn), UserID: aws.ToString(out.UserId)}
	if found.Account == "" || found.ARN == "" {
		return Caller{}, c.odd("no caller")
	}
	return found, nil
}
