package mint_test

import (
	"context"
	"encoding/base64"
	"net/http"
	"net/url"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/vendord/vendord/mint"
	"github.com/vendord/vendord/session"
)

const provider = "arn:aws:iam::629470240201:saml-provider/ADFS"

// jwt has the form of a token; whether it is good is AWS's to say.
func jwt(claims string) string {
	part := base64.RawURLEncoding.EncodeToString
	return part([]byte(`{"alg":"RS256"}`)) + "." + part([]byte(claims)) + ".CANARYsignature"
}

// saml is an assertion for some roles, as an identity provider posts it.
func saml(roles ...string) string {
	values := ""
	for _, role := range roles {
		values += "<AttributeValue>" + role + "," + provider + "</AttributeValue>"
	}
	return base64.StdEncoding.EncodeToString([]byte(`<samlp:Response xmlns:samlp="urn:oasis:names:tc:SAML:2.0:protocol"><Assertion><AttributeStatement>` +
		`<Attribute Name="https://aws.amazon.com/SAML/Attributes/Role">` + values + `</Attribute><Attribute Name="secret"><AttributeValue>CANARY:role/x</AttributeValue></Attribute>` +
		`</AttributeStatement></Assertion></samlp:Response>`))
}

// file puts a text where a source finds it.
func file(t *testing.T, text string) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), "file")
	write(t, path, text)
	return path
}

// bare is a request for an operation with nothing but what it needs.
func bare(t *testing.T, operation, endpoint string) session.Request {
	r := session.Request{Source: session.Source{Name: "john", Type: session.Environment}, Operation: operation, Region: "eu-west-1", Endpoint: endpoint}
	switch operation {
	case session.GetFederationToken:
		r.SessionName = "bob"
	case session.AssumeRoleWithWebIdentity:
		r.RoleARN, r.SessionName = roleARN, "ci"
		r.Source.Type, r.Source.File = session.WebIdentity, file(t, jwt(`{"sub":"ci"}`)+"\n")
	case session.AssumeRoleWithSAML:
		r.RoleARN, r.Source.Type, r.Source.ProviderARN, r.Source.File = roleARN, session.SAML, provider, file(t, saml(roleARN))
	}
	return r
}

// TestOperationsSendExactlyTheRequest: what was asked for, and nothing else.
func TestOperationsSendExactlyTheRequest(t *testing.T) {
	hostile(t)
	const arn = "arn:aws:iam::aws:policy/A"
	narrowed := func(r *session.Request) {
		r.Policy, r.PolicyARNs, r.Duration, r.MinTokenSize = readOnly, session.List([]string{arn}), 2*time.Hour, 4096
	}
	narrow := url.Values{"Policy": {readOnly}, "PolicyArns.member.1.arn": {arn}, "DurationSeconds": {"7200"}, "MinimumSessionTokenSize": {"4096"}}
	tests := map[string]struct {
		operation string
		change    func(*session.Request)
		want      []url.Values
	}{
		"a federated user":        {session.GetFederationToken, nil, []url.Values{{"Name": {"bob"}, "DurationSeconds": {"43200"}}}},
		"a federated user, whole": {session.GetFederationToken, func(r *session.Request) { narrowed(r); r.Tags = session.Pairs(map[string]string{"a": "b"}) }, []url.Values{narrow, {"Name": {"bob"}, "Tags.member.1.Key": {"a"}, "Tags.member.1.Value": {"b"}}}},
		"a user's session":        {session.GetSessionToken, nil, []url.Values{{"DurationSeconds": {"43200"}}}},
		"a user's session, whole": {session.GetSessionToken, func(r *session.Request) {
			r.Duration, r.MinTokenSize, r.MFASerial = 36*time.Hour, 1, mfaSerial
		}, []url.Values{{"DurationSeconds": {"129600"}, "MinimumSessionTokenSize": {"1"}, "SerialNumber": {mfaSerial}, "TokenCode": {"271828"}}}},
		"a web identity":        {session.AssumeRoleWithWebIdentity, nil, []url.Values{{"RoleArn": {roleARN}, "RoleSessionName": {"ci"}, "DurationSeconds": {"3600"}, "WebIdentityToken": {jwt(`{"sub":"ci"}`)}}}},
		"a web identity, whole": {session.AssumeRoleWithWebIdentity, narrowed, []url.Values{narrow, {"RoleArn": {roleARN}, "RoleSessionName": {"ci"}, "WebIdentityToken": {jwt(`{"sub":"ci"}`)}}}},
		"an assertion":          {session.AssumeRoleWithSAML, nil, []url.Values{{"RoleArn": {roleARN}, "PrincipalArn": {provider}, "DurationSeconds": {"3600"}, "SAMLAssertion": {saml(roleARN)}}}},
		"an assertion, whole":   {session.AssumeRoleWithSAML, narrowed, []url.Values{narrow, {"RoleArn": {roleARN}, "PrincipalArn": {provider}, "SAMLAssertion": {saml(roleARN)}}}},
		"a role with MFA and a large token": {session.AssumeRole, func(r *session.Request) {
			r.RoleARN, r.SessionName, r.MFASerial, r.MinTokenSize = roleARN, "john", mfaSerial, 2000
		}, []url.Values{{"RoleArn": {roleARN}, "RoleSessionName": {"john"}, "DurationSeconds": {"3600"}, "MinimumSessionTokenSize": {"2000"}, "SerialNumber": {mfaSerial}, "TokenCode": {"271828"}}}},
	}
	actions := map[string]string{session.AssumeRole: "AssumeRole", session.GetFederationToken: "GetFederationToken", session.GetSessionToken: "GetSessionToken",
		session.AssumeRoleWithWebIdentity: "AssumeRoleWithWebIdentity", session.AssumeRoleWithSAML: "AssumeRoleWithSAML"}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			sts := newSTS(t, grants)
			r := bare(t, test.operation, sts.URL)
			if test.change != nil {
				test.change(&r)
			}
			mustMint(t, mint.Config{Code: types("271828")}, r)
			want := url.Values{"Action": {actions[test.operation]}, "Version": {"2011-06-15"}}
			for _, some := range test.want {
				for key, value := range some {
					want[key] = value
				}
			}
			got := sts.only(t)
			if got.form.Encode() != want.Encode() {
				t.Errorf("parameters:\n got %s\nwant %s", got.form.Encode(), want.Encode())
			}
			anonymous := strings.Contains(test.operation, "-with-")
			if signed := got.header.Get("Authorization") != ""; signed == anonymous || got.header.Get("X-Amz-Security-Token") != "" {
				t.Errorf("signed: got %v and token %q, want %v and none", signed, got.header.Get("X-Amz-Security-Token"), !anonymous)
			}
		})
	}
}

