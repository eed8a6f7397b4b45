package control

import (
	"context"
	"net/http"
	"strings"
)

// maxPolicyARN is the longest ARN that STS takes (STS API reference, arnType).
const maxPolicyARN = 2048

// PolicyText is the text of a managed policy, as IAM has it now. It is no
// secret, but who may read it is for IAM to say, and for who steers to ask.
type PolicyText struct {
	Document string `json:"document"`
	// Version is its default version, such as v3.
	Version string `json:"version"`
}

type policyRequest struct {
	Profile string `json:"profile"`
	ARN     string `json:"arn"`
}

func (q policyRequest) check() error {
	switch {
	case q.Profile == "":
		return invalid("profile: missing", "name the profile whose source is to ask")
	case !strings.HasPrefix(q.ARN, "arn:") || len(q.ARN) > maxPolicyARN:
		return invalid("policy: not an ARN", "name one of the profile's managed policies")
	}
	return checkName("profile", q.Profile)
}

// FetchPolicy has the daemon ask IAM for the text of one of a profile's managed
// policies, with the rights of the profile's source. Only who steers may.
func (c *Client) FetchPolicy(ctx context.Context, profile, arn string) (PolicyText, error) {
	var text PolicyText
	return text, c.call(ctx, http.MethodPost, "/policy", policyRequest{Profile: profile, ARN: arn}, &text)
}

func (s *Server) policy(r request) error {
	q, err := parse[policyRequest](r.body)
	if err == nil {
		err = q.check()
	}
	if err != nil {
		return err
	}
	text, err := s.cfg.FetchPolicy(r.ctx, q.Profile, q.ARN)
	if err != nil {
		return err
	}
	return r.answer(text)
}
