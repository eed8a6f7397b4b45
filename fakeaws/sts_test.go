package fakeaws_test

import (
	"encoding/base32"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/sts"
	"github.com/aws/aws-sdk-go-v2/service/sts/types"
	"github.com/vendord/vendord/fakeaws"
)

func TestAssumeRoleAnswer(t *testing.T) {
	p := start(t, fakeaws.Config{})
	before := time.Now().Truncate(time.Second)
	out, err := p.sts(john()).AssumeRole(t.Context(), &sts.AssumeRoleInput{
		RoleArn: aws.String(adminRole), RoleSessionName: aws.String("s3-session"), DurationSeconds: aws.Int32(1800),
		SourceIdentity: aws.String("john.smith"), Policy: aws.String(allow("s3:GetObject", "*")),
		Tags: []types.Tag{{Key: aws.String("team"), Value: aws.String("")}},
	})
	if err != nil {
		t.Fatal(err)
	}
	for _, c := range []struct{ what, got, want string }{
		{"AccessKeyId", *out.Credentials.AccessKeyId, `^ASIA[A-Z2-7]{16}$`},
		{"SecretAccessKey", *out.Credentials.SecretAccessKey, `^[A-Za-z0-9+/]{40}$`},
		{"SessionToken", *out.Credentials.SessionToken, `^[A-Za-z0-9+/=]{300,}$`},
		{"AssumedRoleId", *out.AssumedRoleUser.AssumedRoleId, `^AROA[A-Z2-7]{17}:s3-session$`},
		{"Arn", *out.AssumedRoleUser.Arn, `^arn:aws:sts::111122223333:assumed-role/SecurityAdminAccess/s3-session$`},
		{"SourceIdentity", *out.SourceIdentity, `^john\.smith$`},
	} {
		if !regexp.MustCompile(c.want).MatchString(c.got) {
			t.Errorf("%s: got %q, want %s", c.what, c.got, c.want)
		}
	}
	if got := out.Credentials.Expiration.Sub(before); got < 30*time.Minute || got > 31*time.Minute {
		t.Errorf("Expiration: got %s from now, want 30m", got)
	}
	size := len(*out.Credentials.SessionToken)
	if int(*out.SessionTokenSize) != size || int(*out.SessionTokenUtilization) != (size*100+4095)/4096 {
		t.Errorf("sizes: got %d, %d%% for a token of %d bytes", *out.SessionTokenSize, *out.SessionTokenUtilization, size)
	}
	// Deprecated, and what clients before 2026-09 read.
	if got := p.send(assumeForm("MinimumSessionTokenSize=2048")); !strings.Contains(got.body, "<PackedPolicySize>50</PackedPolicySize>") {
		t.Errorf("PackedPolicySize: got %s, want 50", got.body)
	}
}

func TestEverySessionIsItsOwn(t *testing.T) {
	p := start(t, fakeaws.Config{})
	a, b := p.assume(john(), uploadRole, "upload"), p.assume(john(), uploadRole, "upload")
	if a.AccessKeyID == b.AccessKeyID || a.SecretAccessKey == b.SecretAccessKey || a.SessionToken == b.SessionToken {
		t.Error("two sessions share a part of their credentials")
	}
	a.SessionToken = b.SessionToken
	_, err := p.sts(a).GetCallerIdentity(t.Context(), nil)
	wantError(t, "another session's token", err, "InvalidClientTokenId", "The security token included in the request is invalid.")
	_, err = p.client(a).ListBuckets(t.Context())
	wantError(t, "another session's token", err, "InvalidToken", "The provided token is malformed or otherwise invalid.")
}

func TestMinimumSessionTokenSize(t *testing.T) {
	p := start(t, fakeaws.Config{})
	for _, least := range []int32{1000, 4095, 4096} {
		out, err := p.sts(john()).AssumeRole(t.Context(), &sts.AssumeRoleInput{RoleArn: aws.String(uploadRole),
			RoleSessionName: aws.String("upload"), MinimumSessionTokenSize: &least})
		if err != nil {
			t.Fatal(err)
		}
		if got := *out.SessionTokenSize; got < least || got > least+3 || got > 4096 {
			t.Errorf("SessionTokenSize: got %d, want %d or a little more", got, least)
		}
		if _, err := p.sts(session(out.Credentials)).GetCallerIdentity(t.Context(), nil); err != nil {
			t.Errorf("a padded token: %v", err)
		}
	}
}

