package mint

import (
	"cmp"
	"context"
	"net/url"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/credentials"
	"github.com/aws/aws-sdk-go-v2/service/sts"
	"github.com/aws/aws-sdk-go-v2/service/sts/types"
	"github.com/aws/smithy-go/logging"

	"github.com/vendord/vendord/awshttp"
	"github.com/vendord/vendord/session"
)

// chainLimit is the longest session that temporary credentials can assume
// (IAM User Guide, role chaining; as of 2026-11). Credentials of
// GetSessionToken meet the same limit, though AWS does not say so.
const chainLimit = time.Hour

// stsClient returns a client for one operation at the region's own endpoint,
// or at endpoint. FIPS and dual-stack are off: with an endpoint of one's own
// they are an error of the SDK's rules. Without keys nothing is signed.
func stsClient(x *exchange, region, endpoint string, signer aws.Credentials) *sts.Client {
	o := sts.Options{
		Region: region, HTTPClient: x, HTTPSignerV4: x, Retryer: x.retryer(), AppID: awshttp.AppID, Logger: logging.Nop{},
		DisableClockSkewCorrection: true, // x does it, by the clock of the Minter
		Credentials:                aws.AnonymousCredentials{},
	}
	if signer.HasKeys() {
		o.Credentials = credentials.StaticCredentialsProvider{Value: signer}
	}
	if endpoint != "" {
		o.BaseEndpoint = &endpoint
	}
	o.EndpointOptions.UseFIPSEndpoint = aws.FIPSEndpointStateDisabled
	o.EndpointOptions.UseDualStackEndpoint = aws.DualStackEndpointStateDisabled
	return sts.New(o)
}

// call begins the account of one call to STS, in the words that its failures
// need.
func (m *Minter) call(r session.Request, who identity, action string, asked time.Duration) call {
	return call{
		action: "sts:" + action, service: stsName(r.Region, r.Endpoint), signer: who, source: r.Source.Name, region: r.Region, asked: asked,
		x: m.exchange(), externalID: r.ExternalID != "", tags: r.Tags != "", sourceIdentity: r.SourceIdentity != "",
		target: roleTarget(r.RoleARN), mfa: r.MFASerial, mfaCommand: r.MFACommand != "",
	}
}

func roleTarget(arn string) string {
	if arn == "" {
		return ""
	}
	return "role " + arn
}

// assumeRole asks for the session of r, signed by who.
func (m *Minter) assumeRole(ctx context.Context, who identity, r session.Request) (*session.Credentials, error) {
	asked := cmp.Or(r.Duration, chainLimit) // an hour is AWS's default too
	if who.keys.SessionToken != "" && asked > chainLimit {
		m.log.Info("session cut to 1h: "+who.subject+" signs with temporary credentials", "role", r.RoleARN, "asked", asked)
		asked = chainLimit
	}
	c := m.call(r, who, "AssumeRole", asked)
	in := input(r, asked)
	if err := m.addCode(ctx, r, &c, &in.SerialNumber, &in.TokenCode); err != nil {
		return nil, err
	}
	out, err := stsClient(c.x, r.Region, r.Endpoint, who.keys).AssumeRole(ctx, in)
	if err != nil {
		return nil, c.failure(err)
	}
	//lint:ignore SA1019 servers that predate 2026-09 say it so
	use := tokenUse(out.SessionTokenUtilization, out.PackedPolicySize)
	return m.accept(c, r, answer{out.Credentials, userARN(out.AssumedRoleUser), use})
}

// input is the request in STS's terms: nothing that was not asked for, and
// the duration always, since the SDK's helpers default to 15 minutes.
func input(r session.Request, asked time.Duration) *sts.AssumeRoleInput {
	return &sts.AssumeRoleInput{
		RoleArn: &r.RoleARN, RoleSessionName: &r.SessionName, DurationSeconds: seconds(asked),
		Policy: optional(r.Policy), PolicyArns: policyARNs(r), ExternalId: optional(r.ExternalID), SourceIdentity: optional(r.SourceIdentity),
		Tags: tags(r), TransitiveTagKeys: session.Items(r.TransitiveTags), MinimumSessionTokenSize: tokenSize(r.MinTokenSize),
	}
}

func policyARNs(r session.Request) (list []types.PolicyDescriptorType) {
	for _, arn := range session.Items(r.PolicyARNs) {
		list = append(list, types.PolicyDescriptorType{Arn: &arn})
	}
	return list
}

func tags(r session.Request) (list []types.Tag) {
	for _, pair := range session.PairItems(r.Tags) {
		list = append(list, types.Tag{Key: &pair[0], Value: &pair[1]})
	}
	return list
}

// stsName names the STS that is asked, for messages.
func stsName(region, endpoint string) string {
	return serviceName("STS", region, endpoint, "sts_endpoint")
}

// serviceName names a service of AWS, or what stands in for it at an endpoint of
// which the key tells.
func serviceName(service, region, endpoint, key string) string {
	if endpoint == "" {
		return "AWS " + service + " in " + region
	}
	// Scheme and host only: a password in an endpoint is nobody's
	// intention, but it would be in every error.
	if u, err := url.Parse(endpoint); err == nil && u.Host != "" {
		return service + " at " + u.Scheme + "://" + u.Host
	}
	return service + " at " + key
}
