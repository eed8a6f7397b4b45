package near_test

import (
	"strings"
	"testing"

	"github.com/vendord/vendord/near"
)

func TestName(t *testing.T) {
	known := []string{"role_arn", "duration", "session_name", "policy", "policy_arns", "company1-hr-readonly", "qa", "duration", "PutBucketAcl", "PutBucketCORS", "prof2", "prof3", "Team", "team"}
	for name, want := range map[string]string{
		"role_arm": "role_arn", "RoleArn": "role_arn", "duration_seconds": "duration", "polciy": "policy",
		"policy-arns": "policy_arns", "company1-hr-readnoly": "company1-hr-readonly",
		"session_duration_seconds": "duration", "polcy_arn": "policy_arns", "PolicyArnz": "policy_arns", "qs": "qa", "dutarino": "duration",
		"PutBuckets": "", "prof1": "", "prof33": "prof3", "teem": "Team", "PutBucketCRS": "PutBucketCORS", "x": "", "wat": "", "": "", strings.Repeat("x", 5000): "",
	} {
		if got := near.Name(name, known); got != want {
			t.Errorf("Name(%.20q): got %q, want %q", name, got, want)
		}
	}
}
