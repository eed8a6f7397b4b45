package policy_test

import (
	"reflect"
	"regexp"
	"strings"
	"testing"
	"unicode/utf8"

	"github.com/vendord/vendord/policy"
)

// FuzzVerdict: what is sent to STS decides as what was written, and a policy
// that is written twice decides as once.
func FuzzVerdict(f *testing.F) {
	for _, pattern := range []string{"testdata/good/*.json", "testdata/bad/*.json"} {
		for _, path := range glob(f, pattern) {
			f.Add(readFile(f, path), "s3:GetObject", "arn:aws:s3:::company1-hr/x", "aws:username", "john")
		}
	}
	f.Add([]byte(`{"Version":"2012-10-17","Statement":{"Effect":"Allow","NotAction":"\u0073*","Resource":"a${k, '\u0022'}?","Condition":{"StringLike":{"k":"*\u00e9"}}}}`), "s:a", "a\"b", "k", "é")
	f.Add([]byte(`{"Version":"2012-10-17","Statement":[{"Effect":"Deny","Action":"*","Resource":"*","Condition":{"NumericLessThan":{"k":1e400}}}]}`), "s:a", "b", "k", "1")
	f.Fuzz(func(t *testing.T, text []byte, action, resource, key, value string) {
		once, err := policy.Parse(text)
		if err != nil {
			return
		}
		short, err := policy.Minify(text)
		if err != nil {
			t.Fatalf("Minify(%q): got %v for what Parse takes", text, err)
		}
		again, err := policy.Parse([]byte(short))
		if err != nil {
			t.Fatalf("Parse(%q): got %v, and none for %q", short, err, text)
		}
		for i := range once.Statements {
			once.Statements[i].Line, again.Statements[i].Line = 0, 0
		}
		if !reflect.DeepEqual(once, again) {
			t.Errorf("Minify(%q): got %q, which reads as\n%+v, not\n%+v", text, short, again, once)
		}
		q := policy.Question{Action: action, Resource: resource, Context: map[string][]string{key: {value}}}
		got := policy.Evaluate(q, once)
		if minified := policy.Evaluate(q, again); minified.Decision != got.Decision {
			t.Errorf("Evaluate(%+v, %q): got %s, and %s of what was minified", q, text, got.Decision, minified.Decision)
		}
		twice := &policy.Document{Version: once.Version, Statements: append(once.Statements[:len(once.Statements):len(once.Statements)], once.Statements...)}
		if more := policy.Evaluate(q, twice); more.Decision != got.Decision {
			t.Errorf("Evaluate(%+v, %q twice): got %s, want %s", q, text, more.Decision, got.Decision)
		}
		denied := &policy.Document{Version: once.Version, Statements: append([]policy.Statement{{Actions: []string{"*"}, Resources: []string{"*"}}}, once.Statements...)}
		if action != "" && strings.Contains(action, ":") && utf8.ValidString(action+resource) {
			if none := policy.Evaluate(q, denied); none.Decision == policy.Allowed {
				t.Errorf("Evaluate(%+v, %q and a denial of everything): got %s", q, text, none.Decision)
			}
		}
	})
}

