package fakeaws

import "github.com/vendord/vendord/policy"

// The managed policies of AWS's own that the fake has.
const (
	AdministratorAccess    = "arn:aws:iam::aws:policy/AdministratorAccess"
	AmazonS3ReadOnlyAccess = "arn:aws:iam::aws:policy/AmazonS3ReadOnlyAccess"
)

// awsManaged adds AWS's own managed policies: their default versions, after
// AWS's managed policy reference, as of 2026-11. Older versions are not known.
func (b *builder) awsManaged() {
	for arn, m := range map[string]managedText{
		AdministratorAccess: {defaultVersion: "v1", versions: map[string]string{"v1": everythingText}},
		AmazonS3ReadOnlyAccess: {defaultVersion: "v3", versions: map[string]string{"v3": `{"Version":"2012-10-17","Statement":[{"Effect":"Allow",` +
			`"Action":["s3:Get*","s3:List*","s3:Describe*","s3-object-lambda:Get*","s3-object-lambda:List*"],"Resource":"*"}]}`}},
	} {
		m.arn = arn
		b.world.texts[arn] = &m
		b.world.managed[arn] = b.document(arn, m.versions[m.defaultVersion])
	}
}

const everythingText = `{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Action":"*","Resource":"*"}]}`

// everything is the policy of an administrator, and what a root user may do.
func everything() *policy.Document {
	return &policy.Document{Version: "2012-10-17", Statements: []policy.Statement{{
		Allow: true, Actions: []string{"*"}, Resources: []string{"*"},
	}}}
}
