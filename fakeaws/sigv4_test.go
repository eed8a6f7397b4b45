package fakeaws_test

import (
	"net/http"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/vendord/vendord/fakeaws"
)

const (
	stsMismatch = "The request signature we calculated does not match the signature you provided. " +
		"Check your AWS Secret Access Key and signing method. Consult the service documentation for details."
	s3Mismatch = "The request signature we calculated does not match the signature you provided. Check your key and signing method."
)

// replaced spoils the Authorization header of a signed request.
func replaced(pattern, by string) func(*http.Request) {
	return func(r *http.Request) {
		r.Header.Set("Authorization", regexp.MustCompile(pattern).ReplaceAllString(r.Header.Get("Authorization"), by))
	}
}

func header(name, value string) func(*http.Request) {
	return func(r *http.Request) { r.Header.Set(name, value) }
}

// TestSignatures sends requests whose signature is wrong in one way each, to
// both services.
func TestSignatures(t *testing.T) {
	s := fakeaws.Example()
	s.Accounts[0].Users[0].Keys = append(s.Accounts[0].Users[0].Keys, fakeaws.AccessKey{ID: "AKIADISABLEDEXAMPLE1", Secret: "off", Disabled: true})
	p := start(t, fakeaws.Config{State: s})
	role := p.assume(john(), uploadRole, "upload")
	key := func(id, secret, token string) aws.Credentials {
		return aws.Credentials{AccessKeyID: id, SecretAccessKey: secret, SessionToken: token}
	}
	const (
		incomplete = "IncompleteSignature"
		malformed  = "AuthorizationHeaderMalformed"
		no         = "SignatureDoesNotMatch"
	)
	day := time.Now().UTC().Format("20060102")
	for _, c := range []struct {
		name                string
		creds               aws.Credentials
		change              func(*raw)
		after               func(*http.Request)
		stsCode, stsMessage string
		s3Code, s3Message   string
	}{
		{name: "as it should be", creds: john()},
		{name: "a session, as it should be", creds: role},
		{name: "no header", after: func(r *http.Request) { r.Header.Del("Authorization") },
			stsCode: "MissingAuthenticationToken", stsMessage: "Request is missing Authentication Token", s3Code: "AccessDenied", s3Message: "Access Denied"},
		{name: "two headers", after: func(r *http.Request) { r.Header.Add("Authorization", r.Header.Get("Authorization")) },
			stsCode: incomplete, stsMessage: "There is more than one Authorization header.", s3Code: malformed,
			s3Message: "The authorization header is malformed; There is more than one Authorization header."},
		{name: "Signature Version 2", after: header("Authorization", "AWS AKIAIOSFODNN7EXAMPLE:abc="),
			stsCode: incomplete, stsMessage: "The algorithm must be AWS4-HMAC-SHA256, the only one that fakeaws verifies.", s3Code: malformed,
			s3Message: "The authorization header is malformed; The algorithm must be AWS4-HMAC-SHA256, the only one that fakeaws verifies."},
		{name: "no Credential", after: replaced(`Credential=[^,]*`, "Credential="),
			stsCode: incomplete, stsMessage: "Authorization header requires 'Credential' parameter.", s3Code: malformed,
			s3Message: "The authorization header is malformed; Authorization header requires 'Credential' parameter."},
		{name: "a scope of four parts", after: replaced(`/aws4_request`, ""),
			stsCode: incomplete, stsMessage: "Credential must have exactly 5 slash-delimited elements, e.g. keyid/date/region/service/aws4_request.", s3Code: malformed,
			s3Message: "The authorization header is malformed; Credential must have exactly 5 slash-delimited elements, e.g. keyid/date/region/service/aws4_request."},
		{name: "a short signature", after: replaced(`Signature=.*`, "Signature=abc"),
			stsCode: incomplete, stsMessage: "Signature must be 64 lower-case hexadecimal digits.", s3Code: malformed,
			s3Message: "The authorization header is malformed; Signature must be 64 lower-case hexadecimal digits."},
		{name: "capitals in SignedHeaders", after: replaced(`;host`, ";Host"),
			stsCode: incomplete, stsMessage: "SignedHeaders must be lower-case header names in order.", s3Code: malformed,
			s3Message: "The authorization header is malformed; SignedHeaders must be lower-case header names in order."},
		{name: "a part too many", after: replaced(`$`, ", Extra=1"),
			stsCode: incomplete, stsMessage: `" Extra=1" not a valid key=value pair (missing equal-sign) in Authorization header.`, s3Code: malformed,
			s3Message: `The authorization header is malformed; " Extra=1" not a valid key=value pair (missing equal-sign) in Authorization header.`},
		{name: "another service", after: replaced(`/(sts|s3)/aws4`, "/sqs/aws4"),
			stsCode: no, stsMessage: "Credential should be scoped to correct service: 'sts'.", s3Code: malformed,
			s3Message: `The authorization header is malformed; incorrect service. This endpoint belongs to "s3".`},
		{name: "another region", change: func(r *raw) { r.region = "ap-south-1" },
			stsCode: no, stsMessage: "Credential should be scoped to a valid region, not 'ap-south-1'.", s3Code: malformed,
			s3Message: "The authorization header is malformed; the region 'ap-south-1' is wrong; expecting 'eu-west-1'"},
		{name: "another date", after: replaced(`/`+day+`/`, "/20200101/"),
			stsCode: no, stsMessage: "Date in Credential scope does not match YYYYMMDD from ISO-8601 version of date from HTTP: '20200101' != '" + day + "', from 'DATE'.",
			s3Code: malformed, s3Message: `The authorization header is malformed; Invalid credential date "20200101". This date is not the same as X-Amz-Date: "` + day + `".`},
		{name: "no date", after: func(r *http.Request) { r.Header.Del("X-Amz-Date") },
			stsCode: incomplete, stsMessage: "Authorization header requires existence of either a 'X-Amz-Date' or a 'Date' header.", s3Code: malformed,
			s3Message: "The authorization header is malformed; Authorization header requires existence of either a 'X-Amz-Date' or a 'Date' header."},
		{name: "an unknown key", creds: key("AKIANOBODYEXAMPLE123", "x", ""),
			stsCode: "InvalidClientTokenId", stsMessage: "The security token included in the request is invalid.",
			s3Code: "InvalidAccessKeyId", s3Message: "The AWS Access Key Id you provided does not exist in our records."},
		{name: "a disabled key", creds: key("AKIADISABLEDEXAMPLE1", "off", ""),
			stsCode: "InvalidClientTokenId", stsMessage: "The security token included in the request is invalid.",
			s3Code: "InvalidAccessKeyId", s3Message: "The AWS Access Key Id you provided does not exist in our records."},
		{name: "a session without its token", creds: key(role.AccessKeyID, role.SecretAccessKey, ""),
			stsCode: "InvalidClientTokenId", stsMessage: "The security token included in the request is invalid.",
			s3Code: "InvalidAccessKeyId", s3Message: "The AWS Access Key Id you provided does not exist in our records."},
		{name: "a session with a token that was changed", creds: key(role.AccessKeyID, role.SecretAccessKey, flip(role.SessionToken)),
			stsCode: "InvalidClientTokenId", stsMessage: "The security token included in the request is invalid.",
			s3Code: "InvalidToken", s3Message: "The provided token is malformed or otherwise invalid."},
		{name: "a long-term key with a token", creds: key(john().AccessKeyID, john().SecretAccessKey, role.SessionToken),
			stsCode: "InvalidClientTokenId", stsMessage: "The security token included in the request is invalid.",
			s3Code: "InvalidToken", s3Message: "The provided token is malformed or otherwise invalid."},
		{name: "another secret", creds: key(john().AccessKeyID, "wrong", ""), stsCode: no, stsMessage: stsMismatch, s3Code: no, s3Message: s3Mismatch},
		{name: "a header that was changed", after: header("Content-Type", "application/x-www-form-urlencoded; charset=utf-8"),
			stsCode: no, stsMessage: stsMismatch, s3Code: no, s3Message: s3Mismatch},
		{name: "a header of AWS's that was added", after: header("X-Amz-Expected-Bucket-Owner", "629470240201"),
			stsCode: no, stsMessage: "'x-amz-expected-bucket-owner' must be a 'SignedHeader' in the AWS Authorization.",
			s3Code: "AccessDenied", s3Message: "There were headers present in the request which were not signed (x-amz-expected-bucket-owner)"},
		{name: "the host is not signed", after: replaced(`host;`, ""),
			stsCode: no, stsMessage: "'host' must be a 'SignedHeader' in the AWS Authorization.",
			s3Code: "AccessDenied", s3Message: "There were headers present in the request which were not signed (host)"},
		{name: "another host", after: func(r *http.Request) { r.Host = "localhost" }, stsCode: no, stsMessage: stsMismatch, s3Code: no, s3Message: s3Mismatch},
	} {
		t.Run(c.name, func(t *testing.T) {
			if c.creds.AccessKeyID == "" {
				c.creds = john()
			}
			for _, r := range []raw{form(c.creds, "Action=GetCallerIdentity"), object(c.creds, "GET", "/company1-hr/handbook.txt", "")} {
				r.header.Set("Content-Type", "application/x-www-form-urlencoded")
				if c.change != nil {
					c.change(&r)
				}
				date := ""
				r.after = func(rq *http.Request) {
					date = rq.Header.Get("X-Amz-Date")
					if c.after != nil {
						c.after(rq)
					}
				}
				got := p.send(r)
				code, message := c.stsCode, strings.ReplaceAll(c.stsMessage, "DATE", date)
				if r.service == "s3" {
					code, message = c.s3Code, c.s3Message
				}
				if got.code != code || got.message != message {
					t.Errorf("%s: got %d %s: %s\nwant %s: %s", r.service, got.status, got.code, got.message, code, message)
				}
			}
		})
	}
}