// TestOperationsAnswer: who AWS takes each session for, how full its token is, and
// how long it lives: no longer than was asked for.
func TestOperationsAnswer(t *testing.T) {
	const federated = "arn:aws:sts::629470240201:federated-user/bob"
	assumed := "arn:aws:sts::629470240201:assumed-role/JohnUploadRole/john-uploader"
	tests := map[string]struct {
		operation, inner   string
		life               time.Duration
		principal, account string
		use                int
	}{
		"a federated user":              {session.GetFederationToken, "<FederatedUser><Arn>" + federated + "</Arn></FederatedUser><PackedPolicySize>7</PackedPolicySize>", 12 * time.Hour, federated, "629470240201", 7},
		"a federated user, and no more": {session.GetFederationToken, "", 12 * time.Hour, "", "", -1},
		"a user's session":              {session.GetSessionToken, "<SessionTokenUtilization>9</SessionTokenUtilization>", 12 * time.Hour, "", "", 9},
		"a web identity":                {session.AssumeRoleWithWebIdentity, assumedUser + "<SessionTokenUtilization>3</SessionTokenUtilization><PackedPolicySize>4</PackedPolicySize>", time.Hour, assumed, "629470240201", 3},
		"an assertion":                  {session.AssumeRoleWithSAML, assumedUser, time.Hour, assumed, "629470240201", -1},
	}
	for name, test := range tests {
		for given, want := range map[time.Duration]time.Duration{test.life: test.life, 20 * time.Minute: 20 * time.Minute, 100 * time.Hour: test.life} {
			t.Run(name+" for "+given.String(), func(t *testing.T) {
				sts := newSTS(t, func(w http.ResponseWriter, r *http.Request) {
					says(200, result(r.PostForm.Get("Action"), credentials(newKeyID, newSecret, newToken, stamp(time.Now().Add(given)))+test.inner))(w, r)
				})
				got, _ := mustMint(t, mint.Config{}, bare(t, test.operation, sts.URL))
				if got.Principal != test.principal || got.AccountID != test.account || got.TokenUse != test.use || got.Region != "eu-west-1" {
					t.Errorf("got %q, %q, %d, %q", got.Principal, got.AccountID, got.TokenUse, got.Region)
				}
				if (got.Life-want).Abs() > 3*time.Second || got.Life > test.life {
					t.Errorf("life: got %v, want %v", got.Life, want)
				}
			})
		}
	}
}

