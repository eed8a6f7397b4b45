package fakeaws_test

import (
	"net/http"
	"net/url"
	"strings"
	"testing"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/vendord/vendord/fakeaws"
)

const (
	californiaARN  = "arn:aws:iam::444455556666:policy/DevCalifornia"
	ec2Admin       = "arn:aws:iam::444455556666:role/EC2Admin"
	teamSession    = "arn:aws:sts::444455556666:assumed-role/EC2Admin/teamCalifornia-session"
	wouldSucceed   = "Request would have succeeded, but DryRun flag is set."
	badCredentials = "AWS was not able to validate the provided access credentials"
)

// broker are the keys of the team's broker.
func broker() aws.Credentials {
	k := fakeaws.Example().Accounts[3].Users[0].Keys[0]
	return aws.Credentials{AccessKeyID: k.ID, SecretAccessKey: k.Secret}
}

// query makes a raw request to IAM or EC2.
func query(service, version, at string, creds aws.Credentials, parameters ...string) raw {
	v := url.Values{"Version": {version}}
	for _, p := range parameters {
		name, value, _ := strings.Cut(p, "=")
		v.Set(name, value)
	}
	return raw{method: "POST", path: "/", service: service, body: v.Encode(), creds: creds, region: at,
		header: http.Header{"Content-Type": {"application/x-www-form-urlencoded"}}}
}

func iam(creds aws.Credentials, parameters ...string) raw {
	return query("iam", "2010-05-08", "us-east-1", creds, parameters...)
}

func ec2(at string, creds aws.Credentials, parameters ...string) raw {
	return query("ec2", "2016-11-15", at, creds, parameters...)
}

// run is a dry run of RunInstances.
func run(at string, creds aws.Credentials, more ...string) raw {
	return ec2(at, creds, append([]string{"Action=RunInstances", "ImageId=ami-0123456789abcdef0", "MinCount=1", "MaxCount=1", "DryRun=true"}, more...)...)
}

// team assumes the role of all regions, narrowed to one by the managed policy.
func (p *place) team(arns ...string) aws.Credentials {
	p.t.Helper()
	parameters := []string{"Action=AssumeRole", "RoleArn=" + ec2Admin, "RoleSessionName=teamCalifornia-session"}
	for i, arn := range arns {
		parameters = append(parameters, "PolicyArns.member."+string(rune('1'+i))+".arn="+arn)
	}
	r := form(broker(), parameters...)
	r.region = "us-west-1"
	return credentialsOf(p.t, p.send(r).body)
}

// TestTeamCalifornia: a managed policy holds a session to one region.
func TestTeamCalifornia(t *testing.T) {
	p := start(t, fakeaws.Config{})
	whole, narrow := p.team(), p.team(californiaARN)
	denied := func(action, at, thing string) string {
		return "You are not authorized to perform this operation. User: " + teamSession + " is not authorized to perform: ec2:" + action +
			" on resource: " + thing + " because no session policy allows the ec2:" + action + " action"
	}
	p.send(run("us-west-1", whole)).want(t, 412, "DryRunOperation", wouldSucceed)
	p.send(run("us-east-1", whole)).want(t, 412, "DryRunOperation", wouldSucceed)
	p.send(run("us-west-1", narrow)).want(t, 412, "DryRunOperation", wouldSucceed)
	p.send(run("us-east-1", narrow)).want(t, 403, "UnauthorizedOperation", denied("RunInstances", "us-east-1", "arn:aws:ec2:us-east-1:444455556666:instance/*"))
	describe := []string{"Action=DescribeInstances", "DryRun=true"}
	p.send(ec2("us-west-1", narrow, describe...)).want(t, 412, "DryRunOperation", wouldSucceed)
	p.send(ec2("us-west-2", narrow, describe...)).want(t, 403, "UnauthorizedOperation", denied("DescribeInstances", "us-west-2", "*"))
	p.send(run("us-west-1", john())).want(t, 403, "UnauthorizedOperation", "You are not authorized to perform this operation. User: "+johnARN+
		" is not authorized to perform: ec2:RunInstances on resource: arn:aws:ec2:us-west-1:629470240201:instance/* because no identity-based policy allows the ec2:RunInstances action")
}