func TestGetCallerIdentity(t *testing.T) {
	s := fakeaws.Example()
	s.Accounts[0].RootKeys = []fakeaws.AccessKey{{ID: "AKIAROOTROOTEXAMPLE1", Secret: "root"}}
	s.Accounts[0].Users[0].Path, s.Accounts[0].Roles[0].Path = "/staff/", "/jobs/"
	s.Accounts[0].Users[0].ID = "AIDACKCEVSQ6C2EXAMPLE"
	s.Accounts[0].Roles[0].Trust = fakeaws.Document(strings.ReplaceAll(string(s.Accounts[0].Roles[0].Trust), "user/john", "user/staff/john"))
	p := start(t, fakeaws.Config{State: s})
	root := aws.Credentials{AccessKeyID: "AKIAROOTROOTEXAMPLE1", SecretAccessKey: "root"}
	out, err := p.sts(john()).GetSessionToken(t.Context(), &sts.GetSessionTokenInput{})
	if err != nil {
		t.Fatal(err)
	}
	role := p.assume(john(), strings.Replace(uploadRole, "role/", "role/jobs/", 1), "upload")
	for _, c := range []struct {
		who     string
		creds   aws.Credentials
		arn, id string
	}{
		{"a user, with its path", john(), "arn:aws:iam::629470240201:user/staff/john", "AIDACKCEVSQ6C2EXAMPLE"},
		{"a user's session is the user", session(out.Credentials), "arn:aws:iam::629470240201:user/staff/john", "AIDACKCEVSQ6C2EXAMPLE"},
		{"a role's session, without the path", role, uploaderARN, ":upload"},
		{"root", root, "arn:aws:iam::629470240201:root", "629470240201"},
	} {
		t.Run(c.who, func(t *testing.T) {
			got, err := p.sts(c.creds).GetCallerIdentity(t.Context(), &sts.GetCallerIdentityInput{})
			if err != nil {
				t.Fatal(err)
			}
			if *got.Arn != c.arn || !strings.HasSuffix(*got.UserId, c.id) || *got.Account != "629470240201" {
				t.Errorf("got %s, %s, %s, want %s, %s", *got.Arn, *got.UserId, *got.Account, c.arn, c.id)
			}
		})
	}
	_, err = p.sts(root).AssumeRole(t.Context(), &sts.AssumeRoleInput{RoleArn: aws.String(uploadRole), RoleSessionName: aws.String("upload")})
	wantError(t, "AssumeRole as root", err, "AccessDenied", "Roles may not be assumed by root accounts.")
	long, err := p.sts(root).GetSessionToken(t.Context(), &sts.GetSessionTokenInput{DurationSeconds: aws.Int32(43200)})
	if err != nil || time.Until(*long.Credentials.Expiration) > time.Hour {
		t.Errorf("GetSessionToken as root: got %v, %v, want an hour at most", long, err)
	}
}

func TestGetSessionToken(t *testing.T) {
	p := start(t, fakeaws.Config{})
	out, err := p.sts(john()).GetSessionToken(t.Context(), &sts.GetSessionTokenInput{})
	if err != nil {
		t.Fatal(err)
	}
	if left := time.Until(*out.Credentials.Expiration); left < 12*time.Hour-time.Minute || left > 12*time.Hour {
		t.Errorf("Expiration: got %s from now, want 12h", left)
	}
	c := session(out.Credentials)
	if _, err := p.client(c).Get(t.Context(), "company1-hr", "handbook.txt"); err != nil {
		t.Errorf("Get with the user's own permissions: %v", err)
	}
	_, err = p.sts(c).GetSessionToken(t.Context(), &sts.GetSessionTokenInput{})
	wantError(t, "GetSessionToken again", err, "AccessDenied", "Cannot call GetSessionToken with session credentials")
	_, err = p.sts(c).AssumeRole(t.Context(), &sts.AssumeRoleInput{RoleArn: aws.String(adminRole), RoleSessionName: aws.String("admin"), DurationSeconds: aws.Int32(3601)})
	wantError(t, "AssumeRole for longer than an hour", err, "ValidationError",
		"The requested DurationSeconds exceeds the 1 hour session limit for roles assumed by role chaining.")
	p.assume(c, adminRole, "admin")
}

