package main

import (
	"fmt"
	"strings"
	"time"

	"github.com/vendord/vendord/fakeaws"
	"github.com/vendord/vendord/mint"
	"github.com/vendord/vendord/session"
)

func again(s *inputStage) { s.become(asItIs) }

// badKeys are long-term keys that AWS does not take any more, or that are gone.
func badKeys() (rows []badInput) {
	row := func(name string, class session.Class, code, says, hint string, spoil, mend func(*inputStage)) {
		rows = append(rows, badInput{name: "keys " + name, class: class, code: code, says: says, hint: hint, how: byReload, spoil: spoil, mend: mend})
	}
	file := func(text string) func(*inputStage) {
		return func(s *inputStage) { s.write("aws-credentials", credentialsOf("john", exampleKey())+text) }
	}
	change := func(do func(*fakeaws.User)) func(*inputStage) {
		return func(s *inputStage) { s.become(func(w *fakeaws.State) { do(&w.Accounts[0].Users[0]) }) }
	}
	whole := file(credentialsOf("bad", secondKey))
	const unknown, replace = `source "bad": AWS does not know its access key `, "the key was deleted or switched off, lacks its session token, or is of another partition"
	row("deleted at AWS", session.Person, "InvalidClientTokenId", unknown+secondKey.ID, replace, change(func(u *fakeaws.User) { u.Keys = u.Keys[:1] }), again)
	row("switched off at AWS", session.Person, "InvalidClientTokenId", unknown+secondKey.ID, replace, change(func(u *fakeaws.User) { u.Keys[1].Disabled = true }), again)
	row("with another secret", session.Person, "SignatureDoesNotMatch", `source "bad": its secret key does not fit its access key `+secondKey.ID, "correct the secret key",
		file(credentialsOf("bad", fakeaws.AccessKey{ID: secondKey.ID, Secret: strings.ToLower(secondKey.Secret)})), whole)
	row("gone from the file", session.Configuration, "", `source "bad": its profile "bad" has no credentials`, "it needs aws_access_key_id", file(""), whole)
	row("half in the file", session.Configuration, "", `source "bad": one of its profiles has half of its keys`, "in the same file",
		file("[bad]\naws_secret_access_key = "+secondKey.Secret+"\n"), whole)
	row("of another partition", session.Person, "InvalidClientTokenId", unknown+"AKIACHINACHINACHINA0", replace,
		file(credentialsOf("bad", fakeaws.AccessKey{ID: "AKIACHINACHINACHINA0", Secret: secondKey.Secret})), whole)
	rows[len(rows)-1].another = true // another key id is another identity
	return rows
}

// badRoles are of AWS's side: roles, their trust, the region, and what fits into a
// session.
func badRoles() (rows []badInput) {
	row := func(b badInput, spoil, mend func(*fakeaws.State)) {
		b.spoil, b.mend = func(s *inputStage) { s.become(spoil) }, func(s *inputStage) { s.become(mend) }
		b.login, b.how = b.mend, byReload
		rows = append(rows, b)
	}
	const denies = "role " + badRole + ": AWS denies sts:AssumeRole to arn:aws:iam::629470240201:user/john"
	row(badInput{name: "role missing", class: session.Administrator, code: "AccessDenied", says: denies, hint: "there is no such role"},
		func(s *fakeaws.State) { s.Accounts[0].Roles = s.Accounts[0].Roles[:1] }, asItIs)
	row(badInput{name: "role does not trust", class: session.Administrator, code: "AccessDenied", says: denies, hint: "the role's trust policy does not allow sts:AssumeRole"},
		theRole(func(r *fakeaws.Role) {
			r.Trust = fakeaws.Document(strings.ReplaceAll(johnTrust, "629470240201:user/john", "999999999999:root"))
		}), asItIs)
	wants := func(id string) func(*fakeaws.State) {
		return theRole(func(r *fakeaws.Role) {
			r.Trust = fakeaws.Document(strings.TrimSuffix(johnTrust, "}]}") + `,"Condition":{"StringEquals":{"sts:ExternalId":"` + id + `"}}}]}`)
		})
	}
	row(badInput{name: "external id wrong", profile: `external_id = "mine"`, class: session.Administrator, code: "AccessDenied", says: denies,
		hint: "external_id is not the one that it wants"}, wants("another"), wants("mine"))
	row(badInput{name: "external id wanted", class: session.Administrator, code: "AccessDenied", says: denies, hint: "it wants an external_id"}, wants("another"), asItIs)
	row(badInput{name: "session longer than MaxSessionDuration", profile: `duration = "2h"`, life: 2 * time.Hour, class: session.Configuration, code: "ValidationError",
		says: "role " + badRole + ": AWS refuses a session of 2h: the role allows less", hint: "lower duration, or raise"},
		theRole(func(r *fakeaws.Role) { r.MaxSessionDuration = 3600 }), asItIs)
	row(badInput{name: "managed policy missing", profile: "policy_arns = [\"arn:aws:iam::629470240201:policy/SessionPolicy-UploadFile\"]", class: session.Administrator,
		code: "InvalidParameterValue", says: "role " + badRole + ": one of its policy_arns does not exist", hint: "correct policy_arns or create the policy"},
		func(s *fakeaws.State) {
			s.Accounts[0].ManagedPolicies[0].Name = "Renamed"
			for i := range s.Accounts[0].Roles {
				s.Accounts[0].Roles[i].PolicyARNs = nil
			}
		}, asItIs)
	return append(rows, regionDisabled(), tooMuch(), longChain())
}

