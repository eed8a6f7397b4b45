package fakeaws_test

import (
	"encoding/json"
	"os"
	"path/filepath"
	"reflect"
	"strings"
	"testing"

	"github.com/vendord/vendord/fakeaws"
)

// read writes a state file and reads it.
func read(t *testing.T, text string) (fakeaws.State, string, error) {
	t.Helper()
	path := filepath.Join(t.TempDir(), "state.json")
	if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	s, err := fakeaws.ReadState(path)
	return s, path, err
}

func TestReadState(t *testing.T) {
	text, err := json.Marshal(fakeaws.Example())
	if err != nil {
		t.Fatal(err)
	}
	got, _, err := read(t, string(text))
	if err != nil || !reflect.DeepEqual(got, fakeaws.Example()) {
		t.Errorf("the example, written and read: got %+v, %v", got, err)
	}
	s, _, err := read(t, `{"accounts":[{"id":"123456789012",
 "users":[{"name":"ann","policies":[{"Version":"2012-10-17","Statement":{"Effect":"Allow","Action":"*","Resource":"*"}}]}],
 "roles":[{"name":"r","trust":{"Version":"2012-10-17","Statement":{"Effect":"Allow","Action":"sts:AssumeRole","Principal":{"AWS":"123456789012"}}}}],
 "managed_policies":[{"name":"p","path":"/a/","document":{"Version":"2012-10-17","Statement":{"Effect":"Deny","Action":"*","Resource":"*"}}}]}]}`)
	if err != nil || !strings.HasPrefix(s.Accounts[0].Users[0].Policies[0], `{"Version"`) {
		t.Errorf("documents as objects: got %+v, %v", s, err)
	}
}

