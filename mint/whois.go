package mint

import (
	"context"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/sts"

	"github.com/vendord/vendord/session"
)

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

// LoginCommand tells which command of the AWS CLI signs in to a source that
// begins with "aws login"; false where none does. home is where .aws is. The
// error is a *session.Error: the source cannot be used.
func LoginCommand(s session.Source, home string) (string, bool, error) {
	if s.Type != session.SharedConfig {
		return "", false, nil
	}
	at, err := chain(s, home)
	if err != nil {
		return "", false, err
	}
	for at.Source != nil {
		at = at.Source
	}
	return "aws login --profile " + at.Profile, kindOf(at) == fromLogin, nil
}
