package fakeaws_test

import (
	"strings"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/sts"
	"github.com/aws/aws-sdk-go-v2/service/sts/types"
	"github.com/vendord/vendord/fakeaws"
)

const bobARN = "arn:aws:sts::629470240201:federated-user/Bob"

// kiosk is a world in which John may make federated users, and root has keys.
func kiosk(permissions string) fakeaws.State {
	s := fakeaws.Example()
	s.Accounts[0].Users[0].Policies = fakeaws.Documents{permissions, allow("s3:ListBucket s3:GetObject", "arn:aws:s3:::company1-hr arn:aws:s3:::company1-hr/*"),
		allow("sts:AssumeRole", adminRole)}
	s.Accounts[0].RootKeys = []fakeaws.AccessKey{{ID: "AKIAROOTROOTEXAMPLE1", Secret: "root"}}
	return s
}

var rootKeys = aws.Credentials{AccessKeyID: "AKIAROOTROOTEXAMPLE1", SecretAccessKey: "root"}

// federate asks for a federated user Bob.
func (p *place) federate(c aws.Credentials, policy string, more ...func(*sts.GetFederationTokenInput)) (*sts.GetFederationTokenOutput, error) {
	in := &sts.GetFederationTokenInput{Name: aws.String("Bob")}
	if policy != "" {
		in.Policy = &policy
	}
	for _, f := range more {
		f(in)
	}
	return p.sts(c).GetFederationToken(p.t.Context(), in)
}

func TestGetFederationToken(t *testing.T) {
	p := start(t, fakeaws.Config{State: kiosk(allow("sts:GetFederationToken sts:TagSession s3:PutObject", "*"))})
	out, err := p.federate(john(), allow("s3:GetObject s3:DeleteObject", "arn:aws:s3:::company1-hr/*"))
	if err != nil {
		t.Fatal(err)
	}
	if *out.FederatedUser.Arn != bobARN || *out.FederatedUser.FederatedUserId != "629470240201:Bob" {
		t.Errorf("FederatedUser: got %s, %s", *out.FederatedUser.Arn, *out.FederatedUser.FederatedUserId)
	}
	if left := time.Until(*out.Credentials.Expiration); left < 12*time.Hour-time.Minute || left > 12*time.Hour {
		t.Errorf("Expiration: got %s from now, want 12h", left)
	}
	wantSizes(t, out.Credentials, out.SessionTokenSize, out.SessionTokenUtilization)
	bob := session(out.Credentials)

	t.Run("who it is", func(t *testing.T) {
		got, err := p.sts(bob).GetCallerIdentity(t.Context(), nil)
		if err != nil || *got.Arn != bobARN || *got.UserId != "629470240201:Bob" {
			t.Errorf("got %v, %v, want %s", got, err, bobARN)
		}
	})
	t.Run("what the user and the session policy allow", func(t *testing.T) {
		if _, err := p.client(bob).Get(t.Context(), "company1-hr", "handbook.txt"); err != nil {
			t.Error(err)
		}
	})
	t.Run("what the session policy alone allows", func(t *testing.T) {
		err := p.client(bob).Delete(t.Context(), "company1-hr", "handbook.txt")
		wantError(t, "Delete", err, "AccessDenied", "User: "+bobARN+` is not authorized to perform: s3:DeleteObject on resource: "arn:aws:s3:::company1-hr/handbook.txt" because no identity-based policy allows the s3:DeleteObject action`)
	})
	t.Run("what the user alone may", func(t *testing.T) {
		err := p.client(bob).Put(t.Context(), "company1-hr", "new.txt", []byte("new"))
		wantError(t, "Put", err, "AccessDenied", "User: "+bobARN+` is not authorized to perform: s3:PutObject on resource: "arn:aws:s3:::company1-hr/new.txt" because no session policy allows the s3:PutObject action`)
	})
	t.Run("no session policy: nothing", func(t *testing.T) {
		out, err := p.federate(john(), "")
		if err != nil {
			t.Fatal(err)
		}
		_, err = p.client(session(out.Credentials)).Get(t.Context(), "company1-hr", "handbook.txt")
		wantError(t, "Get", err, "AccessDenied", "User: "+bobARN+` is not authorized to perform: s3:GetObject on resource: "arn:aws:s3:::company1-hr/handbook.txt" because no session policy allows the s3:GetObject action`)
	})
	t.Run("a managed policy of the user's account", func(t *testing.T) {
		out, err := p.federate(john(), "", func(in *sts.GetFederationTokenInput) {
			in.PolicyArns = []types.PolicyDescriptorType{{Arn: aws.String(uploadARN)}}
			in.Tags = []types.Tag{{Key: aws.String("team"), Value: aws.String("red")}}
		})
		if err != nil {
			t.Fatal(err)
		}
		if err := p.client(session(out.Credentials)).Put(t.Context(), "company1-hr", "new.txt", []byte("new")); err != nil {
			t.Error(err)
		}
	})
	t.Run("it may call nothing of STS but GetCallerIdentity", func(t *testing.T) {
		free := start(t, fakeaws.Config{State: kiosk(allow("*", "*"))})
		out, err := free.federate(john(), allow("*", "*"))
		if err != nil {
			t.Fatal(err)
		}
		wide := session(out.Credentials)
		_, err = free.sts(wide).AssumeRole(t.Context(), &sts.AssumeRoleInput{RoleArn: aws.String(uploadRole), RoleSessionName: aws.String("upload")})
		wantError(t, "AssumeRole with all permissions", err, "AccessDenied", "User: "+bobARN+" is not authorized to perform: sts:AssumeRole on resource: "+uploadRole)
		_, err = p.sts(bob).AssumeRole(t.Context(), &sts.AssumeRoleInput{RoleArn: aws.String(uploadRole), RoleSessionName: aws.String("upload")})
		wantError(t, "AssumeRole", err, "AccessDenied", "User: "+bobARN+" is not authorized to perform: sts:AssumeRole on resource: "+uploadRole)
		_, err = p.sts(bob).GetSessionToken(t.Context(), nil)
		wantError(t, "GetSessionToken", err, "AccessDenied", "Cannot call GetSessionToken with session credentials")
		_, err = p.federate(bob, "")
		wantError(t, "GetFederationToken", err, "AccessDenied", "Cannot call GetFederationToken with session credentials")
	})
	t.Run("neither may a session of the user call it", func(t *testing.T) {
		out, err := p.sts(john()).GetSessionToken(t.Context(), nil)
		if err != nil {
			t.Fatal(err)
		}
		_, err = p.federate(session(out.Credentials), "")
		wantError(t, "GetFederationToken", err, "AccessDenied", "Cannot call GetFederationToken with session credentials")
	})
	t.Run("root has an hour, whatever it asks for", func(t *testing.T) {
		out, err := p.federate(rootKeys, allow("s3:*", "*"), func(in *sts.GetFederationTokenInput) { in.DurationSeconds = aws.Int32(129600) })
		if err != nil || time.Until(*out.Credentials.Expiration) > time.Hour {
			t.Errorf("got %v, %v, want an hour at most", out, err)
		}
	})
}

