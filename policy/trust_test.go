package policy_test

import (
	"reflect"
	"testing"

	"github.com/vendord/vendord/policy"
)

func TestParseTrust(t *testing.T) {
	got, err := policy.ParseTrust([]byte(`{"Version": "2012-10-17", "Statement": [
	  {"Effect": "Allow", "Principal": {"AWS": ["arn:aws:iam::1:user/john", "2"], "Service": "ec2.amazonaws.com", "CanonicalUser": "x"}, "Action": "sts:AssumeRole"},
	  {"Effect": "Deny", "Principal": "*", "Action": ["sts:AssumeRole", "sts:TagSession"], "Condition": {"Bool": {"aws:MultiFactorAuthPresent": "false"}}},
	  {"Effect": "Allow", "Principal": {"Federated": ["arn:aws:iam::1:saml-provider/ADFS", "accounts.google.com"]}, "Action": "sts:AssumeRoleWith*"}]}`))
	want := &policy.Trust{Version: "2012-10-17", Statements: []policy.TrustStatement{
		{Allow: true, Principals: []string{"arn:aws:iam::1:user/john", "2"}, Services: []string{"ec2.amazonaws.com"}, Actions: []string{"sts:AssumeRole"}},
		{Principals: []string{"*"}, Actions: []string{"sts:AssumeRole", "sts:TagSession"},
			Conditions: []policy.Condition{{Operator: "Bool", Key: "aws:MultiFactorAuthPresent", Values: []string{"false"}}}},
		{Allow: true, Federated: []string{"arn:aws:iam::1:saml-provider/ADFS", "accounts.google.com"}, Actions: []string{"sts:AssumeRoleWith*"}},
	}}
	if err != nil || !reflect.DeepEqual(got, want) {
		t.Errorf("ParseTrust: got\n%+v, %v\nwant\n%+v", got, err, want)
	}
}

func TestParseTrustRefuses(t *testing.T) {
	for _, row := range []struct{ statement, want string }{
		{`{"Effect": "Allow", "Action": "sts:AssumeRole"}`,
			`1:40: Statement: the statement has no Principal (P010)`},
		{`{"Effect": "Allow", "Principal": "john", "Action": "sts:AssumeRole"}`,
			`1:73: Statement.Principal: is neither "*" nor an object (P010)`},
		{`{"Effect": "Allow", "Principal": {"User": "john"}, "Action": "sts:AssumeRole"}`,
			`1:74: Statement.Principal.User: "User" is no type of principal (P010)`},
		{`{"Effect": "Allow", "Principal": {"AWS": []}, "Action": "sts:AssumeRole"}`,
			`1:81: Statement.Principal.AWS: the list is empty (P010)`},
		{`{"Effect": "Deny", "NotPrincipal": {"AWS": "1"}, "Action": "sts:AssumeRole"}`,
			`1:59: Statement.NotPrincipal: NotPrincipal in a trust policy is not supported (P010)`},
		{`{"Effect": "Allow", "Principal": "*", "Action": "sts:AssumeRole", "Resource": "*"}`,
			`1:106: Statement.Resource: trust policies have no Resource (P009)`},
		{`{"Effect": "Deny", "Principal": "*", "NotAction": "sts:AssumeRole"}`,
			`1:77: Statement.NotAction: NotAction in a trust policy is not supported (P008)`},
	} {
		_, err := policy.ParseTrust([]byte(`{"Version": "2012-10-17", "Statement": ` + row.statement + `}`))
		if err == nil || err.Error() != row.want {
			t.Errorf("ParseTrust(%s): got %v, want %s", row.statement, err, row.want)
		}
	}
}