// flip changes one character in the middle of a token.
func flip(token string) string {
	at := len(token) / 2
	other := "A"
	if token[at] == 'A' {
		other = "B"
	}
	return token[:at] + other + token[at+1:]
}

func TestSignatureStatus(t *testing.T) {
	p := start(t, fakeaws.Config{})
	bad := john()
	bad.SecretAccessKey = "wrong"
	p.send(form(bad, "Action=GetCallerIdentity")).want(t, 403, "SignatureDoesNotMatch", stsMismatch)
	p.send(object(bad, "GET", "/", "")).want(t, 403, "SignatureDoesNotMatch", s3Mismatch)
	p.send(form(aws.Credentials{}, "Action=GetCallerIdentity")).want(t, 403, "MissingAuthenticationToken", "Request is missing Authentication Token")
	p.send(object(aws.Credentials{}, "GET", "/", "")).want(t, 403, "AccessDenied", "Access Denied")
	broken := form(john(), "Action=GetCallerIdentity")
	broken.after = header("Authorization", "AWS4-HMAC-SHA256 nonsense")
	p.send(broken).want(t, 400, "IncompleteSignature", `"nonsense" not a valid key=value pair (missing equal-sign) in Authorization header.`)
	got := p.send(object(aws.Credentials{}, "GET", "/company1-hr/handbook.txt?X-Amz-Signature=abc&X-Amz-Algorithm=AWS4-HMAC-SHA256", ""))
	got.want(t, 501, "NotImplemented", "fakeaws does not have presigned URLs.")
	got = p.send(object(aws.Credentials{}, "GET", "/company1-hr/handbook.txt?AWSAccessKeyId=x&Signature=abc&Expires=1", "")) // boto3's default
	got.want(t, 501, "NotImplemented", "fakeaws does not have presigned URLs.")
}