// FuzzTrust: a trust policy is the same when it is minified, and nobody is
// trusted whom it does not name.
func FuzzTrust(f *testing.F) {
	for _, principal := range []string{`"*"`, `{"AWS":"111122223333"}`, `{"AWS":["arn:aws:iam::111122223333:root","arn:aws:iam::111122223333:user/john"]}`,
		`{"Federated":"accounts.google.com"}`, `{"Service":["ec2.amazonaws.com"]}`, `{"CanonicalUser":"x"}`, `{"AWS":"arn:aws:iam::111122223333:*"}`} {
		f.Add([]byte(`{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Principal":`+principal+`,"Action":"sts:AssumeRole"}]}`), "arn:aws:iam::111122223333:root")
		f.Add([]byte(`{"Statement":{"Effect":"Deny","Principal":`+principal+`,"Action":["sts:*","sts:TagSession"],"Condition":{"Bool":{"aws:MultiFactorAuthPresent":"true"}}}}`), "111122223333")
	}
	f.Fuzz(func(t *testing.T, text []byte, principal string) {
		trust, err := policy.ParseTrust(text)
		if (trust == nil) == (err == nil) {
			t.Fatalf("ParseTrust(%q): got %v, %v", text, trust, err)
		}
		if err != nil {
			return
		}
		short, err := policy.Minify(text)
		if err != nil {
			t.Fatalf("Minify(%q): got %v", text, err)
		}
		again, err := policy.ParseTrust([]byte(short))
		if err != nil || !reflect.DeepEqual(again, trust) {
			t.Errorf("ParseTrust(%q): got %+v, %v, want %+v", short, again, err, trust)
		}
		if trust.Allows(nil, "sts:AssumeRole", nil) == policy.Allowed && !strings.Contains(decodedText(t, text), "*") {
			t.Errorf("%q: trusts nobody in particular", text)
		}
		// The account's number, or its root's ARN, has to stand there.
		if account := strings.TrimSuffix(strings.TrimPrefix(principal, "arn:aws:iam::"), ":root"); accountPrincipal.MatchString(principal) &&
			trust.Allows([]string{principal}, "sts:AssumeRole", nil) == policy.Allowed && !strings.Contains(decodedText(t, text), "*") &&
			!strings.Contains(decodedText(t, text), account) {
			t.Errorf("%q: trusts %q, which it does not name", text, principal)
		}
	})
}

// accountPrincipal is an account, in either of its forms.
var accountPrincipal = regexp.MustCompile(`^([0-9]{12}|arn:aws:iam::[0-9]{12}:root)$`)

// decodedText is a JSON text with its escapes in one form.
func decodedText(t *testing.T, text []byte) string { return string(decoded(t, text)) }

// FuzzCheck: the check of a policy says the same each time, no more than two
// hundred things, and in lines that are not much longer than the policy.
func FuzzCheck(f *testing.F) {
	for _, path := range append(glob(f, "testdata/bad/*.json"), glob(f, "testdata/good/*.json")...) {
		f.Add(readFile(f, path))
	}
	f.Add([]byte(`{"Version":"2012-10-17","Statement":{"Effect":"\u001b[2J\u202e","Action":"` + strings.Repeat("x", 4000) + `","Resource":"\u2028","` + strings.Repeat("y", 4000) + `":1}}`))
	f.Fuzz(func(t *testing.T, text []byte) {
		first := policy.Check(text, policy.Options{})
		if again := policy.Check(text, policy.Options{}); !reflect.DeepEqual(first, again) {
			t.Errorf("Check(%.500q): got %v, then %v", text, first, again)
		}
		if len(first) > 200 {
			t.Errorf("Check(%.500q): got %d findings", text, len(first))
		}
		for _, found := range first {
			if n := utf8.RuneCountInString(found.String()); max(n, utf8.RuneCountInString(found.Hint)) > 2*len(text)+1000 {
				t.Errorf("Check(%.500q): got a line of %d characters: %.300s", text, n, found.String())
			}
		}
	})
}

// FuzzPlaceholder: a placeholder is found wherever it stands, and is a part of
// the text.
func FuzzPlaceholder(f *testing.F) {
	for _, text := range []string{"", "YOUR_BUCKET_NAME", "arn:aws:s3:::<bucket>/*", "{{user}}", "{{usr}}", "amzn-s3-demo-bucket", "account-id-without-hyphens", "your-bucket", "ACCOUNT_ID", "\u2028<a\u2028>"} {
		f.Add(text, "x/")
	}
	f.Fuzz(func(t *testing.T, text, around string) {
		found := policy.Placeholder(text)
		if !strings.Contains(text, found) {
			t.Errorf("Placeholder(%q): got %q", text, found)
		}
		// Slashes end every word, so nothing begins or ends in between.
		if inside := policy.Placeholder("/" + text + "/"); utf8.ValidString(text) && (inside == "") != (found == "") {
			t.Errorf("Placeholder(%q): got %q, and %q between slashes", text, found, inside)
		}
	})
}