// TestStateProblems asserts every message about a state.
func TestStateProblems(t *testing.T) {
	account := func(more string) string { return `{"accounts":[{"id":"123456789012",` + more + `}]}` }
	for _, c := range []struct {
		text string
		want []string // problems, without the path of the file
	}{
		{`{`, []string{"line 1: unexpected EOF"}},
		{"{\n\"acounts\":[]}", []string{`line 2: json: unknown field "acounts"`}},
		{`{"accounts":[]}`, []string{"accounts: none"}},
		{`{"accounts":[{"id":"123456789012"}]} {}`, []string{"text after the end of the state"}},
		{`{"region":"Mars!","accounts":[{"id":"1"}]}`, []string{`region: "Mars!" is not the name of a region`, `accounts[0].id: "1" is not twelve digits`}},
		{`{"accounts":[{"id":"123456789012"},{"id":"123456789012"}]}`, []string{"accounts[1].id: arn:aws:iam::123456789012:root is there already"}},
		{account(`"users":[{"name":"a b","path":"x","keys":[{"id":"ASIAAAAAAAAAAAAAAAAA"}]}]`), []string{
			`accounts[0].users[0].name: "a b" is not a user name`, `accounts[0].users[0].path: "x" is not an IAM path`,
			`accounts[0].users[0].keys[0].id: "ASIAAAAAAAAAAAAAAAAA" is not a long-term access key id`, `accounts[0].users[0].keys[0].secret: empty`}},
		{account(`"users":[{"name":"a","keys":[{"id":"AKIAAAAAAAAAAAAAAAAA","secret":"x"},{"id":"AKIAAAAAAAAAAAAAAAAA","secret":"x"}]}]`), []string{
			`accounts[0].users[0].keys[1].id: AKIAAAAAAAAAAAAAAAAA is there already`}},
		{account(`"users":[{"name":"a","mfa":[{"serial":"x","seed":"1"}],"policy_arns":["arn:aws:iam::aws:policy/Nope"],"policies":["{"]}]`), []string{
			`accounts[0].users[0].policies[0]: `, `accounts[0].users[0].policy_arns[0]: arn:aws:iam::aws:policy/Nope is not a managed policy of this account or of AWS`,
			`accounts[0].users[0].mfa[0].seed: not base32`, `accounts[0].users[0].mfa[0].serial: "x" is not a serial number`}},
		{account(`"roles":[{"name":"r/","trust":{},"max_session_duration":60}]`), []string{`accounts[0].roles[0].name: "r/" is not a role name`,
			`accounts[0].roles[0].max_session_duration: 60 is not between 3600 and 43200 seconds`, `accounts[0].roles[0].trust: `}},
		{`{"regions":["Mars!"],"accounts":[{"id":"123456789012"}]}`, []string{`regions[0]: "Mars!" is not the name of a region`}},
		{account(`"managed_policies":[{"name":"p","document":"` + strings.ReplaceAll(allow("*", "*"), `"`, `\"`) + `","older_versions":["{"]}]`), []string{
			`accounts[0].managed_policies[0].older_versions[0]: `}},
		{`{"identity_centers":[{"start_url":"x","region":"X","session_length":1,"token_lifetime":-1,"poll_interval":61,"permission_sets":[{"name":"a b"}]}],
 "accounts":[{"id":"123456789012"}]}`, []string{`identity_centers[0].start_url: "x" is not a web address`, `identity_centers[0].region: "X" is not the name of a region`,
			`identity_centers[0].session_length: 1 is not between 60 and 7776000 seconds`, `identity_centers[0].token_lifetime: -1 is not between 1 and 86400 seconds`,
			`identity_centers[0].poll_interval: 61 is not between 1 and 60 seconds`, `identity_centers[0].permission_sets[0].name: "a b" is not the name of a permission set`}},
		{`{"identity_centers":[{"start_url":"https://a","region":"eu-west-1","permission_sets":[{"name":"S","session_duration":60,"policy_arns":["arn:aws:iam::aws:policy/No"]}],
 "people":[{"name":"a","assignments":[{"account":"1","permission_set":"T"}]},{"name":"bo","assignments":[{"account":"123456789012","permission_set":"S"}]},{"name":"bo"}]},
 {"start_url":"https://a/","region":"eu-west-1"}],"accounts":[{"id":"123456789012"}]}`, []string{`identity_centers[0].people[0].name: "a" is not the name of a session`,
			`identity_centers[0].people[0].assignments[0].account: "1" is not an account`,
			`identity_centers[0].people[0].assignments[0].permission_set: "T" is not a permission set of this instance`,
			`identity_centers[0].people[1].assignments[0].permission_set.session_duration: 60 is not between 3600 and 43200 seconds`,
			`identity_centers[0].people[1].assignments[0].permission_set.policy_arns[0]: arn:aws:iam::aws:policy/No is not a managed policy of this account or of AWS`,
			`identity_centers[0].people[2].name: bo is there already`, `identity_centers[1].start_url: https://a/ is there already`}},
		{account(`"managed_policies":[{"name":"p/q","document":"{}"}]`), []string{`accounts[0].managed_policies[0].name: "p/q" is not a policy name`,
			`accounts[0].managed_policies[0].document: `}},
		{account(`"oidc_providers":[{"url":"http://a"},{"url":"https://b/","audiences":[""]},{"url":"https://c","audiences":["x"],"jwks":{"keys":[]}},{"url":"https://c","audiences":["x"]}]`), []string{
			`accounts[0].oidc_providers[0].url: "http://a" is not an https URL without a slash at the end`, `accounts[0].oidc_providers[0].audiences: none, or an empty one`,
			`accounts[0].oidc_providers[1].url: "https://b/" is not an https URL without a slash at the end`, `accounts[0].oidc_providers[1].audiences: none, or an empty one`,
			`accounts[0].oidc_providers[2].jwks: no key for signatures`, `accounts[0].oidc_providers[3].url: arn:aws:iam::123456789012:oidc-provider/c is there already`}},
		{account(`"saml_providers":[{"name":"a b"},{"name":"c","certificates":"x"},{"name":"c"},{"name":"d","certificates":"-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----"}]`), []string{
			`accounts[0].saml_providers[0].name: "a b" is not the name of a SAML provider`, `accounts[0].saml_providers[1].certificates: not certificates in PEM`,
			`accounts[0].saml_providers[2].name: arn:aws:iam::123456789012:saml-provider/c is there already`, `accounts[0].saml_providers[3].certificates: certificate 1: x509: malformed certificate`}},
		{`{"accounts":[{"id":"123456789012"}],"scoped":{"permission":"maybe"}}`, []string{`scoped: permission "maybe": not "", "allow" or "none"`}},
		{account(`"buckets":[{"name":"_fake"},{"name":"one"},{"name":"one"},{"name":"two","objects":{"":"x"}}]`), []string{
			`accounts[0].buckets[0].name: "_fake" is not a bucket name`, `accounts[0].buckets[2].name: one is there already`,
			`accounts[0].buckets[3].objects[""]: InvalidArgument: Object key must not be empty.`}},
		{account(`"managed_policies":[{"name":"p","document":{"` + "\xba" + `":2}}]`), []string{"not UTF-8"}},
		{`{"accounts":[],"x":"` + strings.Repeat("x", 4<<20) + `"}`, []string{"larger than 4 MiB"}},
	} {
		_, path, err := read(t, c.text)
		if err == nil {
			t.Errorf("%.60s: got no error", c.text)
			continue
		}
		lines := strings.Split(err.Error(), "\n")
		if len(lines) != len(c.want) {
			t.Errorf("%.60s: got %d problems, want %d:\n%v", c.text, len(lines), len(c.want), err)
			continue
		}
		for i, want := range c.want {
			// What a policy is refused for is the policy package's to say.
			if got := strings.TrimPrefix(lines[i], path+": "); got != want && !(strings.HasSuffix(want, ": ") && strings.HasPrefix(got, want)) {
				t.Errorf("%.60s: got %s\nwant %s", c.text, got, want)
			}
			if !strings.HasPrefix(lines[i], path+": ") {
				t.Errorf("got %s, want the path of the file first", lines[i])
			}
		}
	}
	_, err := fakeaws.ReadState("/nowhere/state.json")
	if err == nil || !strings.HasPrefix(err.Error(), "reading the state: open /nowhere/state.json: ") {
		t.Errorf("a file that is not there: got %v", err)
	}
	if _, err := fakeaws.New(fakeaws.Config{}); err == nil || err.Error() != "accounts: none" {
		t.Errorf("New of nothing: got %v", err)
	}
}

// TestEveryRegion: a world without a region has all of them.
func TestEveryRegion(t *testing.T) {
	s := fakeaws.Example()
	s.Region = ""
	p := start(t, fakeaws.Config{State: s})
	for _, at := range []string{"us-west-1", "eu-central-1"} {
		r := form(john(), "Action=GetCallerIdentity")
		r.region = at
		p.send(r).want(t, 200, "", "")
		l := object(p.assumeIn(at, adminRole), "GET", "/payroll?location", "")
		l.region = at
		if got := p.send(l); !strings.Contains(got.body, ">"+at+"</LocationConstraint>") {
			t.Errorf("location: got %s, want %s", got.body, at)
		}
	}
	r := form(john(), "Action=GetCallerIdentity")
	r.region = "EU West"
	p.send(r).want(t, 403, "SignatureDoesNotMatch", "Credential should be scoped to a valid region, not 'EU West'.")
}
