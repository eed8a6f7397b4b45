package mint

import (
	"cmp"
	"context"
	"net/http"
	"regexp"
	"strings"

	"github.com/vendord/vendord/session"
)

// The variables that lead an SDK to instance metadata, or away from it (AWS SDKs
// and Tools Reference Guide, IMDS credential provider).
const (
	imdsEndpoint = "AWS_EC2_METADATA_SERVICE_ENDPOINT"
	imdsMode     = "AWS_EC2_METADATA_SERVICE_ENDPOINT_MODE"
	imdsDisabled = "AWS_EC2_METADATA_DISABLED"
)

// imdsLife is how long a session with the metadata service is asked for, in
// seconds: it serves one mint.
const imdsLife = "60"

var (
	roleName     = regexp.MustCompile(`^[\w+=,.@-]{1,64}$`) // IAM API reference, RoleName
	accountShape = regexp.MustCompile(`^[0-9]{12}$`)
)

// instance is a session with the metadata service (IMDSv2: version 1, which gives
// credentials to any request that somebody can be talked into, is never used).
type instance struct {
	m    *Minter
	call call
	base string
	head http.Header
}

// metadata begins a session with the metadata service of this machine, or of what
// the daemon's own environment names in its place.
func (m *Minter) metadata(ctx context.Context, s session.Source) (*instance, error) {
	if strings.EqualFold(lookup(m.config.Environ, imdsDisabled), "true") {
		return nil, misconfigured(s, "start the daemon without it", "%s, which vendord was started with, forbids it", imdsDisabled)
	}
	base := "http://169.254.169.254"
	if strings.EqualFold(lookup(m.config.Environ, imdsMode), "IPv6") {
		base = "http://[fd00:ec2::254]"
	}
	u, err := m.near(s, imdsEndpoint, cmp.Or(lookup(m.config.Environ, imdsEndpoint), base))
	if err != nil {
		return nil, err
	}
	i := &instance{m: m, base: strings.TrimSuffix(u.String(), "/"), call: call{service: "the instance metadata service", signer: identity{subject: subject(s)}}}
	i.head = http.Header{"X-Aws-Ec2-Metadata-Token-Ttl-Seconds": {imdsLife}}
	status, token, err := m.get(ctx, i.call, http.MethodPut, i.base+"/latest/api/token", i.head)
	switch {
	case err != nil:
		return nil, err
	case status != http.StatusOK:
		return nil, i.call.refusedBy(status, "is this an EC2 instance with IMDSv2? In a container, its hop limit must be 2")
	case !plainShape.Match(token):
		return nil, i.call.odd("no session token")
	}
	i.call.secrets = []string{string(token)}
	i.head = http.Header{"X-Aws-Ec2-Metadata-Token": {string(token)}}
	return i, nil
}

func (i *instance) get(ctx context.Context, path, hint string) (string, error) {
	status, text, err := i.m.get(ctx, i.call, http.MethodGet, i.base+"/latest/meta-data/"+path, i.head)
	if err == nil && status != http.StatusOK {
		err = i.call.refusedBy(status, hint)
	}
	return string(text), err
}

// imds gets the credentials of the role of this instance.
func (m *Minter) imds(ctx context.Context, s session.Source) (identity, error) {
	const noRole = "give the instance a role (an instance profile)"
	who := identity{subject: subject(s)}
	i, err := m.metadata(ctx, s)
	if err != nil {
		return who, err
	}
	list, err := i.get(ctx, "iam/security-credentials/", noRole)
	if err != nil {
		return who, err
	}
	role, _, _ := strings.Cut(strings.TrimSpace(list), "\n")
	if !roleName.MatchString(role) {
		return who, i.call.odd("something that is not the name of a role")
	}
	text, err := i.get(ctx, "iam/security-credentials/"+role, noRole)
	if err != nil {
		return who, err
	}
	keys, problem := parseEndpoint([]byte(text), m.now())
	if problem != "" {
		return who, i.call.odd(problem)
	}
	who.keys = keys
	return who, nil
}

// instanceRegion is where this instance is.
func (m *Minter) instanceRegion(ctx context.Context, s session.Source) (string, error) {
	i, err := m.metadata(ctx, s)
	if err != nil {
		return "", err
	}
	region, err := i.get(ctx, "placement/region", "set region in the source")
	if err == nil && !session.IsRegion(region) {
		err = i.call.odd("something that is not the name of a region")
	}
	return region, err
}
