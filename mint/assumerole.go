package mint

import (
	"cmp"
	"context"
	"net/url"
	"regexp"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/credentials"
	"github.com/aws/aws-sdk-go-v2/service/sts"
	"github.com/aws/aws-sdk-go-v2/service/sts/types"
	"github.com/aws/smithy-go/logging"

	"github.com/vendord/vendord/session"
)

// chainLimit is the longest session that temporary credentials can assume
// (IAM User Guide, role chaining; as of 2026-11). Credentials of
// GetSessionToken meet the same limit, though AWS does not say so.
const chainLimit = time.Hour

// slack is how much later than expected an expiry may be: the Date header
// counts whole seconds, and AWS's servers have more clocks than one.
const slack = time.Minute

// crowded is the use of a session token, in percent, from which the next tag
// or policy statement may be the one too many.
const crowded = 80

var (
	keyShape   = regexp.MustCompile(`^\w{16,128}$`)      // STS API reference, Credentials
	plainShape = regexp.MustCompile(`^[\x21-\x7e]{1,}$`) // what an HTTP header and a shell survive
	accountOf  = regexp.MustCompile(`^arn:[^:]*:sts::(\d{12}):`)
)

// stsClient returns a client for one operation at the region's own endpoint,
// or at endpoint. FIPS and dual-stack are off: with an endpoint of one's own
// they are an error of the SDK's rules.
func stsClient(x *exchange, region, endpoint string, signer aws.Credentials) *sts.Client {
	o := sts.Options{
		Region: region, HTTPClient: x, HTTPSignerV4: x, Retryer: x.retryer(), AppID: agent, Logger: logging.Nop{},
		DisableClockSkewCorrection: true, // x does it, by the clock of the Minter
		Credentials:                credentials.StaticCredentialsProvider{Value: signer},
	}
	if endpoint != "" {
		o.BaseEndpoint = &endpoint
	}
	o.EndpointOptions.UseFIPSEndpoint = aws.FIPSEndpointStateDisabled
	o.EndpointOptions.UseDualStackEndpoint = aws.DualStackEndpointStateDisabled
	return sts.New(o)
}

// assumeRole asks for the session of r, signed by who.
func (m *Minter) assumeRole(ctx context.Context, who identity, r session.Request) (*session.Credentials, error) {
	asked := cmp.Or(r.Duration, chainLimit) // an hour is AWS's default too
	if who.keys.SessionToken != "" && asked > chainLimit {
		m.log.Info("session cut to 1h: "+who.subject+" signs with temporary credentials", "role", r.RoleARN, "asked", asked)
		asked = chainLimit
	}
	x := &exchange{client: m.http, now: m.now}
	c := call{
		service: stsName(r.Region, r.Endpoint), signer: who, role: r.RoleARN, region: r.Region, asked: asked, x: x,
		externalID: r.ExternalID != "", tags: r.Tags != "", sourceIdentity: r.SourceIdentity != "",
	}
	out, err := stsClient(x, r.Region, r.Endpoint, who.keys).AssumeRole(ctx, input(r, asked))
	if err != nil {
		return nil, c.failure(err)
	}
	return m.accept(c, r, out)
}

// input is the request in STS's terms: nothing that was not asked for, and
// the duration always, since the SDK's helpers default to 15 minutes.
func input(r session.Request, asked time.Duration) *sts.AssumeRoleInput {
	in := &sts.AssumeRoleInput{
		RoleArn: &r.RoleARN, RoleSessionName: &r.SessionName, DurationSeconds: seconds(asked),
		Policy: optional(r.Policy), ExternalId: optional(r.ExternalID), SourceIdentity: optional(r.SourceIdentity),
		TransitiveTagKeys: session.Items(r.TransitiveTags),
	}
	for _, arn := range session.Items(r.PolicyARNs) {
		in.PolicyArns = append(in.PolicyArns, types.PolicyDescriptorType{Arn: &arn})
	}
	for _, pair := range session.PairItems(r.Tags) {
		in.Tags = append(in.Tags, types.Tag{Key: &pair[0], Value: &pair[1]})
	}
	return in
}