// TestRunInstancesThings: everything that an instance is started with must be
// allowed.
func TestRunInstancesThings(t *testing.T) {
	p := start(t, fakeaws.Config{})
	with := func(policy string) aws.Credentials {
		r := form(broker(), "Action=AssumeRole", "RoleArn="+ec2Admin, "RoleSessionName=teamCalifornia-session", "Policy="+policy)
		return credentialsOf(t, p.send(r).body)
	}
	for _, c := range []struct{ name, policy, thing string }{
		{"an image of their own", `{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Action":"ec2:*","Resource":"*"},
 {"Effect":"Deny","Action":"ec2:RunInstances","NotResource":["arn:aws:ec2:*:*:instance/*","arn:aws:ec2:*::image/ami-1*"],"Condition":{"StringLike":{"ec2:Region":"*"}}}]}`, "arn:aws:ec2:eu-west-1::image/ami-0123456789abcdef0"},
		{"small ones", `{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Action":"ec2:*","Resource":"*"},
 {"Effect":"Deny","Action":"ec2:RunInstances","Resource":"*","Condition":{"StringEquals":{"ec2:InstanceType":"m1.small"}}}]}`, "arn:aws:ec2:eu-west-1:444455556666:instance/*"},
		{"a security group", `{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Action":"ec2:*","Resource":"*"},
 {"Effect":"Deny","Action":"ec2:RunInstances","Resource":"arn:aws:ec2:*:*:security-group/sg-01234567"}]}`, "arn:aws:ec2:eu-west-1:444455556666:security-group/sg-01234567"},
		{"a key pair", `{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Action":"ec2:*","Resource":"*"},
 {"Effect":"Deny","Action":"ec2:RunInstances","Resource":"arn:aws:ec2:*:*:key-pair/*"}]}`, "arn:aws:ec2:eu-west-1:444455556666:key-pair/mine"},
	} {
		t.Run(c.name, func(t *testing.T) {
			p.send(run(region, with(c.policy), "SecurityGroupId.1=sg-01234567", "SubnetId=subnet-01234567", "KeyName=mine")).want(t, 403, "UnauthorizedOperation",
				"You are not authorized to perform this operation. User: "+teamSession+" is not authorized to perform: ec2:RunInstances on resource: "+c.thing+
					" with an explicit deny in a session policy")
		})
	}
}

func TestEC2Refusals(t *testing.T) {
	p := start(t, fakeaws.Config{})
	c := p.team()
	other := c
	other.SecretAccessKey = "x"
	for name, w := range map[string]struct {
		r             raw
		status        int
		code, message string
	}{
		"for real":              {run("us-west-1", c, "DryRun=false"), 400, "UnsupportedOperation", "fakeaws has no instances: it answers RunInstances with DryRun=true only."},
		"for real, describing":  {ec2("us-west-1", c, "Action=DescribeInstances"), 400, "UnsupportedOperation", "fakeaws has no instances: it answers DescribeInstances with DryRun=true only."},
		"another action":        {ec2("us-west-1", c, "Action=StopInstances"), 400, "InvalidAction", "The action StopInstances is not valid for this web service: fakeaws does not have it in version 2016-11-15."},
		"no action":             {ec2("us-west-1", c), 400, "MissingAction", "The request is missing an action."},
		"no image":              {ec2("us-west-1", c, "Action=RunInstances", "MinCount=1", "MaxCount=1"), 400, "MissingParameter", "The request must contain the parameter ImageId"},
		"a bad image":           {run("us-west-1", c, "ImageId=x"), 400, "InvalidAMIID.Malformed", `Invalid id: "x" (expecting "ami-...")`},
		"a bad subnet":          {run("us-west-1", c, "SubnetId=x"), 400, "InvalidParameterValue", `Invalid id: "x"`},
		"tags":                  {run("us-west-1", c, "TagSpecification.1.ResourceType=instance"), 400, "UnknownParameter", "The parameter TagSpecification.1.ResourceType is not recognized by fakeaws"},
		"a region there is not": {run("ap-south-1", c), 401, "AuthFailure", badCredentials},
		"another secret":        {run("us-west-1", other), 401, "AuthFailure", badCredentials},
	} {
		t.Run(name, func(t *testing.T) { p.send(w.r).want(t, w.status, w.code, w.message) })
	}
	t.Run("the form of an error", func(t *testing.T) {
		got := p.send(run("us-west-1", c)).body
		if !strings.Contains(got, "<Response><Errors><Error><Code>DryRunOperation</Code><Message>") || !strings.Contains(got, "</Error></Errors><RequestID>") {
			t.Errorf("got %s", got)
		}
	})
}