func TestTrustAllows(t *testing.T) {
	const (
		john    = "arn:aws:iam::629470240201:user/john"
		mary    = "arn:aws:iam::629470240201:user/mary"
		account = "arn:aws:iam::629470240201:root"
		adfs    = "arn:aws:iam::629470240201:saml-provider/ADFS"
	)
	allowJohn := `{"Effect": "Allow", "Principal": {"AWS": "` + john + `"}, "Action": "sts:AssumeRole"}`
	allowAccount := `{"Effect": "Allow", "Principal": {"AWS": "629470240201"}, "Action": ["sts:AssumeRole", "sts:TagSession"]}`
	denyWithoutMFA := `{"Effect": "Deny", "Principal": "*", "Action": "sts:AssumeRole", "Condition": {"BoolIfExists": {"aws:MultiFactorAuthPresent": "false"}}}`
	external := `{"Effect": "Allow", "Principal": {"AWS": "*"}, "Action": "sts:AssumeRole", "Condition": {"StringEquals": {"sts:ExternalId": "${aws:PrincipalTag/id}"}}}`
	saml := `{"Effect": "Allow", "Principal": {"Federated": "` + adfs + `"}, "Action": "sts:AssumeRoleWithSAML"}`
	service := `{"Effect": "Allow", "Principal": {"Service": "ec2.amazonaws.com"}, "Action": "sts:AssumeRole"}`
	for _, row := range []struct {
		name, statements string
		principals       []string
		action           string
		context          map[string][]string
		want             policy.Decision
	}{
		{"john is trusted", allowJohn, []string{john}, "sts:AssumeRole", nil, policy.Allowed},
		{"case of the action makes no difference", allowJohn, []string{john}, "STS:assumerole", nil, policy.Allowed},
		{"mary is not", allowJohn, []string{mary, account}, "sts:AssumeRole", nil, policy.ImplicitDeny},
		{"no pattern but *", `{"Effect": "Allow", "Principal": {"AWS": "arn:aws:iam::629470240201:user/*"}, "Action": "sts:AssumeRole"}`, []string{john}, "sts:AssumeRole", nil, policy.ImplicitDeny},
		{"another action", allowJohn, []string{john}, "sts:TagSession", nil, policy.ImplicitDeny},
		{"the account, if asked", allowAccount, []string{mary, account}, "sts:TagSession", nil, policy.Allowed},
		{"the account, by its id", allowAccount, []string{"629470240201"}, "sts:AssumeRole", nil, policy.Allowed},
		{"the account, if not asked", allowAccount, []string{mary}, "sts:AssumeRole", nil, policy.ImplicitDeny},
		{"deny wins", allowJohn + "," + denyWithoutMFA, []string{john}, "sts:AssumeRole", nil, policy.ExplicitDeny},
		{"deny has its condition", allowJohn + "," + denyWithoutMFA, []string{john}, "sts:AssumeRole", map[string][]string{"aws:multifactorauthpresent": {"true"}}, policy.Allowed},
		{"external id", external, []string{mary}, "sts:AssumeRole", map[string][]string{"sts:ExternalId": {"7"}, "aws:PrincipalTag/id": {"7"}}, policy.Allowed},
		{"wrong external id", external, []string{mary}, "sts:AssumeRole", map[string][]string{"sts:ExternalId": {"8"}, "aws:PrincipalTag/id": {"7"}}, policy.ImplicitDeny},
		{"identity provider", saml, []string{adfs}, "sts:AssumeRoleWithSAML", nil, policy.Allowed},
		{"a user is no identity provider", saml, []string{john}, "sts:AssumeRoleWithSAML", nil, policy.ImplicitDeny},
		{"service", service, []string{"ec2.amazonaws.com"}, "sts:AssumeRole", nil, policy.Allowed},
		{"other service", service, []string{"lambda.amazonaws.com"}, "sts:AssumeRole", nil, policy.ImplicitDeny},
		{"nobody", allowJohn, nil, "sts:AssumeRole", nil, policy.ImplicitDeny},
	} {
		t.Run(row.name, func(t *testing.T) {
			trust, err := policy.ParseTrust([]byte(`{"Version": "2012-10-17", "Statement": [` + row.statements + `]}`))
			if err != nil {
				t.Fatal(err)
			}
			if got := trust.Allows(row.principals, row.action, row.context); got != row.want {
				t.Errorf("Allows(%q, %s): got %s, want %s", row.principals, row.action, got, row.want)
			}
		})
	}
}
