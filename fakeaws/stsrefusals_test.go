package fakeaws_test

import (
	"fmt"
	"math/rand/v2"
	"net/http"
	"strings"
	"testing"

	"github.com/vendord/vendord/fakeaws"
)

// TestValidation asserts every text with which STS refuses parameters.
func TestValidation(t *testing.T) {
	p := start(t, fakeaws.Config{})
	long := strings.Repeat("x", 65)
	const tags = "InvalidParameterValue"
	for _, c := range []struct {
		name          string
		parameters    []string
		code, message string
	}{
		{"a name of one character", []string{"RoleSessionName=a"}, "ValidationError",
			"1 validation error detected: Value 'a' at 'roleSessionName' failed to satisfy constraint: Member must have length greater than or equal to 2"},
		{"a name of 65", []string{"RoleSessionName=" + long}, "ValidationError",
			"1 validation error detected: Value '" + long + "' at 'roleSessionName' failed to satisfy constraint: Member must have length less than or equal to 64"},
		{"a name with a colon, before the ARN", []string{"RoleSessionName=a:b", "RoleArn=arn:aws:iam::1:role/x"}, "ValidationError",
			`1 validation error detected: Value 'a:b' at 'roleSessionName' failed to satisfy constraint: Member must satisfy regular expression pattern: [\w+=,.@-]*`},
		{"two problems at once", []string{"RoleSessionName=a", "DurationSeconds=899"}, "ValidationError",
			"2 validation errors detected: Value 'a' at 'roleSessionName' failed to satisfy constraint: Member must have length greater than or equal to 2; " +
				"Value '899' at 'durationSeconds' failed to satisfy constraint: Member must have value greater than or equal to 900"},
		{"half a day and a second", []string{"DurationSeconds=43201"}, "ValidationError",
			"1 validation error detected: Value '43201' at 'durationSeconds' failed to satisfy constraint: Member must have value less than or equal to 43200"},
		{"a duration that is none", []string{"DurationSeconds=1h"}, "ValidationError",
			"1 validation error detected: Value '1h' at 'durationSeconds' failed to satisfy constraint: Member must be an integer"},
		{"a policy with curly quotes", []string{"Policy={“a”}"}, "ValidationError",
			"1 validation error detected: Value '{“a”}' at 'policy' failed to satisfy constraint: Member must satisfy regular expression pattern: [\\u0009\\u000A\\u000D\\u0020-\\u00FF]+"},
		{"an external id of one character", []string{"ExternalId=x"}, "ValidationError",
			"1 validation error detected: Value 'x' at 'externalId' failed to satisfy constraint: Member must have length greater than or equal to 2"},
		{"a code of five digits", []string{"SerialNumber=GAHT12345678", "TokenCode=12345"}, "ValidationError",
			"1 validation error detected: Value '12345' at 'tokenCode' failed to satisfy constraint: Member must have length greater than or equal to 6"},
		{"a token larger than there are", []string{"MinimumSessionTokenSize=4097"}, "ValidationError",
			"1 validation error detected: Value '4097' at 'minimumSessionTokenSize' failed to satisfy constraint: Member must have value less than or equal to 4096"},
		{"an ARN in the list that is none", []string{"PolicyArns.member.1.arn=short"}, "ValidationError",
			"1 validation error detected: Value 'short' at 'policyArns.1.member.arn' failed to satisfy constraint: Member must have length greater than or equal to 20"},
		{"a tag with a bad key", []string{"Tags.member.1.Key=a!", "Tags.member.1.Value=x"}, "ValidationError",
			`1 validation error detected: Value 'a!' at 'tags.1.member.key' failed to satisfy constraint: Member must satisfy regular expression pattern: [\p{L}\p{Z}\p{N}_.:/=+\-@]+`},
		{"a tag without a value", []string{"Tags.member.1.Key=a"}, "ValidationError",
			"1 validation error detected: Value null at 'tags.1.member.value' failed to satisfy constraint: Member must not be null"},
		{"51 tags", manyTags(51, 1), "ValidationError",
			"1 validation error detected: Value '[51 members]' at 'tags' failed to satisfy constraint: Member must have length less than or equal to 50"},

		{"the ARN of a session", []string{"RoleArn=" + uploaderARN}, "ValidationError", uploaderARN + " is invalid"},
		{"the ARN of a user", []string{"RoleArn=" + johnARN}, "ValidationError", johnARN + " is invalid"},
		{"the ARN of no policy", []string{"PolicyArns.member.1.arn=" + uploadRole}, "ValidationError", uploadRole + " is invalid"},
		{"eleven policies", elevenPolicies(), tags, "The number of managed policies in PolicyArns exceeds the limit of 10."},
		{"a policy that is not there", []string{"PolicyArns.member.1.arn=arn:aws:iam::629470240201:policy/Nope"}, tags,
			"At least one Policy ARN in the PolicyArns parameter does not match an existing IAM Managed Policy ARN."},
		{"a policy of another account", []string{"RoleArn=" + adminRole, "PolicyArns.member.1.arn=" + uploadARN}, tags,
			"At least one Policy ARN in the PolicyArns parameter does not match an existing IAM Managed Policy ARN."},

		{"a policy that is not JSON", []string{"Policy={"}, "MalformedPolicyDocument", "The policy is not in the valid JSON format."},
		{"a policy with a principal", []string{`Policy={"Version":"2012-10-17","Statement":[{"Effect":"Allow","Principal":"*","Action":"s3:GetObject","Resource":"*"}]}`},
			"MalformedPolicyDocument", "Syntax errors in policy: session policies have no Principal"},

		{"tags that differ in case", []string{"Tags.member.1.Key=Team", "Tags.member.1.Value=a", "Tags.member.2.Key=team", "Tags.member.2.Value=b"}, tags,
			"Duplicate tag keys found. Please note that Tag keys are case insensitive."},
		{"a transitive tag that is no tag", []string{"TransitiveTagKeys.member.1=team"}, tags,
			"The specified transitive tag key must be included in the requested tags."},
		{"a tag of AWS's", []string{"Tags.member.1.Key=aws:team", "Tags.member.1.Value=a"}, tags, "Tag keys that begin with aws: are reserved for AWS."},
		{"contexts", []string{"ProvidedContexts.member.1.ProviderArn=arn:aws:iam::aws:contextProvider/IdentityCenter"}, tags, "fakeaws does not have ProvidedContexts."},

		{"longer than the role allows", []string{"DurationSeconds=3601"}, "ValidationError",
			"The requested DurationSeconds exceeds the MaxSessionDuration set for this role."},
	} {
		t.Run(c.name, func(t *testing.T) {
			p.send(assumeForm(c.parameters...)).want(t, 400, c.code, c.message)
		})
	}
	t.Run("nothing at all", func(t *testing.T) {
		p.send(form(john(), "Action=AssumeRole")).want(t, 400, "ValidationError",
			"2 validation errors detected: Value null at 'roleArn' failed to satisfy constraint: Member must not be null; "+
				"Value null at 'roleSessionName' failed to satisfy constraint: Member must not be null")
	})
	t.Run("a session token of more than 36 hours", func(t *testing.T) {
		p.send(form(john(), "Action=GetSessionToken", "DurationSeconds=129601")).want(t, 400, "ValidationError",
			"1 validation error detected: Value '129601' at 'durationSeconds' failed to satisfy constraint: Member must have value less than or equal to 129600")
	})
}

