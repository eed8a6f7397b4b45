package policy_test

import (
	"testing"

	"github.com/vendord/vendord/policy"
)

func TestPlaceholder(t *testing.T) {
	for text, want := range map[string]string{
		"arn:aws:iam::ACCOUNT_ID:role/ROLE_NAME":               "ACCOUNT_ID",
		"arn:aws:iam::123456789012:role/ROLE_NAME":             "ROLE_NAME",
		"arn:aws:iam::123456789012:role/<RoleName>":            "<RoleName>",
		"arn:aws:iam::<accountID>:role/x":                      "<accountID>",
		"arn:aws:s3:::YOUR_BUCKET_NAME/*":                      "YOUR_BUCKET_NAME",
		"YOUR-BUCKET":                                          "YOUR-BUCKET",
		"arn:aws:s3:::your-bucket":                             "your-bucket",
		"arn:aws:iam::111122223333:role/Your_Role_Name":        "",
		"arn:aws:iam::111122223333:role/your-role-name":        "your-role-name",
		"arn:aws:s3:::amzn-s3-demo-bucket1/x":                  "amzn-s3-demo-bucket1",
		"arn:aws:s3:::DOC-EXAMPLE-BUCKET1":                     "DOC-EXAMPLE-BUCKET1",
		"arn:aws:sqs:us-east-2:account-ID-without-hyphens:q":   "account-ID-without-hyphens",
		"arn:aws:sqs:us-east-2:REPLACE_WITH_ACCOUNT:q":         "REPLACE_WITH_ACCOUNT",
		"arn:aws:s3:::{{user}}-{{bucket}}":                     "{{bucket}}",
		"arn:aws:s3:::{{user}}-{{app}}-{{profile}}-{{host}}":   "",
		"arn:aws:iam::629470240201:role/JohnUploadRole":        "",
		"arn:aws:s3:::my-bucket/your/bucket/of/user_id=5":      "",
		"arn:aws:s3:::b/${aws:PrincipalTag/team, 'all'}/*":     "",
		"arn:aws:s3:::b/yourself-bucket-names/YOURS/ACCOUNTID": "",
		"a < b": "", "": "", "<>": "",
	} {
		if got := policy.Placeholder(text); got != want {
			t.Errorf("Placeholder(%q): got %q, want %q", text, got, want)
		}
	}
}
