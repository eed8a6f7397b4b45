package fakeaws

import "github.com/vendord/vendord/policy"

// The managed policies of AWS's own that the fake has.
const (
	AdministratorAccess    = "arn:aws:iam::aws:policy/AdministratorAccess"
	AmazonS3ReadOnlyAccess = "arn:aws:iam::aws:policy/AmazonS3ReadOnlyAccess"
)

// awsManaged returns AWS's own managed policies by ARN. The documents are
// written after AWS's managed policy reference, as of 2026-11.
func awsManaged() map[string]*policy.Document {
	return map[string]*policy.Document{
		AdministratorAccess: everything(),
		AmazonS3ReadOnlyAccess: {Version: "2012-10-17", Statements: []policy.Statement{{
			Allow:     true,
			Actions:   []string{"s3:Get*", "s3:List*", "s3:Describe*", "s3-object-lambda:Get*", "s3-object-lambda:List*"},
			Resources: []string{"*"},
		}}},
	}
}

// everything is the policy of an administrator, and what a root user may do.
func everything() *policy.Document {
	return &policy.Document{Version: "2012-10-17", Statements: []policy.Statement{{
		Allow: true, Actions: []string{"*"}, Resources: []string{"*"},
	}}}
}