// manyTags makes n tags whose values are noise, which does not pack.
func manyTags(n, chars int) []string {
	noise := rand.New(rand.NewPCG(1, 2))
	var parameters []string
	for i := range n {
		var value strings.Builder
		for range chars {
			value.WriteByte("ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789"[noise.IntN(62)])
		}
		parameters = append(parameters, fmt.Sprintf("Tags.member.%d.Key=tag%d", i+1, i), fmt.Sprintf("Tags.member.%d.Value=%s", i+1, value.String()))
	}
	return parameters
}

func elevenPolicies() []string {
	var parameters []string
	for i := range 11 {
		parameters = append(parameters, fmt.Sprintf("PolicyArns.member.%d.arn=%s", i+1, uploadARN))
	}
	return parameters
}

func TestTokenLimit(t *testing.T) {
	p := start(t, fakeaws.Config{})
	admin := "RoleArn=" + adminRole
	if got := p.send(assumeForm(append(manyTags(10, 100), admin)...)); got.status != 200 {
		t.Errorf("ten tags: got %d %s", got.status, got.message)
	}
	got := p.send(assumeForm(append(manyTags(50, 200), admin)...))
	if got.code != "PackedPolicyTooLarge" || !strings.HasPrefix(got.message, "Packed size of session tags consumes 2") || !strings.HasSuffix(got.message, "% of allotted space.") {
		t.Errorf("50 tags of noise: got %s: %s", got.code, got.message)
	}
	got = p.send(assumeForm(append(manyTags(50, 200), admin, "Policy="+allow("s3:GetObject", "*"))...))
	if got.code != "PackedPolicyTooLarge" || !strings.HasPrefix(got.message, "Packed policy consumes 2") || !strings.HasSuffix(got.message, "% of allotted space, please use smaller policy.") {
		t.Errorf("with a policy: got %s: %s", got.code, got.message)
	}

	t.Run("2,048 characters are no limit any more", func(t *testing.T) {
		long := "Policy=" + allow("s3:GetObject", strings.Repeat("arn:aws:s3:::company1-hr/one/of/many ", 60))
		p.send(assumeForm(long)).want(t, 200, "", "")
		old := start(t, fakeaws.Config{Plaintext2048: true})
		old.send(assumeForm(long)).want(t, 400, "PackedPolicyTooLarge", "Packed policy consumes 119% of allotted space, please use smaller policy.")
	})
}