// TestParametersThatDoNotFit: none is left out silently.
func TestParametersThatDoNotFit(t *testing.T) {
	all := func(r *session.Request) {
		r.RoleARN, r.SessionName, r.ExternalID, r.SourceIdentity, r.Policy = roleARN, "n", "x", "i", "{}"
		r.PolicyARNs, r.Tags, r.TransitiveTags = session.List([]string{"a"}), session.Pairs(map[string]string{"a": "b"}), session.List([]string{"a"})
		r.MFASerial, r.Duration, r.MinTokenSize = mfaSerial, time.Hour, 1
	}
	for operation, keys := range map[string]string{
		session.AssumeRoleWithWebIdentity: "external_id source_identity tags transitive_tags mfa_serial",
		session.AssumeRoleWithSAML:        "session_name external_id source_identity tags transitive_tags mfa_serial",
		session.GetFederationToken:        "role_arn external_id source_identity transitive_tags mfa_serial",
		session.GetSessionToken:           "role_arn session_name external_id source_identity policy policy_arns tags transitive_tags",
		session.GetScopedCredentials:      "session_name external_id source_identity policy_arns tags transitive_tags mfa_serial",
		session.SourceItself:              "role_arn session_name external_id source_identity policy policy_arns tags transitive_tags mfa_serial duration minimum_session_token_size",
	} {
		r := bare(t, operation, "http://127.0.0.1:1")
		all(&r)
		clear := map[string]func(){"role_arn": func() { r.RoleARN = "" }, "session_name": func() { r.SessionName = "" }, "external_id": func() { r.ExternalID = "" },
			"source_identity": func() { r.SourceIdentity = "" }, "policy": func() { r.Policy = "" }, "policy_arns": func() { r.PolicyARNs = "" },
			"tags": func() { r.Tags = "" }, "transitive_tags": func() { r.TransitiveTags = "" }, "mfa_serial": func() { r.MFASerial = "" },
			"duration": func() { r.Duration = 0 }, "minimum_session_token_size": func() { r.MinTokenSize = 0 }}
		for key := range strings.FieldsSeq(keys) {
			subject := source
			if r.RoleARN != "" {
				subject = role
			}
			wantError(t, refused(t, mint.Config{}, r), session.Configuration, subject+key+` cannot be given with operation "`+operation+`"`,
				"leave it out, then run: vendord reload")
			clear[key]()
		}
	}
	for operation, kind := range map[string]string{session.AssumeRoleWithWebIdentity: "web-identity", session.AssumeRoleWithSAML: "saml"} {
		r := bare(t, operation, "http://127.0.0.1:1")
		r.Source.Type = session.Environment
		wantError(t, refused(t, mint.Config{}, r), session.Configuration, role+`operation "`+operation+`" needs a source of type "`+kind+`"`,
			"name such a source in the profile, then run: vendord reload")
		r.Source.Type, r.Operation = kind, session.AssumeRole
		r.SessionName = "x"
		wantError(t, refused(t, mint.Config{}, r), session.Configuration, source+"it has no credentials that could sign",
			"it proves who asks for a role, and can do nothing else: use a source with credentials")
	}
	for key, spoil := range map[string]func(*session.Request){"policy_arns": func(r *session.Request) { r.PolicyARNs = "arn:aws:iam::aws:policy/ReadOnlyAccess" },
		"transitive_tags": func(r *session.Request) { r.TransitiveTags = "[]" }} {
		r := request("http://127.0.0.1:1")
		spoil(&r)
		wantError(t, refused(t, mint.Config{}, r), session.Configuration, role+key+" cannot be read", "report it, with the profile")
	}
	r := request("http://127.0.0.1:1")
	r.Source.Type = session.ParentProfile
	wantError(t, refused(t, mint.Config{}, r), session.Configuration, source+"the session of its profile is missing", "")
}

// TestLongTermKeys: AWS gives these sessions to users alone, and is not asked where
// that is known.
func TestLongTermKeys(t *testing.T) {
	const hint = "use a source with the long-term keys of an IAM user, or another operation"
	for operation, action := range map[string]string{session.GetFederationToken: "GetFederationToken", session.GetSessionToken: "GetSessionToken"} {
		want := source + "its keys are those of a session, and AWS gives sts:" + action + " to long-term keys alone"
		sts := newSTS(t, refuses(403, "AccessDenied", "Cannot call "+action+" with session credentials"))
		r := bare(t, operation, sts.URL)
		if operation == session.GetSessionToken {
			r.MFASerial = mfaSerial
		}
		asked := 0
		c := mint.Config{Environ: keysEnviron("AWS_SESSION_TOKEN=CANARYt"), Code: func(context.Context, session.Request) (string, error) { asked++; return "271828", nil }}
		wantError(t, refused(t, c, r), session.Configuration, want, hint)
		if len(sts.requests()) != 0 || asked != 0 {
			t.Errorf("%s: got %d requests and %d codes, want none", operation, len(sts.requests()), asked)
		}
		c.Environ = keysEnviron()
		wantError(t, refused(t, c, r), session.Configuration, want, hint)
	}
	for operation, action := range map[string]string{session.GetFederationToken: "sts:GetFederationToken", session.GetSessionToken: "sts:GetSessionToken"} {
		sts := newSTS(t, refuses(403, "AccessDenied", "User: "+john+" is not authorized to perform: "+action+" on resource: x"))
		wantError(t, refused(t, mint.Config{}, bare(t, operation, sts.URL)), session.Administrator, source+"AWS denies "+action+" to "+john,
			"the policies of "+john+" do not allow "+action)
	}
}

