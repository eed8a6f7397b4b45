package fakeaws_test

import (
	"encoding/xml"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/sts"
	"github.com/aws/aws-sdk-go-v2/service/sts/types"
	"github.com/vendord/vendord/fakeaws"
)

const adminSession = "arn:aws:sts::111122223333:assumed-role/SecurityAdminAccess/s3-session"

// scoped is what an answer to GetScopedCredentials says, wherever it says so.
type scoped struct {
	credentials      aws.Credentials
	expires          time.Time
	arn, id          string
	size, proportion int
}

// scope asks for a scoped session by a request that the SDK's signer signed:
// the SDK itself did not have the operation when this was written.
func (p *place) scope(c aws.Credentials, parameters ...string) reply {
	return p.send(form(c, append([]string{"Action=GetScopedCredentials"}, parameters...)...))
}

// scopedOf reads an answer as leniently as clients should.
func scopedOf(t *testing.T, r reply) (s scoped) {
	t.Helper()
	if r.status != 200 {
		t.Fatalf("GetScopedCredentials: got %d %s: %s", r.status, r.code, r.message)
	}
	var text string
	for d := xml.NewDecoder(strings.NewReader(r.body)); ; {
		token, err := d.Token()
		if err != nil {
			return s
		}
		switch e := token.(type) {
		case xml.CharData:
			text = string(e)
		case xml.EndElement:
			switch e.Name.Local {
			case "AccessKeyId":
				s.credentials.AccessKeyID = text
			case "SecretAccessKey":
				s.credentials.SecretAccessKey = text
			case "SessionToken":
				s.credentials.SessionToken = text
			case "Expiration":
				s.expires, _ = time.Parse(time.RFC3339, text)
			case "Arn":
				s.arn = text
			case "ScopedSessionId":
				s.id = text
			case "SessionTokenSize":
				_, _ = fmt.Sscan(text, &s.size)
			case "SessionTokenUtilization":
				_, _ = fmt.Sscan(text, &s.proportion)
			}
		}
	}
}

func TestScoped(t *testing.T) {
	p := start(t, fakeaws.Config{})
	parent := p.assume(john(), adminRole, "s3-session", with(allow("s3:GetObject s3:ListBucket", "*")), func(in *sts.AssumeRoleInput) {
		in.Tags, in.DurationSeconds = []types.Tag{{Key: aws.String("team"), Value: aws.String("hr")}}, aws.Int32(7200)
	})
	hire := "arn:aws:s3:::NewHireOrientation/"
	got := scopedOf(t, p.scope(parent, "Policy="+allow("s3:*", hire+"*")))
	c := got.credentials

	t.Run("the same session, with a new key", func(t *testing.T) {
		if got.arn != adminSession || !strings.HasSuffix(got.id, ":s3-session") || !strings.HasPrefix(c.AccessKeyID, "ASIA") || c.AccessKeyID == parent.AccessKeyID {
			t.Errorf("got %s, %s, %s", got.arn, got.id, c.AccessKeyID)
		}
		who, err := p.sts(c).GetCallerIdentity(t.Context(), nil)
		if err != nil || *who.Arn != adminSession {
			t.Errorf("GetCallerIdentity: got %v, %v", who, err)
		}
		if left := time.Until(got.expires); left < 2*time.Hour-time.Minute || left > 2*time.Hour {
			t.Errorf("Expiration: got %s from now, want the parent's 2h", left)
		}
		if size := len(c.SessionToken); got.size != size || got.proportion != (size*100+4095)/4096 {
			t.Errorf("sizes: got %d, %d%% for %d bytes", got.size, got.proportion, size)
		}
	})
	t.Run("what all allow", func(t *testing.T) {
		if _, err := p.client(c).Get(t.Context(), "NewHireOrientation", "map.txt"); err != nil {
			t.Error(err)
		}
	})
	t.Run("what the scope does not allow", func(t *testing.T) {
		_, err := p.client(c).Get(t.Context(), "payroll", "2026/november.csv")
		wantError(t, "Get", err, "AccessDenied", "User: "+adminSession+` is not authorized to perform: s3:GetObject on resource: "arn:aws:s3:::payroll/2026/november.csv" because no session policy allows the s3:GetObject action`)
	})
	t.Run("what the parent's session policy does not allow", func(t *testing.T) {
		err := p.client(c).Put(t.Context(), "NewHireOrientation", "map.txt", nil)
		wantError(t, "Put", err, "AccessDenied", "User: "+adminSession+` is not authorized to perform: s3:PutObject on resource: "arn:aws:s3:::NewHireOrientation/map.txt" because no session policy allows the s3:PutObject action`)
	})
	t.Run("a scope in a scope cannot widen it, and tags are the parent's", func(t *testing.T) {
		p.scope(c, "Policy="+allow("s3:*", "*")).want(t, 200, "", "")
		second := scopedOf(t, p.scope(c, "Policy="+allow("s3:GetObject", "arn:aws:s3:::*/*"))).credentials
		_, err := p.client(second).Get(t.Context(), "payroll", "2026/november.csv")
		wantError(t, "Get beyond the first scope", err, "AccessDenied", "User: "+adminSession+` is not authorized to perform: s3:GetObject on resource: "arn:aws:s3:::payroll/2026/november.csv" because no session policy allows the s3:GetObject action`)
		tagged := scopedOf(t, p.scope(c, `Policy={"Version":"2012-10-17","Statement":[{"Effect":"Allow","Action":"s3:*","Resource":"*","Condition":{"StringEquals":{"aws:PrincipalTag/team":"hr"}}}]}`)).credentials
		if _, err := p.client(tagged).Get(t.Context(), "NewHireOrientation", "map.txt"); err != nil {
			t.Errorf("Get by tag: %v", err)
		}
	})
	t.Run("a shorter life", func(t *testing.T) {
		got := scopedOf(t, p.scope(parent, "DurationSeconds=1"))
		if left := time.Until(got.expires); left > time.Second {
			t.Errorf("Expiration: got %s from now, want a second", left)
		}
	})
	t.Run("a token of 4,096 bytes", func(t *testing.T) {
		if got := scopedOf(t, p.scope(parent, "DurationSeconds=900", "MinimumSessionTokenSize=4096")); got.size != 4096 || got.proportion != 100 {
			t.Errorf("got %d bytes, %d%%", got.size, got.proportion)
		}
	})
	t.Run("a session of a user, and a federated one", func(t *testing.T) {
		kiosk := start(t, fakeaws.Config{State: kiosk(allow("sts:GetFederationToken", "*"))})
		out, err := kiosk.sts(john()).GetSessionToken(t.Context(), nil)
		if err != nil {
			t.Fatal(err)
		}
		if got := scopedOf(t, kiosk.scope(session(out.Credentials), "DurationSeconds=900")); got.arn != johnARN {
			t.Errorf("a user's: got %s", got.arn)
		}
		bob, err := kiosk.federate(john(), allow("s3:*", "*"))
		if err != nil {
			t.Fatal(err)
		}
		if got := scopedOf(t, kiosk.scope(session(bob.Credentials), "DurationSeconds=900")); got.arn != bobARN || got.id != "629470240201:Bob" {
			t.Errorf("a federated user's: got %s, %s", got.arn, got.id)
		}
	})
}