func TestMFA(t *testing.T) {
	const serial = "arn:aws:iam::629470240201:mfa/john"
	seed := []byte("12345678901234567890")
	s := fakeaws.Example()
	s.Accounts[0].Users[0].MFA = []fakeaws.MFADevice{{Serial: serial, Seed: base32.StdEncoding.EncodeToString(seed)}}
	s.Accounts[0].Roles[0].Trust = `{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Principal":{"AWS":"` + johnARN + `"},
 "Action":"sts:AssumeRole","Condition":{"Bool":{"aws:MultiFactorAuthPresent":"true"}}}]}`
	at := time.Now()
	p := start(t, fakeaws.Config{State: s, Now: func() time.Time { return at }})
	device := func(off time.Duration) string { return fakeaws.MFACode(seed, at.Add(off)) }

	if got := fakeaws.MFACode(seed, time.Unix(1111111109, 0)); got != "081804" {
		t.Errorf("the code of RFC 6238's table: got %s, want 081804", got)
	}
	const invalid = "MultiFactorAuthentication failed with invalid MFA one time pass code."
	for _, c := range []struct{ name, serial, code, refusal string }{
		{"no code, and the role wants one", "", "", "User: " + johnARN + " is not authorized to perform: sts:AssumeRole on resource: " + uploadRole},
		{"a serial number alone", serial, "", "MultiFactorAuthentication failed, must provide both MFA serial number and one time pass code."},
		{"a code alone", "", "123456", "MultiFactorAuthentication failed, must provide both MFA serial number and one time pass code."},
		{"a device that is another's", serial + "2", device(0), "MultiFactorAuthentication failed, unable to validate MFA code.  Please verify your MFA serial number is valid and associated with this user."},
		{"a code of two minutes ago", serial, device(-2 * time.Minute), invalid},
		{"the code", serial, device(0), ""},
		{"the code again", serial, device(0), invalid},
		{"the code before it", serial, device(-30 * time.Second), invalid},
		{"the next code", serial, device(30 * time.Second), ""},
	} {
		t.Run(c.name, func(t *testing.T) {
			var more []string
			if c.serial != "" {
				more = append(more, "SerialNumber="+c.serial)
			}
			if c.code != "" {
				more = append(more, "TokenCode="+c.code)
			}
			got := p.send(assumeForm(more...))
			if c.refusal == "" {
				got.want(t, 200, "", "")
				return
			}
			got.want(t, 403, "AccessDenied", c.refusal)
		})
	}
	t.Run("a session with MFA opens the role without another code", func(t *testing.T) {
		at = at.Add(5 * time.Minute)
		out, err := p.sts(john()).GetSessionToken(t.Context(), &sts.GetSessionTokenInput{SerialNumber: aws.String(serial), TokenCode: aws.String(device(0))})
		if err != nil {
			t.Fatal(err)
		}
		p.assume(session(out.Credentials), uploadRole, "upload")
	})
	t.Run("the journal has no code", func(t *testing.T) {
		calls := p.Journal()
		if got := calls[len(calls)-3].Parameters["TokenCode"]; !strings.HasPrefix(got, "sha256:") {
			t.Errorf("TokenCode: got %q, want its hash", got)
		}
	})
}

func TestExpiry(t *testing.T) {
	at := time.Now()
	p := start(t, fakeaws.Config{Now: func() time.Time { return at }})
	c := p.assume(john(), uploadRole, "upload")
	at = at.Add(59 * time.Minute)
	if _, err := p.client(c).Get(t.Context(), "company1-hr", "handbook.txt"); err != nil {
		t.Errorf("Get after 59 minutes: %v", err)
	}
	p.Advance(time.Minute)
	_, err := p.client(c).Get(t.Context(), "company1-hr", "handbook.txt")
	wantError(t, "Get after an hour", err, "ExpiredToken", "The provided token has expired.")
	_, err = p.sts(c).GetCallerIdentity(t.Context(), nil)
	wantError(t, "GetCallerIdentity after an hour", err, "ExpiredToken", "The security token included in the request is expired")
	if got := p.send(form(c, "Action=GetCallerIdentity")); got.status != 403 {
		t.Errorf("STS's status: got %d, want 403", got.status)
	}
	if got := p.send(object(c, "GET", "/company1-hr/handbook.txt", "")); got.status != 400 {
		t.Errorf("S3's status: got %d, want 400", got.status)
	}
}