// regionDisabled is how AWS refuses a region that the account has switched off.
func regionDisabled() badInput {
	return badInput{name: "region disabled", class: session.Administrator, code: "RegionDisabledException", how: byReload,
		says: "role " + badRole + ": AWS STS is switched off in eu-west-1 for its account", hint: "switch it on",
		spoil: func(s *inputStage) {
			s.bad.Load().Inject(fakeaws.Fault{Operation: "AssumeRole", Kind: fakeaws.AccessDenied, Code: "RegionDisabledException"})
		}, mend: func(s *inputStage) { s.bad.Load().Clear() }}
}

// tooMuch is within every limit that can be counted before AWS packs it.
func tooMuch() badInput {
	var tags strings.Builder
	for i := range 50 {
		value := "" // noise, which does not pack
		for j := range 5 {
			value += (&aviary{}).hatch(fmt.Sprint(i, j))
		}
		fmt.Fprintf(&tags, "tag%d = %q\n", i, value)
	}
	profile := "duration = \"1h\"\n[profiles.bad.tags]\n" + tags.String()
	return badInput{name: "PackedPolicyTooLarge", class: session.Configuration, code: "PackedPolicyTooLarge", how: byReload, another: true,
		says: "role " + badRole + ": its session policy and tags are too large: Packed size of session tags consumes", hint: "send fewer tags",
		spoil: func(s *inputStage) {
			s.write("vendord.toml", s.config("", "role_arn = \""+badRole+"\"\n"+profile))
			s.reload()
		},
		mend: func(s *inputStage) { s.write("vendord.toml", s.config("", "")) }}
}

// sessionKeys are those of a session of the role Uploader, as a credential tool
// would print them.
func (s *inputStage) sessionKeys(life time.Duration) string {
	minter, err := mint.New(mint.Config{Home: s.dir, Now: s.clock.Now})
	if err != nil {
		s.Fatal(err)
	}
	s.write("lesson-credentials", credentialsOf("lesson", secondKey))
	c, err := minter.Mint(s.Context(), session.Request{Operation: session.AssumeRole, RoleARN: badRole, SessionName: "tool", Region: "eu-west-1", Endpoint: s.awsURL,
		Duration: life, Source: session.Source{Name: "tool", Type: session.SharedConfig, Profile: "lesson", ConfigFile: "/dev/null", CredentialsFile: s.dir + "/lesson-credentials"}})
	if err != nil {
		s.Fatal(err)
	}
	secret, token := c.Reveal()
	return fmt.Sprintf(`{"Version":1,"AccessKeyId":%q,"SecretAccessKey":%q,"SessionToken":%q,"Expiration":%q}`, c.KeyID, secret, token, c.Expires.Format(time.RFC3339))
}

// longChain is a profile that may have two hours with a user's keys. A tool that
// begins to print those of a role makes a chain of it, which may have one.
func longChain() badInput {
	user := func(s *inputStage) { s.script(prints(processKeys(secondKey))) }
	return badInput{name: "chain over an hour", source: "type = \"process\"\ncommand" + theScript, profile: `duration = "2h"`, life: 2 * time.Hour,
		heals: true, setup: user, login: func(s *inputStage) { s.become(trusting) },
		spoil: func(s *inputStage) { s.script(prints(s.sessionKeys(2 * time.Hour))) },
		mend: func(s *inputStage) {
			if _, d := s.get("bad-app"); d.Expiration.Sub(s.clock.Now()) > time.Hour+time.Minute {
				s.Errorf("a chain: got a session until %v, want an hour", d.Expiration)
			}
			if !strings.Contains(s.log.String(), `session cut to 1h: source \"bad\" signs with temporary credentials`) {
				s.Error("a chain: the log says nothing of it")
			}
			user(s)
		}}
}

// trusting lets the role Bad be assumed by its own sessions.
func trusting(s *fakeaws.State) {
	theRole(func(r *fakeaws.Role) {
		r.Trust = fakeaws.Document(strings.ReplaceAll(johnTrust, `"arn:aws:iam::629470240201:user/john"`, `["arn:aws:iam::629470240201:user/john","`+badRole+`"]`))
	})(s)
}
