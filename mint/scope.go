package mint

import (
	"cmp"
	"context"
	"net/url"
	"strconv"
	"strings"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/sts"
	"github.com/aws/aws-sdk-go-v2/service/sts/types"

	"github.com/vendord/vendord/session"
)

// spare is how much shorter than its parent's a scoped session's life must be to
// be asked for. AWS refuses a longer one, and the answer takes its time.
const spare = time.Minute

// scoper asks AWS for scoped credentials (preview: announced on 2026-11-19, in no
// SDK yet; STS API reference, GetScopedCredentials).
type scoper interface {
	getScopedCredentials(ctx context.Context, x *exchange, in scopedInput) (answer, error)
}

// scopedInput is what the operation is known to take. Zero values are left out;
// a duration that is left out is the parent's.
type scopedInput struct {
	signer           aws.Credentials
	region, endpoint string
	policy           string
	duration         time.Duration
	tokenSize        int
}

// scopable refuses what cannot be narrowed, or would not be.
func scopable(r session.Request) error {
	refuse := func(problem, hint string) error {
		return &session.Error{Class: session.Configuration, Public: target(r) + ": " + problem, Hint: hint}
	}
	switch {
	case r.Parent == "":
		return refuse("there is no session to scope", "scope_policy and scope_duration narrow what the profile would give without them")
	case scoped(r.Parent):
		return refuse("its parent session is scoped already, and vendord scopes once", "put both policies into one scope_policy")
	case r.Policy == "" && r.Duration == 0:
		return refuse("neither scope_policy nor scope_duration says how to scope it", "set one of them, or both")
	case strings.HasSuffix(r.Region, "-global"):
		return refuse("scoped credentials come from a region's own STS, and \""+r.Region+"\" is none", "set region, such as \"eu-west-1\"")
	}
	return nil
}

// scoped reports whether the session of a canonical request is scoped, or is that
// of a scoped one handed on.
func scoped(canonical string) bool {
	r, err := session.ParseRequest(canonical)
	return err == nil && (r.Operation == session.GetScopedCredentials || r.Operation == session.SourceItself && scoped(r.Parent))
}

// scope narrows the session of a parent. Any doubt is an error: the parent's own
// credentials are never handed out in place of scoped ones.
func (m *Minter) scope(ctx context.Context, who identity, r session.Request) (*session.Credentials, error) {
	left := who.of.Left(m.now())
	wanted, err := scopedLife(r, left)
	if err != nil {
		return nil, err
	}
	c := m.call(r, who, "GetScopedCredentials", cmp.Or(wanted, left))
	got, err := m.scoper.getScopedCredentials(ctx, c.x, scopedInput{who.keys, r.Region, r.Endpoint, r.Policy, wanted, r.MinTokenSize})
	if err != nil {
		return nil, c.failure(err)
	}
	if got.keys != nil && (aws.ToString(got.keys.AccessKeyId) == who.keys.AccessKeyID || aws.ToString(got.keys.SessionToken) == who.keys.SessionToken) {
		return nil, c.odd("the credentials that it was asked with, which are not scoped")
	}
	if got.keys != nil && got.keys.Expiration != nil && got.keys.Expiration.After(who.of.Expires) {
		m.log.Warn("AWS answered with a later expiry than the parent session's: cut", c.forLog("answered", *got.keys.Expiration)...)
		got.keys.Expiration = &who.of.Expires
	}
	got.arn = cmp.Or(got.arn, who.of.Principal) // a scoped session has its parent's
	made, err := m.accept(c, r, got)
	if err == nil {
		made.AccountID = cmp.Or(made.AccountID, who.of.AccountID)
	}
	return made, err
}

// scopedLife is the DurationSeconds to send, or 0 for the parent's life. What AWS
// does with neither a policy nor a duration is not known, so one of them is
// always sent.
func scopedLife(r session.Request, left time.Duration) (time.Duration, error) {
	most := (left - spare).Truncate(time.Second)
	switch {
	case left <= 0 || r.Policy == "" && most < time.Second:
		return 0, &session.Error{Class: session.Retry, Public: target(r) + ": the session to scope has almost expired", Hint: "vendord renews it by itself"}
	case r.Duration > 0 && r.Duration < left: // to inherit what is left would be more than was asked for
		return min(r.Duration, max(most, time.Second)), nil
	case r.Policy == "":
		return most, nil
	}
	return 0, nil
}

// handSigned asks without the SDK.
type handSigned struct{}

func (handSigned) getScopedCredentials(ctx context.Context, x *exchange, in scopedInput) (answer, error) {
	endpoint, err := stsEndpoint(ctx, in.region, in.endpoint)
	if err != nil {
		return answer{}, err
	}
	send := url.Values{"Action": {"GetScopedCredentials"}, "Version": {"2011-06-15"}}
	for _, p := range []struct{ key, value string }{{"Policy", in.policy}, {"DurationSeconds", number(int(in.duration / time.Second))},
		{"MinimumSessionTokenSize", number(in.tokenSize)}} {
		if p.value != "" {
			send.Set(p.key, p.value)
		}
	}
	root, err := x.ask(ctx, query{endpoint: endpoint, service: "sts", region: in.region, parameters: send}, in.signer)
	if err != nil {
		return answer{}, err
	}
	return scopedAnswer(root), nil
}

// scopedAnswer reads what is known of an answer, and no more than that: there are
// credentials somewhere in the result, once.
func scopedAnswer(root *element) answer {
	got := answer{use: -1}
	for _, in := range root.inside {
		if !strings.HasSuffix(in.name, "Result") {
			continue
		}
		if found := in.find("Credentials"); len(found) == 1 {
			got.keys = &types.Credentials{AccessKeyId: aws.String(found[0].value("AccessKeyId")), SessionToken: aws.String(found[0].value("SessionToken")),
				SecretAccessKey: aws.String(found[0].value("SecretAccessKey"))}
			if at, err := time.Parse(time.RFC3339, found[0].value("Expiration")); err == nil {
				got.keys.Expiration = &at
			}
		}
		if found := in.find("ScopedSession"); len(found) == 1 {
			got.arn = found[0].value("Arn")
		}
		if use, err := strconv.Atoi(in.value("SessionTokenUtilization")); err == nil && use >= 0 && use <= 100 {
			got.use = use
		}
		break
	}
	return got
}

func number(n int) string {
	if n == 0 {
		return ""
	}
	return strconv.Itoa(n)
}

// stsEndpoint is where the SDK's rules put a region's STS, or endpoint.
func stsEndpoint(ctx context.Context, region, endpoint string) (string, error) {
	if endpoint != "" {
		return endpoint, nil
	}
	found, err := sts.NewDefaultEndpointResolverV2().ResolveEndpoint(ctx, sts.EndpointParameters{Region: &region,
		UseFIPS: aws.Bool(false), UseDualStack: aws.Bool(false), UseGlobalEndpoint: aws.Bool(false)})
	return found.URI.Scheme + "://" + found.URI.Host, err
}
