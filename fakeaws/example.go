package fakeaws

// Example returns the world of the documentation and of `vendord demo`: John,
// who may read his company's bucket and not write to it, his MFA device, and the
// roles that he may assume; the broker of the team in California, and its builds,
// which come with a JWT; and an instance of IAM Identity Center. John's keys are
// those of AWS's own documentation, which secret scanners know to be made up;
// they are the first keys of the first user of the first account.
func Example() State {
	return State{Region: "eu-west-1", Regions: []string{"us-east-1", "us-west-1", "us-west-2"},
		Accounts:        []Account{exampleCompany(), exampleSecurity(), exampleLesson(), exampleCalifornia()},
		IdentityCenters: []IdentityCenter{exampleSignIn()},
	}
}

// exampleCompany is the account of John, his upload role and the bucket. The
// role's trust names John himself, so within the account he needs no
// permission to assume it.
func exampleCompany() Account {
	const upload = `{"Version":"2012-10-17","Statement":[{"Effect":"Allow",
 "Action":["s3:ListBucket","s3:GetObject","s3:PutObject"],
 "Resource":["arn:aws:s3:::company1-hr","arn:aws:s3:::company1-hr/*"]}]}`
	return Account{
		ID: "629470240201",
		Users: []User{{
			Name:     "john",
			Keys:     []AccessKey{{ID: "AKIAIOSFODNN7EXAMPLE", Secret: "wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY"}},
			MFA:      []MFADevice{{Serial: "arn:aws:iam::629470240201:mfa/john", Seed: "GEZDGNBVGY3TQOJQGEZDGNBVGY3TQOJQ"}},
			Policies: Documents{exampleJohn},
		}},
		Roles: []Role{{
			Name:       "JohnUploadRole",
			Trust:      exampleTrust,
			PolicyARNs: []string{"arn:aws:iam::629470240201:policy/SessionPolicy-UploadFile"},
		}, {
			// John may be it with a code of his device.
			Name: "JohnAuditRole",
			Trust: `{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Action":"sts:AssumeRole",
 "Principal":{"AWS":"arn:aws:iam::629470240201:user/john"},"Condition":{"Bool":{"aws:MultiFactorAuthPresent":"true"}}}]}`,
			PolicyARNs: []string{AmazonS3ReadOnlyAccess},
		}},
		ManagedPolicies: []ManagedPolicy{{Name: "SessionPolicy-UploadFile", Document: upload}},
		Buckets: []Bucket{{Name: "company1-hr", Objects: map[string]string{
			"handbook.txt":       "Welcome. Lunch is at noon.\n",
			"policies/leave.txt": "Thirty days, and your birthday.\n",
			"policies/dress.txt": "Yes.\n",
		}}},
	}
}

// exampleJohn is what John may do by himself. Roles of other accounts need both
// sides: their trust in him, and this policy's permission.
const exampleJohn = `{"Version":"2012-10-17","Statement":[
 {"Effect":"Allow","Action":"s3:ListAllMyBuckets","Resource":"*"},
 {"Effect":"Allow","Action":["s3:ListBucket","s3:GetObject"],
  "Resource":["arn:aws:s3:::company1-hr","arn:aws:s3:::company1-hr/*"]},
 {"Effect":"Allow","Action":["sts:AssumeRole","sts:TagSession","sts:SetSourceIdentity"],
  "Resource":["arn:aws:iam::111122223333:role/SecurityAdminAccess","arn:aws:iam::123456789012:role/Uploader",
   "arn:aws:iam::123456789012:role/App"]},
 {"Effect":"Allow","Action":["sts:GetFederationToken","sts:TagSession"],"Resource":"arn:aws:sts::629470240201:federated-user/*"}]}`

// exampleTrust lets John in.
const exampleTrust = `{"Version":"2012-10-17","Statement":[{"Effect":"Allow",
 "Principal":{"AWS":"arn:aws:iam::629470240201:user/john"},"Action":"sts:AssumeRole"}]}`