// TestWire is about requests that are wrong before they mean anything.
func TestWire(t *testing.T) {
	p := start(t, fakeaws.Config{})
	who := form(john(), "Action=GetCallerIdentity")
	for _, c := range []struct {
		name          string
		change        func(*raw)
		status        int
		code, message string
	}{
		{"GET with the action in the query", func(r *raw) { r.method, r.query, r.body = "GET", r.body, "" }, 405, "MethodNotAllowed", "fakeaws takes query requests by POST only."},
		{"parameters in the query as well", func(r *raw) { r.query = "RoleArn=x" }, 400, "MalformedInput", "Query requests carry their parameters in the body, not in the query string."},
		{"JSON", func(r *raw) { r.header["Content-Type"] = []string{"application/json"} }, 400, "MalformedInput", "Content-Type must be application/x-www-form-urlencoded."},
		{"no content type", func(r *raw) { r.header = http.Header{} }, 400, "MalformedInput", "Content-Type must be application/x-www-form-urlencoded."},
		{"latin-1", func(r *raw) { r.header["Content-Type"][0] += "; charset=iso-8859-1" }, 400, "MalformedInput", "Content-Type must be application/x-www-form-urlencoded."},
		{"compressed", func(r *raw) { r.header["Content-Encoding"] = []string{"gzip"} }, 400, "MalformedInput", "Query requests cannot have a Content-Encoding."},
		{"too large", func(r *raw) { r.body += "&Policy=" + strings.Repeat("x", 512<<10) }, 413, "RequestEntityTooLarge", "The body is larger than 512 KiB."},
		{"no form", func(r *raw) { r.body = "%zz" }, 400, "MalformedInput", "The body is not an urlencoded form."},
		{"a parameter twice", func(r *raw) { r.body += "&RoleArn=a&RoleArn=b" }, 400, "MalformedInput", `Parameter "RoleArn" is there more than once.`},
		{"not UTF-8", func(r *raw) { r.body += "&Policy=%ff" }, 400, "MalformedInput", `Parameter "Policy" is not UTF-8.`},
		{"no action", func(r *raw) { r.body = "Version=2011-06-15" }, 400, "MissingAction", "The request is missing an action."},
		{"an unknown action", func(r *raw) { r.body = "Action=Fly&Version=2011-06-15" }, 400, "InvalidAction", "Could not find operation Fly for version 2011-06-15"},
		{"an action that is not built", func(r *raw) { r.body = "Action=AssumeRoot&Version=2011-06-15" }, 400, "InvalidAction", "fakeaws does not have the operation AssumeRoot."},
		{"another version", func(r *raw) { r.body = "Action=GetCallerIdentity&Version=2011-06-16" }, 400, "NoSuchVersion",
			"The requested version ( 2011-06-16 ) of service AWSSecurityTokenService does not exist"},
		{"charset utf-8, as the AWS CLI says", func(r *raw) { r.header["Content-Type"][0] += "; charset=utf-8" }, 200, "", ""},
		{"a hash of another body", func(r *raw) {
			r.before = func(rq *http.Request) { rq.Header.Set("X-Amz-Content-Sha256", strings.Repeat("0", 64)) }
		}, 403, "SignatureDoesNotMatch", stsMismatch},
	} {
		t.Run(c.name, func(t *testing.T) {
			r := who
			r.header = who.header.Clone()
			c.change(&r)
			p.send(r).want(t, c.status, c.code, c.message)
		})
	}
	for name, parameters := range map[string][]string{
		"a capital in policyArns":  {"PolicyArns.member.1.Arn=" + uploadARN},
		"a list that is no list":   {"PolicyArns.1.arn=" + uploadARN},
		"member number zero":       {"PolicyArns.member.0.arn=" + uploadARN},
		"a number with a sign":     {"PolicyArns.member.+1.arn=" + uploadARN},
		"a member without a field": {"PolicyArns.member.1=" + uploadARN},
	} {
		t.Run(name, func(t *testing.T) {
			got := p.send(assumeForm(parameters...))
			if key, _, _ := strings.Cut(parameters[0], "="); got.message != fmt.Sprintf("Parameter %q is not a member of the list PolicyArns.", key) || got.status != 400 {
				t.Errorf("got %d %s: %s", got.status, got.code, got.message)
			}
		})
	}
	t.Run("a list with a gap", func(t *testing.T) {
		p.send(assumeForm("PolicyArns.member.2.arn="+uploadARN)).want(t, 400, "MalformedInput", "The list PolicyArns has gaps.")
	})
	t.Run("headers", func(t *testing.T) {
		for _, r := range []raw{who, form(john(), "Action=Fly")} {
			got := p.send(r)
			id := got.header.Get("X-Amzn-Requestid")
			if id == "" || !strings.Contains(got.body, "<RequestId>"+id+"</RequestId>") || got.header.Get("Content-Type") != "text/xml" ||
				got.header.Get("X-Amz-Sts-Extended-Request-Id") == "" || got.header.Get("Server") != "fakeaws (not AWS)" {
				t.Errorf("got headers %v and body %s", got.header, got.body)
			}
		}
	})
}
