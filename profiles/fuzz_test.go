package profiles_test

import (
	"encoding/json"
	"errors"
	"path/filepath"
	"reflect"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/rogpeppe/go-internal/txtar"

	"github.com/vendord/vendord/profiles"
	"github.com/vendord/vendord/session"
)

// FuzzLoad loads anything. Whatever loads can be rendered, or says why not.
func FuzzLoad(f *testing.F) {
	archives, err := filepath.Glob("testdata/*/*.txtar")
	if err != nil || len(archives) == 0 {
		f.Fatalf("Glob: got %v, %v", archives, err)
	}
	for _, name := range archives {
		archive, err := txtar.ParseFile(name)
		if err != nil {
			f.Fatal(err)
		}
		for _, file := range archive.Files {
			if file.Name == "vendord.toml" {
				f.Add(string(file.Data))
				f.Add("#\n" + string(file.Data))
			}
		}
	}
	f.Fuzz(func(t *testing.T, text string) {
		o := options(write(t, map[string]string{"vendord.toml": text}))
		o.System = strings.HasPrefix(text, "#") // seeds have either
		c, err := profiles.Load(o)
		if err != nil {
			if len(profiles.Problems(err)) == 0 {
				t.Fatalf("Load: got %v without a problem", err)
			}
			return
		}
		for _, name := range slices.Concat(profileNames(c), []string{"", "no such profile"}) {
			r, err := c.Render(name, profiles.Identity{App: "app", User: "user"})
			if e, refused := errors.AsType[*session.Error](err); err != nil && (!refused || e.Public == "") {
				t.Fatalf("Render(%q): got %v, want a request or a refusal", name, err)
			}
			for err == nil {
				checkRequest(t, r)
				if r.Parent == "" {
					break
				}
				r = parent(t, r)
			}
		}
		for name := range c.Apps {
			checkApp(t, c, name)
		}
	})
}

// checkApp checks that an app says how it is recognised, in one way, and that nobody
// who is meant for exec alone gets in.
func checkApp(t *testing.T, c *profiles.Config, name string) {
	t.Helper()
	app := c.Apps[name]
	if len(app.Profiles) == 0 || app.Both && !app.Match.Any() || app.Match.Any() && (app.Unidentified || len(app.From) > 0) ||
		app.Unidentified && len(app.From) > 0 || app.Match.Known && app.Match.User == "" {
		t.Fatalf("Load: got %+v, want an app that can be recognised in one way", app)
	}
	for i, profile := range app.Profiles {
		if c.Profiles[profile].Protected {
			t.Fatalf("Load: got app %q with the protected profile %q", name, profile)
		}
		if wider, why := c.Wider(app.Profiles[0], profile); i == 0 && wider || wider != (len(why) > 0) {
			t.Fatalf("Wider(%s, %s): got %v, %q", app.Profiles[0], profile, wider, why)
		}
	}
}

// checkRequest checks that STS would take a request, as far as its operation
// tells.
func checkRequest(t *testing.T, r session.Request) {
	t.Helper()
	role := strings.HasPrefix(r.Operation, session.AssumeRole)
	named := role && r.Operation != session.AssumeRoleWithSAML || r.Operation == session.GetFederationToken
	longest := map[string]time.Duration{session.SourceItself: 0, session.GetFederationToken: 36 * time.Hour,
		session.GetSessionToken: 36 * time.Hour, session.GetScopedCredentials: 36 * time.Hour}
	most, other := longest[r.Operation]
	if !other {
		most = 12 * time.Hour
	}
	scope := r.Operation == session.GetScopedCredentials
	switch {
	case r.Operation == "", r.Region == "", role && r.RoleARN == "", !role && !scope && r.RoleARN != "",
		named != (len(r.SessionName) >= 2), len(r.SessionName) > 64,
		r.Duration > most, !scope && r.Operation != session.SourceItself && r.Duration < 15*time.Minute,
		scope && r.Policy == "" && r.Duration == 0, scope && r.Parent == "",
		r.MFASerial != "" && (r.Parent != "" || r.Operation != session.AssumeRole && r.Operation != session.GetSessionToken),
		r.Operation == session.GetFederationToken && r.Parent != "", r.Operation == session.GetSessionToken && r.Parent != "":
		t.Fatalf("Render: got %+v, want a request that STS takes", r)
	}
}

func profileNames(c *profiles.Config) []string {
	var names []string
	for name := range c.Profiles {
		names = append(names, name)
	}
	return names
}

// FuzzRender puts anything into a policy, as the name of a user: the policy
// keeps its structure, and the value reaches no string but those with a
// template, in characters that mean nothing to IAM.
func FuzzRender(f *testing.F) {
	for _, user := range []string{"john", `","Effect":"Allow`, "*", "a?b", "${aws:username}", "../mary", "{{app}}", "a\\", "\x00", "", "名前"} {
		f.Add(user)
	}
	c := load(f, one(`session_name = "fixed"
policy = '''
{ "Version": "2012-10-17",
  "Statement": [
    { "Effect": "Allow", "Action": "s3:GetObject", "Resource": ["arn:aws:s3:::b/{{user}}/\u007b\u007buser}}/*", "arn:aws:s3:::b/${aws:PrincipalTag/x}/\"{{app}}\""] },
    { "Effect": "Deny", "Action": "s3:*", "Resource": "*", "Condition": { "StringNotEquals": { "aws:userid": "{{user}}" } } } ] }'''`))
	var template any
	if err := json.Unmarshal([]byte(c.Profiles["x"].Policy), &template); err != nil {
		f.Fatal(err)
	}
	f.Fuzz(func(t *testing.T, user string) {
		r, err := c.Render("x", profiles.Identity{App: "app", User: user})
		if err != nil {
			return
		}
		if strings.ContainsAny(user, `*?$/:"\{}<> `) || user == "" {
			t.Fatalf("Render: took the user %q into a policy", user)
		}
		var got any
		if err := json.Unmarshal([]byte(r.Policy), &got); err != nil {
			t.Fatalf("Render: got %s: %v", r.Policy, err)
		}
		want := replaced(template, strings.NewReplacer("{{user}}", user, "{{app}}", "app"))
		if !reflect.DeepEqual(got, want) {
			t.Fatalf("Render: got %v, want %v", got, want)
		}
	})
}

// replaced replaces in every string of a value of JSON, and in no key.
func replaced(v any, r *strings.Replacer) any {
	switch v := v.(type) {
	case string:
		return r.Replace(v)
	case []any:
		items := make([]any, len(v))
		for i := range v {
			items[i] = replaced(v[i], r)
		}
		return items
	case map[string]any:
		members := make(map[string]any, len(v))
		for key := range v {
			members[key] = replaced(v[key], r)
		}
		return members
	}
	return v
}