// TestSourceItself hands out a session's credentials until they expire, and nothing
// else.
func TestSourceItself(t *testing.T) {
	const longTerm = `use operation = "get-session-token", or assume a role`
	const unknown = "assume a role with it, or use a source that tells: SSO, a process that prints Expiration, imds, container"
	r := bare(t, session.SourceItself, "")
	wantError(t, refused(t, mint.Config{}, r), session.Configuration, source+"its keys are long-term keys, which vendord does not hand out", longTerm)
	wantError(t, refused(t, mint.Config{Environ: keysEnviron("AWS_SESSION_TOKEN=CANARYt")}, r), session.Configuration,
		source+"its keys are long-term keys, which vendord does not hand out", longTerm) // good without the token beside them
	wantError(t, refused(t, mint.Config{Environ: []string{"AWS_ACCESS_KEY_ID=" + newKeyID, "AWS_SECRET_ACCESS_KEY=CANARYs", "AWS_SESSION_TOKEN=CANARYt"}}, r), session.Configuration,
		source+"it does not say when its session expires, so vendord does not hand it out", unknown)

	parent := bare(t, session.GetSessionToken, "")
	r.Parent = parent.Canonical()
	until := time.Now().Add(90 * time.Minute).Truncate(time.Second)
	live := session.NewCredentials("ASIAPARENTPARENT0000", "CANARYs", "CANARYt", until)
	live.Principal, live.AccountID, live.Life, live.Minted = "arn:aws:sts::629470240201:assumed-role/R/n", "629470240201", time.Hour*2, time.Now()
	got, _ := mustMint(t, mint.Config{Parent: func(context.Context, session.Request) (*session.Credentials, error) { return live, nil }}, r)
	secret, token := got.Reveal()
	if got.KeyID != live.KeyID || secret != "CANARYs" || token != "CANARYt" || !got.Expires.Equal(until) || got.Principal != live.Principal || got.AccountID != "629470240201" {
		t.Errorf("got %v of %s, want the parent's", got, got.Principal)
	}
	if left := got.Left(time.Now()); (left - 90*time.Minute).Abs() > 3*time.Second {
		t.Errorf("left: got %v, want what the expiry says", left)
	}
	// The machine's clock was set back by ten hours after the parent was minted,
	// and 100 of its 120 minutes are over.
	live.Minted, live.Expires = time.Now().Add(-100*time.Minute), time.Now().Add(10*time.Hour)
	got, _ = mustMint(t, mint.Config{Parent: func(context.Context, session.Request) (*session.Credentials, error) { return live, nil }}, r)
	if got.Life > 20*time.Minute || got.Life < 19*time.Minute {
		t.Errorf("life: got %v, want the parent's", got.Life)
	}
	live.Minted, live.Expires = time.Now(), time.Now().Add(-time.Second)
	wantError(t, refused(t, mint.Config{Parent: func(context.Context, session.Request) (*session.Credentials, error) { return live, nil }}, r),
		session.Person, "parent "+source+"its session has expired", "renew it where it comes from, then run: vendord reload")
}

// TestWholeToken: a session token of any size passes whole.
func TestWholeToken(t *testing.T) {
	token := strings.Repeat("CANARY0/", 2048) // 16 KiB
	for _, operation := range []string{session.AssumeRoleWithWebIdentity, session.AssumeRoleWithSAML, session.GetFederationToken, session.GetSessionToken} {
		sts := newSTS(t, func(w http.ResponseWriter, r *http.Request) {
			says(200, result(r.PostForm.Get("Action"), credentials(newKeyID, newSecret, token, stamp(time.Now().Add(time.Hour)))+assumedUser))(w, r)
		})
		got, _ := mustMint(t, mint.Config{}, bare(t, operation, sts.URL))
		if _, given := got.Reveal(); given != token {
			t.Errorf("%s: got a token of %d characters, want %d", operation, len(given), len(token))
		}
	}
}