func TestGetFederationTokenRefusals(t *testing.T) {
	p := start(t, fakeaws.Config{State: kiosk(allow("sts:GetFederationToken", "*"))})
	long := allow("s3:GetObject", strings.Repeat("arn:aws:s3:::company1-hr/one/of/many ", 60))
	for _, c := range []struct {
		name          string
		parameters    []string
		code, message string
	}{
		{"no name", []string{"Name="}, "ValidationError", "1 validation error detected: Value '' at 'name' failed to satisfy constraint: Member must have length greater than or equal to 2"},
		{"a name of 33", []string{"Name=" + strings.Repeat("x", 33)}, "ValidationError",
			"1 validation error detected: Value '" + strings.Repeat("x", 33) + "' at 'name' failed to satisfy constraint: Member must have length less than or equal to 32"},
		{"more than 36 hours", []string{"DurationSeconds=129601"}, "ValidationError",
			"1 validation error detected: Value '129601' at 'durationSeconds' failed to satisfy constraint: Member must have value less than or equal to 129600"},
		{"a policy of more than 2,048 characters", []string{"Policy=" + long}, "ValidationError",
			"1 validation error detected: Value '" + long + "' at 'policy' failed to satisfy constraint: Member must have length less than or equal to 2048"},
		{"a policy that is none", []string{"Policy=[]"}, "MalformedPolicyDocument", "The policy is not in the valid JSON format."},
		{"a managed policy of another account", []string{"PolicyArns.member.1.arn=arn:aws:iam::111122223333:policy/Nope"}, "InvalidParameterValue",
			"At least one Policy ARN in the PolicyArns parameter does not match an existing IAM Managed Policy ARN."},
		{"transitive tags", []string{"Tags.member.1.Key=a", "Tags.member.1.Value=", "TransitiveTagKeys.member.1=a"}, "InvalidParameterValue", "GetFederationToken does not take TransitiveTagKeys."},
	} {
		t.Run(c.name, func(t *testing.T) {
			p.send(form(john(), append([]string{"Action=GetFederationToken", "Name=Bob"}, c.parameters...)...)).want(t, 400, c.code, c.message)
		})
	}
	t.Run("tags without their permission", func(t *testing.T) {
		p.send(form(john(), "Action=GetFederationToken", "Name=Bob", "Tags.member.1.Key=a", "Tags.member.1.Value=")).want(t, 403, "AccessDenied",
			"User: "+johnARN+" is not authorized to perform: sts:TagSession on resource: "+bobARN)
	})
	t.Run("no permission", func(t *testing.T) {
		_, err := start(t, fakeaws.Config{State: kiosk(allow("s3:*", "*"))}).federate(john(), "")
		wantError(t, "GetFederationToken", err, "AccessDenied", "User: "+johnARN+" is not authorized to perform: sts:GetFederationToken on resource: "+bobARN)
	})
}