// exampleSecurity is an account with a role that may do everything: the one
// that session policies are there for.
func exampleSecurity() Account {
	return Account{
		ID: "111122223333",
		Roles: []Role{{
			Name: "SecurityAdminAccess",
			Trust: `{"Version":"2012-10-17","Statement":[{"Effect":"Allow",
 "Principal":{"AWS":["arn:aws:iam::629470240201:user/john","arn:aws:iam::111122223333:root"]},
 "Action":["sts:AssumeRole","sts:TagSession","sts:SetSourceIdentity"]}]}`,
			PolicyARNs:         []string{AdministratorAccess},
			MaxSessionDuration: 43200,
		}},
		Buckets: []Bucket{
			{Name: "NewHireOrientation", Objects: map[string]string{
				"agenda.txt": "09:00 coffee\n10:00 keys\n",
				"map.txt":    "You are here.\n",
			}},
			{Name: "payroll", Objects: map[string]string{"2026/november.csv": "name,salary\nmary,made up\n"}},
		},
	}
}

// exampleIssuer signs the JWTs of a company's build machines.
const exampleIssuer = "https://oidc.example.com"

// exampleTrustFederated lets in whom the account's two providers vouch for.
func exampleTrustFederated(account string) Document {
	return Document(`{"Version":"2012-10-17","Statement":[
 {"Effect":"Allow","Action":"sts:AssumeRoleWithWebIdentity","Principal":{"Federated":"arn:aws:iam::` + account + `:oidc-provider/oidc.example.com"},
  "Condition":{"StringEquals":{"oidc.example.com:aud":"sts.amazonaws.com"},"StringLike":{"oidc.example.com:sub":"repo:example/*"}}},
 {"Effect":"Allow","Action":"sts:AssumeRoleWithSAML","Principal":{"Federated":"arn:aws:iam::` + account + `:saml-provider/ADFS"},
  "Condition":{"StringEquals":{"SAML:aud":"https://signin.aws.amazon.com/saml"}}}]}`)
}

// exampleProviders are the two, which the fake plays itself.
func exampleProviders(a Account) Account {
	a.OIDCProviders = []OIDCProvider{{URL: exampleIssuer, Audiences: []string{"sts.amazonaws.com"}}}
	a.SAMLProviders = []SAMLProvider{{Name: "ADFS"}}
	return a
}

// exampleLesson is the account of the lesson on session policies. Machines may
// have its role App, and its managed policies are there to narrow that. Mary
// works in it with keys of her own.
func exampleLesson() Account {
	return exampleProviders(Account{
		ID: "123456789012",
		Users: []User{{
			Name: "mary",
			Keys: []AccessKey{{ID: "AKIAMARYEXAMPLE00001", Secret: "made-up/made-up/made-up/made-up/EXAMPLE1"}},
			Policies: Documents{`{"Version":"2012-10-17","Statement":[
 {"Effect":"Allow","Action":"s3:*","Resource":["arn:aws:s3:::lesson-bucket","arn:aws:s3:::lesson-bucket/*"]},
 {"Effect":"Allow","Action":"sts:GetFederationToken","Resource":"arn:aws:sts::123456789012:federated-user/*"},
 {"Effect":"Allow","Action":["iam:GetPolicy","iam:GetPolicyVersion"],"Resource":"arn:aws:iam::123456789012:policy/*"}]}`},
		}},
		Roles: []Role{{
			Name:     "Uploader",
			Trust:    exampleTrust,
			Policies: Documents{exampleLessonBucket},
		}, {
			Name: "App",
			Trust: `{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Action":"sts:AssumeRole","Principal":{
 "AWS":["arn:aws:iam::629470240201:user/john","arn:aws:iam::123456789012:user/mary"],
 "Service":["ec2.amazonaws.com","ecs-tasks.amazonaws.com","pods.eks.amazonaws.com"]}}]}`,
			Policies: Documents{exampleLessonBucket},
		}, {
			Name:     "Federated",
			Trust:    exampleTrustFederated("123456789012"),
			Policies: Documents{exampleLessonBucket},
		}},
		ManagedPolicies: []ManagedPolicy{{
			Name: "PolicyName1",
			Document: `{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Action":["s3:ListBucket","s3:GetObject"],
 "Resource":["arn:aws:s3:::lesson-bucket","arn:aws:s3:::lesson-bucket/*"]}]}`,
		}, {
			Name: "PolicyName2",
			Document: `{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Action":"s3:PutObject",
 "Resource":"arn:aws:s3:::lesson-bucket/app/*"}]}`,
		}},
		Buckets: []Bucket{{Name: "lesson-bucket", Objects: map[string]string{
			"lesson.txt":        "Sessions only narrow.\n",
			"public/lesson.txt": "Whoever has a session policy has less, never more.\n",
		}}},
	})
}

