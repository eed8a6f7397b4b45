package fakeaws

// Example returns the world of the documentation and of `vendord demo`: John,
// who may read his company's bucket and not write to it, and the roles that he
// may assume. His keys are those of AWS's own documentation, which secret
// scanners know to be made up; they are the first keys of the first user of the
// first account.
func Example() State {
	return State{Region: "eu-west-1", Accounts: []Account{
		exampleCompany(), exampleSecurity(), exampleLesson(),
	}}
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
			Policies: Documents{exampleJohn},
		}},
		Roles: []Role{{
			Name:       "JohnUploadRole",
			Trust:      exampleTrust,
			PolicyARNs: []string{"arn:aws:iam::629470240201:policy/SessionPolicy-UploadFile"},
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
  "Resource":["arn:aws:iam::111122223333:role/SecurityAdminAccess","arn:aws:iam::123456789012:role/Uploader"]}]}`

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

// exampleLesson is the account of the lesson on session policies.
func exampleLesson() Account {
	return Account{
		ID: "123456789012",
		Roles: []Role{{
			Name:  "Uploader",
			Trust: exampleTrust,
			Policies: Documents{`{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Action":"s3:*",
 "Resource":["arn:aws:s3:::lesson-bucket","arn:aws:s3:::lesson-bucket/*"]}]}`},
		}},
		Buckets: []Bucket{{Name: "lesson-bucket", Objects: map[string]string{"lesson.txt": "Sessions only narrow.\n"}}},
	}
}
