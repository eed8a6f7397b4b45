package mint

import (
	"cmp"
	"context"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/sts"

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
	client := newHTTP()
	defer client.CloseIdleConnections()
	x := &exchange{client: client, now: time.Now}
	out, err := stsClient(x, region, endpoint, who.keys).GetCallerIdentity(ctx, &sts.GetCallerIdentityInput{})
	what := call{action: "sts:GetCallerIdentity", service: stsName(region, endpoint), signer: who, region: region, x: x}
	if err != nil {
		return Caller{}, what.failure(err)
	}
	found := Caller{Account: aws.ToString(out.Account), ARN: aws.ToString(out.Arn), UserID: aws.ToString(out.UserId)}
	if found.Account == "" || found.ARN == "" {
		return Caller{}, what.odd("no caller")
	}
	return found, nil
}
