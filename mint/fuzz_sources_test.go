package mint

import (
	"encoding/base64"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

// FuzzScopedAnswer: whatever an endpoint answers, at most one set of credentials is
// taken out of it, and that from a result.
func FuzzScopedAnswer(f *testing.F) {
	one := "<Credentials><AccessKeyId>A</AccessKeyId><SecretAccessKey>B</SecretAccessKey><SessionToken>C</SessionToken><Expiration>2030-01-01T00:00:00Z</Expiration></Credentials>"
	for _, seed := range []string{"", "<a>", "<a/><b/>", "<xResult>" + one + "</xResult>", "<R><xResult>" + one + "</xResult></R>", "<R><xResult>" + one + one + "</xResult></R>",
		"<R>" + one + "</R>", "<R><xResult><d><d>" + one + "</d></d><ScopedSession><Arn>x</Arn></ScopedSession></xResult><xResult>" + one + "</xResult></R>",
		"<ErrorResponse><Error><Code>InvalidAction</Code><Message>m</Message></Error></ErrorResponse>", strings.Repeat("<a>", 100), "<!DOCTYPE x><R/>", "\xff"} {
		f.Add([]byte(seed))
	}
	f.Fuzz(func(t *testing.T, text []byte) {
		root, err := parseXML(text)
		if (root == nil) != (err != nil) {
			t.Fatalf("parseXML(%q): got %v beside %v", text, root, err)
		}
		if err != nil {
			if code, _, ok := root.refusal(); ok || code != "" {
				t.Errorf("refusal of nothing: got %q", code)
			}
			return
		}
		if code, _, ok := root.refusal(); !ok || code == "" {
			t.Errorf("refusal(%q): got no code", text)
		}
		got := scopedAnswer(root)
		if n := strings.Count(string(text), "Credentials"); got.keys != nil && n < 2 {
			t.Errorf("scopedAnswer(%q): got credentials", text)
		}
		if got.use < -1 || got.use > 100 {
			t.Errorf("scopedAnswer(%q): got %d %%", text, got.use)
		}
	})
}

// FuzzEndpoint: whatever an endpoint of the machine answers becomes whole credentials
// that are alive, or a problem that quotes nothing.
func FuzzEndpoint(f *testing.F) {
	for _, seed := range []string{"", "{}", "null", `{"Code":"Failed","Message":"x"}`, `{"AccessKeyId":"ASIAMACHINEMACHINE00","SecretAccessKey":"s","Token":"t","Expiration":"2126-01-01T00:00:00Z","AccountId":"x"}`,
		`{"AccessKeyId":"ASIAMACHINEMACHINE00","SecretAccessKey":"s\n","Token":"t"}`, `[]`, "\xff"} {
		f.Add([]byte(seed))
	}
	now := time.Date(2026, 11, 21, 21, 0, 0, 0, time.UTC)
	known := "\nsomething that is not the JSON of credentials\na failure in place of credentials\ncredentials without a proper access key id\n" +
		"credentials without a proper secret key\ncredentials without a proper session token\ncredentials without a proper expiry\ncredentials that had expired already\n"
	f.Fuzz(func(t *testing.T, text []byte) {
		keys, problem := parseEndpoint(text, now)
		if problem != "" && !strings.Contains(known, "\n"+problem+"\n") {
			t.Errorf("parseEndpoint(%q): got problem %q, want a fixed one", text, problem)
		}
		whole := keyShape.MatchString(keys.AccessKeyID) && plainShape.MatchString(keys.SecretAccessKey) && plainShape.MatchString(keys.SessionToken) && keys.CanExpire && keys.Expires.After(now)
		if whole == (problem != "") || keys.AccountID != "" && !accountShape.MatchString(keys.AccountID) {
			t.Errorf("parseEndpoint(%q): got whole credentials %v, account %q and problem %q", text, whole, keys.AccountID, problem)
		}
	})
}

// FuzzProof: what is sent to AWS has the form and the size that it takes, and what is
// wrong with the rest is told without quoting it.
func FuzzProof(f *testing.F) {
	for _, seed := range []string{"", "a.b.c", "e30.e30.x", " e30.e30.x\n", "e30.e\n30.e", "PFJlc3BvbnNlLz4=", "PFJl\nc3BvbnNlLz4=", "PFJlc3BvbnNl", "!!", strings.Repeat("A", 100_001),
		base64.StdEncoding.EncodeToString([]byte(`<Response><Attribute Name="` + roleAttribute + `"><V>arn:aws:iam::1:role/R,p</V></Attribute></Response>`))} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, text string) {
		for _, kind := range []proof{webToken, assertion} {
			found := kind.trim(text)
			problem := kind.problem(found)
			if problem == "" && (found == "" || len(found) > kind.most || strings.ContainsAny(found, "\r\n")) {
				t.Errorf("%s %q: got no problem", kind.name, text)
			}
			if again := kind.trim(found); again != found {
				t.Errorf("%s %q: trimmed twice it is %q", kind.name, text, again)
			}
			if len(text) > 12 && strings.Contains(problem, text) {
				t.Errorf("%s %q: got problem %q, which quotes it", kind.name, text, problem)
			}
		}
		for _, role := range assertionRoles(text) {
			if !strings.Contains(role, ":role/") || strings.Contains(role, ",") {
				t.Errorf("assertionRoles(%q): got %q", text, role)
			}
		}
		claims(text)
	})
}

// FuzzScopes: any config file has scopes that are words, or none.
func FuzzScopes(f *testing.F) {
	for _, seed := range []string{"", "[sso-session corp]\nsso_registration_scopes = a, b,,c", "[sso-session corp", "[profile corp]\nsso_registration_scopes=a", "sso_registration_scopes=a"} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, text string) {
		path := filepath.Join(t.TempDir(), "config")
		if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
		for _, scope := range scopesIn(path, "corp") {
			if scope == "" || strings.ContainsAny(scope, ",\n") || strings.TrimSpace(scope) != scope {
				t.Errorf("scopesIn(%q): got %q", text, scope)
			}
		}
	})
}

// FuzzEntry: an entry of the keyring has both keys, or none.
func FuzzEntry(f *testing.F) {
	for _, seed := range []string{"", "{}", "null", `{"AccessKeyId":"A","SecretAccessKey":"B"}`, `{"AccessKeyId":"A"}`, `[`} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, text string) {
		if keys, ok := parseEntry(text); ok && !keys.HasKeys() {
			t.Errorf("parseEntry(%q): got half of the keys", text)
		}
	})
}