// exampleLessonBucket is all that the roles of the lesson may do.
const exampleLessonBucket = `{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Action":"s3:*",
 "Resource":["arn:aws:s3:::lesson-bucket","arn:aws:s3:::lesson-bucket/*"]}]}`

// exampleCalifornia is the account of a team that works in one region: its
// broker assumes a role for all regions and narrows it by a managed policy,
// which it may also read.
func exampleCalifornia() Account {
	return Account{
		ID: "444455556666",
		Users: []User{{
			Name: "broker",
			Keys: []AccessKey{{ID: "AKIABROKEREXAMPLE001", Secret: "made-up/made-up/made-up/made-up/EXAMPLE0"}},
			Policies: Documents{`{"Version":"2012-10-17","Statement":[{"Effect":"Allow",
 "Action":["iam:GetPolicy","iam:GetPolicyVersion","iam:ListPolicyVersions"],
 "Resource":"arn:aws:iam::444455556666:policy/DevCalifornia"}]}`},
		}},
		Roles: []Role{{
			Name: "EC2Admin",
			Trust: `{"Version":"2012-10-17","Statement":[{"Effect":"Allow",
 "Principal":{"AWS":"arn:aws:iam::444455556666:user/broker"},
 "Action":["sts:AssumeRole","sts:TagSession","sts:SetSourceIdentity"]},{"Effect":"Allow",
 "Principal":{"Federated":"arn:aws:iam::444455556666:saml-provider/ADFS"},
 "Action":["sts:AssumeRoleWithSAML","sts:TagSession","sts:SetSourceIdentity"],
 "Condition":{"StringEquals":{"saml:aud":"https://signin.aws.amazon.com/saml"}}}]}`,
			Policies: Documents{`{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Action":"ec2:*","Resource":"*"}]}`},
		}, {
			Name: "Ci",
			Trust: `{"Version":"2012-10-17","Statement":[{"Effect":"Allow",
 "Principal":{"Federated":"arn:aws:iam::444455556666:oidc-provider/oidc.example.com"},
 "Action":["sts:AssumeRoleWithWebIdentity","sts:TagSession","sts:SetSourceIdentity"],
 "Condition":{"StringEquals":{"oidc.example.com:aud":"sts.amazonaws.com"},"StringLike":{"oidc.example.com:sub":"repo:example/*"}}}]}`,
			Policies: Documents{`{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Action":"s3:*",
 "Resource":["arn:aws:s3:::ci-artifacts","arn:aws:s3:::ci-artifacts/*"]}]}`},
		}},
		// The fake plays both: POST /_fake/saml and /_fake/jwt.
		SAMLProviders: []SAMLProvider{{Name: "ADFS"}},
		OIDCProviders: []OIDCProvider{{URL: "https://oidc.example.com", Audiences: []string{"sts.amazonaws.com"}}},
		Buckets:       []Bucket{{Name: "ci-artifacts", Objects: map[string]string{"release.txt": "1.0\n", "nightly.txt": "1.1-dev\n"}}},
		ManagedPolicies: []ManagedPolicy{{
			Name: "DevCalifornia",
			Document: `{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Action":"ec2:*","Resource":"*",
 "Condition":{"StringEquals":{"aws:RequestedRegion":"us-west-1"}}}]}`,
		}},
	}
}

// exampleSignIn is where John and Mary sign in with a browser. Mary has nothing
// in the account that John administers.
func exampleSignIn() IdentityCenter {
	return IdentityCenter{
		StartURL: "https://example.awsapps.com/start",
		Region:   "eu-west-1",
		PermissionSets: []PermissionSet{
			{Name: "Administrator", PolicyARNs: []string{AdministratorAccess}, SessionDuration: 12 * 3600},
			{Name: "ReadOnly", PolicyARNs: []string{AmazonS3ReadOnlyAccess}},
		},
		People: []Person{
			{Name: "john", Assignments: []Assignment{{"111122223333", "Administrator"}, {"111122223333", "ReadOnly"}, {"629470240201", "ReadOnly"}}},
			{Name: "mary", Assignments: []Assignment{{"629470240201", "ReadOnly"}}},
		},
	}
}