func TestIAM(t *testing.T) {
	state := fakeaws.Example()
	state.Accounts[3].ManagedPolicies[0].Older = fakeaws.Documents{`{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Action":"ec2:*","Resource":"*"}]}`}
	p := start(t, fakeaws.Config{State: state})
	notJohn := func(action string) string {
		return "User: " + johnARN + " is not authorized to perform: iam:" + action + " on resource: policy " + californiaARN +
			" because no identity-based policy allows the iam:" + action + " action"
	}
	t.Run("GetPolicy", func(t *testing.T) {
		got := p.send(iam(broker(), "Action=GetPolicy", "PolicyArn="+californiaARN))
		for _, want := range []string{"<PolicyName>DevCalifornia</PolicyName>", "<DefaultVersionId>v2</DefaultVersionId>", "<Path>/</Path>", "<Arn>" + californiaARN + "</Arn>"} {
			if got.status != 200 || !strings.Contains(got.body, want) {
				t.Errorf("got %d %s, want %s", got.status, got.body, want)
			}
		}
		p.send(iam(john(), "Action=GetPolicy", "PolicyArn="+californiaARN)).want(t, 403, "AccessDenied", notJohn("GetPolicy"))
	})
	t.Run("GetPolicyVersion", func(t *testing.T) {
		got := p.send(iam(broker(), "Action=GetPolicyVersion", "PolicyArn="+californiaARN, "VersionId=v2"))
		want := strings.ReplaceAll(url.QueryEscape(string(state.Accounts[3].ManagedPolicies[0].Document)), "+", "%20")
		want = strings.ReplaceAll(want, "*", "%2A")
		if got.status != 200 || !strings.Contains(got.body, "<Document>"+want+"</Document>") || !strings.Contains(got.body, "<IsDefaultVersion>true<") {
			t.Errorf("got %d %s, want %s", got.status, got.body, want)
		}
		p.send(iam(broker(), "Action=GetPolicyVersion", "PolicyArn="+californiaARN, "VersionId=v3")).want(t, 404, "NoSuchEntity",
			"Policy "+californiaARN+" version v3 does not exist or is not attachable.")
		p.send(iam(broker(), "Action=GetPolicyVersion", "PolicyArn="+californiaARN, "VersionId=3")).want(t, 400, "ValidationError",
			`1 validation error detected: Value '3' at 'versionId' failed to satisfy constraint: Member must satisfy regular expression pattern: v[1-9][0-9]*(\.[A-Za-z0-9-]*)?`)
		p.send(iam(john(), "Action=GetPolicyVersion", "PolicyArn="+californiaARN, "VersionId=v9")).want(t, 403, "AccessDenied", notJohn("GetPolicyVersion"))
	})
	t.Run("ListPolicyVersions", func(t *testing.T) {
		got := p.send(iam(broker(), "Action=ListPolicyVersions", "PolicyArn="+californiaARN, "MaxItems=1")).body
		if !strings.Contains(got, "<VersionId>v2</VersionId>") || strings.Contains(got, "v1") || !strings.Contains(got, "<IsTruncated>true</IsTruncated><Marker>1</Marker>") {
			t.Errorf("got %s", got)
		}
		got = p.send(iam(broker(), "Action=ListPolicyVersions", "PolicyArn="+californiaARN, "Marker=1")).body
		if !strings.Contains(got, "<VersionId>v1</VersionId>") || strings.Contains(got, "v2") || !strings.Contains(got, "<IsTruncated>false<") {
			t.Errorf("got %s", got)
		}
	})
	t.Run("of another account, and of AWS", func(t *testing.T) {
		admin := p.assume(john(), adminRole, "s3-session")
		p.send(iam(admin, "Action=GetPolicy", "PolicyArn="+californiaARN)).want(t, 403, "AccessDenied",
			"User: arn:aws:sts::111122223333:assumed-role/SecurityAdminAccess/s3-session is not authorized to perform: iam:GetPolicy on resource: policy "+
				californiaARN+" because no resource-based policy allows the iam:GetPolicy action")
		got := p.send(iam(admin, "Action=GetPolicyVersion", "VersionId=v1", "PolicyArn="+fakeaws.AdministratorAccess))
		if got.status != 200 || !strings.Contains(got.body, "%22Action%22%3A%22%2A%22") {
			t.Errorf("got %d %s", got.status, got.body)
		}
		unknown := "arn:aws:iam::aws:policy/ReadOnlyAccess"
		p.send(iam(admin, "Action=GetPolicy", "PolicyArn="+unknown)).want(t, 404, "NoSuchEntity", "Policy "+unknown+" was not found.")
		p.send(iam(admin, "Action=GetPolicy", "PolicyArn="+strings.Repeat("x", 20))).want(t, 400, "ValidationError", "ARN "+strings.Repeat("x", 20)+" is not valid.")
	})
	t.Run("a session of GetSessionToken without MFA", func(t *testing.T) {
		c := session(must(p.sts(broker()).GetSessionToken(t.Context(), nil)).Credentials)
		p.send(iam(c, "Action=GetPolicy", "PolicyArn="+californiaARN)).want(t, 403, "InvalidClientTokenId", "The security token included in the request is invalid.")
	})
	t.Run("another region and another action", func(t *testing.T) {
		p.send(query("iam", "2010-05-08", "us-west-1", broker(), "Action=GetPolicy", "PolicyArn="+californiaARN)).want(t, 403, "SignatureDoesNotMatch",
			"Credential should be scoped to a valid region, not 'us-west-1'.")
		p.send(iam(broker(), "Action=ListUsers")).want(t, 400, "InvalidAction", "fakeaws does not have the operation ListUsers of IAM 2010-05-08.")
	})
}

// must returns what an SDK answered, where it cannot fail.
func must[T any](v T, err error) T {
	if err != nil {
		panic(err)
	}
	return v
}