// accept turns AWS's answer into credentials, or refuses it: a daemon that
// hands out an empty key makes every program around it fail for an hour.
func (m *Minter) accept(c call, r session.Request, out *sts.AssumeRoleOutput) (*session.Credentials, error) {
	got, err := c.keys(out.Credentials)
	if err != nil {
		return nil, err
	}
	until, life, skew := window(*out.Credentials.Expiration, c.x.at, c.x.skew, c.asked)
	if life <= 0 {
		return nil, c.odd("credentials that had expired already")
	}
	if !until.Equal(*out.Credentials.Expiration) {
		m.log.Warn("AWS answered with a later expiry than was asked for: cut", "role", r.RoleARN, "asked", c.asked,
			"answered", *out.Credentials.Expiration)
	}
	made := session.NewCredentials(got.AccessKeyID, got.SecretAccessKey, got.SessionToken, until)
	made.Minted, made.Life, made.Skew = c.x.at, life, skew
	made.RoleARN, made.Region, made.TokenUse = r.RoleARN, r.Region, tokenUse(out)
	if out.AssumedRoleUser != nil && plainShape.MatchString(aws.ToString(out.AssumedRoleUser.Arn)) {
		made.Principal = *out.AssumedRoleUser.Arn
	}
	if found := accountOf.FindStringSubmatch(made.Principal); found != nil {
		made.AccountID = found[1]
	}
	if made.TokenUse >= crowded {
		m.log.Warn("the session token is nearly full: shorten the session policy or the tags", "role", r.RoleARN,
			"percent", made.TokenUse)
	}
	m.log.Debug("minted", "role", r.RoleARN, "key", made.KeyID, "expires", until, "skew", skew)
	return made, nil
}

// keys checks the part of an answer that every operation shares.
func (c call) keys(got *types.Credentials) (aws.Credentials, error) {
	if got == nil {
		return aws.Credentials{}, c.odd("no credentials")
	}
	keys := aws.Credentials{
		AccessKeyID: aws.ToString(got.AccessKeyId), SecretAccessKey: aws.ToString(got.SecretAccessKey),
		SessionToken: aws.ToString(got.SessionToken),
	}
	switch {
	case !keyShape.MatchString(keys.AccessKeyID):
		return aws.Credentials{}, c.odd("credentials without a proper access key id")
	case !plainShape.MatchString(keys.SecretAccessKey):
		return aws.Credentials{}, c.odd("credentials without a proper secret key")
	case !plainShape.MatchString(keys.SessionToken):
		return aws.Credentials{}, c.odd("credentials without a proper session token")
	case got.Expiration == nil:
		return aws.Credentials{}, c.odd("credentials without an expiry")
	}
	return keys, nil
}

// window works out how long an answer is good for: until when by AWS's clock,
// for how long from now, and what AWS's clock differs. What expires later than
// was asked for is cut: nobody relies on a life that was never requested. A
// Date that does not fit the expiry, where our own clock does, is some
// emulator's and is not believed.
func window(expires, now time.Time, skew, asked time.Duration) (until time.Time, life, seen time.Duration) {
	fits := func(life time.Duration) bool { return life > 0 && life <= asked+slack }
	if skew.Abs() < 2*time.Second { // the header's rounding, and the way here
		skew = 0
	}
	plain := now.Round(0)
	if skew != 0 && !fits(expires.Sub(plain.Add(skew))) && fits(expires.Sub(plain)) {
		skew = 0
	}
	life = expires.Sub(plain.Add(skew))
	if life > asked+slack {
		expires = plain.Add(skew).Add(asked).UTC().Truncate(time.Second)
	}
	return expires, min(life, asked), skew
}

// tokenUse prefers the field that replaced PackedPolicySize in 2026-09.
func tokenUse(out *sts.AssumeRoleOutput) int {
	if out.SessionTokenUtilization != nil {
		return int(*out.SessionTokenUtilization)
	}
	//lint:ignore SA1019 servers that predate 2026-09 say it so
	if old := out.PackedPolicySize; old != nil {
		return int(*old)
	}
	return -1
}

func seconds(d time.Duration) *int32 {
	return aws.Int32(int32(min(d/time.Second, 1<<31-1)))
}

// optional leaves out what is empty: STS refuses an empty parameter.
func optional(s string) *string {
	if s == "" {
		return nil
	}
	return &s
}

// stsName names the STS that is asked, for messages.
func stsName(region, endpoint string) string {
	if endpoint == "" {
		return "AWS STS in " + region
	}
	// Scheme and host only: a password in an endpoint is nobody's
	// intention, but it would be in every error.
	if u, err := url.Parse(endpoint); err == nil && u.Host != "" {
		return "STS at " + u.Scheme + "://" + u.Host
	}
	return "STS at sts_endpoint"
}