func TestSkew(t *testing.T) {
	now := time.Date(2030, 5, 1, 12, 0, 0, 0, time.UTC)
	p := start(t, fakeaws.Config{Now: func() time.Time { return now }})
	const late = "The difference between the request time and the current time is too large."
	for _, c := range []struct {
		name    string
		at      time.Time
		message string // STS's
	}{
		{"14 minutes slow", now.Add(-14 * time.Minute), ""},
		{"16 minutes slow", now.Add(-16 * time.Minute), "Signature expired: 20300501T114400Z is now earlier than 20300501T114500Z (20300501T120000Z - 15 min.)"},
		{"14 minutes fast", now.Add(14 * time.Minute), ""},
		{"16 minutes fast", now.Add(16 * time.Minute), "Signature not yet current: 20300501T121600Z is still later than 20300501T121500Z (20300501T120000Z + 15 min.)"},
		{"by the machine's clock, which nobody shifted", time.Now(), ""},
	} {
		t.Run(c.name, func(t *testing.T) {
			r, o := form(john(), "Action=GetCallerIdentity"), object(john(), "GET", "/company1-hr/handbook.txt", "")
			r.at, o.at = c.at, c.at
			if c.message == "" {
				p.send(r).want(t, 200, "", "")
				p.send(o).want(t, 200, "", "")
				return
			}
			p.send(r).want(t, 403, "SignatureDoesNotMatch", c.message)
			p.send(o).want(t, 403, "RequestTimeTooSkewed", late)
		})
	}
	if got := p.send(form(john(), "Action=GetCallerIdentity")).header.Get("Date"); got != "Wed, 01 May 2030 12:00:00 GMT" {
		t.Errorf("Date: got %q, want AWS's clock", got)
	}
}

func TestCanonicalQuery(t *testing.T) {
	for raw, want := range map[string]string{
		"":                      "",
		"acl":                   "acl=",
		"b=2&a=1":               "a=1&b=2",
		"a=2&a=1":               "a=1&a=2",
		"a-b=1&a=2":             "a=2&a-b=1",
		"prefix=a+b%20c%2Bd":    "prefix=a%20b%20c%2Bd",
		"prefix=%7e/x&k=%c3%bc": "k=%C3%BC&prefix=~%2Fx",
		"a=b=c":                 "a=b%3Dc",
	} {
		if got := fakeaws.CanonicalQuery(raw); got != want {
			t.Errorf("CanonicalQuery(%q): got %q, want %q", raw, got, want)
		}
	}
}
