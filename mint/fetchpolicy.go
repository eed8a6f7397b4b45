package mint

import (
	"context"
	"net/url"
	"regexp"

	"github.com/vendord/vendord/session"
)

// policyShape is the ARN of a managed policy, with its partition (IAM User Guide,
// IAM identifiers). Its length is counted, not written {1,640}: that takes a
// millisecond of every start to compile.
var policyShape = regexp.MustCompile(`^arn:(aws(?:-[a-z0-9]+)*):iam::(?:\d{12}|aws):policy/([!-~]+)$`)

// maxPolicyName is the longest path and name together.
const maxPolicyName = 640

// iam is where each partition has its IAM, and the region that it is signed for
// (as of 2026-11).
var iam = map[string]struct{ host, region string }{
	"aws":        {"iam.amazonaws.com", "us-east-1"},
	"aws-cn":     {"iam.cn-north-1.amazonaws.com.cn", "cn-north-1"},
	"aws-us-gov": {"iam.us-gov.amazonaws.com", "us-gov-west-1"},
	"aws-iso":    {"iam.us-iso-east-1.c2s.ic.gov", "us-iso-east-1"},
	"aws-iso-b":  {"iam.us-isob-east-1.sc2s.sgov.gov", "us-isob-east-1"},
	"aws-iso-e":  {"iam.eu-isoe-west-1.cloud.adc-e.uk", "eu-isoe-west-1"},
	"aws-iso-f":  {"iam.us-isof-south-1.csp.hci.ic.gov", "us-isof-south-1"},
	"aws-eusc":   {"iam.eusc-de-east-1.amazonaws.eu", "eusc-de-east-1"},
}

// FetchPolicy asks IAM for the text of a managed policy, with the credentials that
// would sign r, which need iam:GetPolicy and iam:GetPolicyVersion. It returns the
// default version, and its name. iamEndpoint replaces AWS's; empty for AWS's own.
// The error is a *session.Error.
func (m *Minter) FetchPolicy(ctx context.Context, r session.Request, arn, iamEndpoint string) (document, version string, err error) {
	shape := policyShape.FindStringSubmatch(arn)
	if shape == nil || len(shape[2]) > maxPolicyName || iam[shape[1]].host == "" {
		return "", "", &session.Error{Class: session.Configuration, Public: "policy " + quote(arn) + ": that is not the ARN of a managed policy",
			Hint: "one is like arn:aws:iam::aws:policy/ReadOnlyAccess"}
	}
	who, err := m.identity(ctx, r)
	if err != nil {
		return "", "", err
	}
	at := iam[shape[1]]
	q := query{endpoint: "https://" + at.host, service: "iam", region: at.region}
	if iamEndpoint != "" {
		q.endpoint = iamEndpoint
	}
	c := call{service: serviceName("IAM", at.region, iamEndpoint, "iam_endpoint"), signer: who, source: r.Source.Name, target: "policy " + arn, region: at.region}
	version, err = m.askIAM(ctx, c, q, "GetPolicy", "DefaultVersionId", url.Values{"PolicyArn": {arn}})
	if err != nil {
		return "", "", err
	}
	encoded, err := m.askIAM(ctx, c, q, "GetPolicyVersion", "Document", url.Values{"PolicyArn": {arn}, "VersionId": {version}})
	if err != nil {
		return "", "", err
	}
	document, err = url.PathUnescape(encoded) // RFC 3986: + is a plus
	if err != nil {
		return "", "", c.odd("a policy that cannot be decoded")
	}
	return document, version, nil
}

// askIAM makes one call and returns the one value that is wanted of it.
func (m *Minter) askIAM(ctx context.Context, c call, q query, action, want string, send url.Values) (string, error) {
	c.action, c.x = "iam:"+action, m.exchange()
	send.Set("Action", action)
	send.Set("Version", "2010-05-08")
	q.parameters = send
	root, err := c.x.ask(ctx, q, c.signer.keys)
	if err != nil {
		return "", c.failure(err)
	}
	value := root.value(want)
	if value == "" {
		return "", c.odd("no " + want)
	}
	return value, nil
}
