package main

import (
	"encoding/base64"
	"os"
	"path/filepath"
	"strings"
	"time"

	"github.com/vendord/vendord/fakeaws"
	"github.com/vendord/vendord/session"
)

// assertion has the identity provider of the stage's AWS say who somebody is.
func (s *inputStage) assertion(change func(*fakeaws.Assertion)) string {
	a := fakeaws.Assertion{Roles: [][2]string{{samlRole, samlProvider}}, SessionName: "jane", Issued: s.clock.Now()}
	change(&a)
	return s.secret("an assertion", s.bad.Load().IdentityProvider(samlProvider).Sign(a))
}

func asUsual[T any](*T) {}

const samlSource = "type = \"saml\"\nassertion_file = \"DIR/proof\"\nprovider_arn = \"" + samlProvider + "\""

// badAssertions are of a source whose assertion somebody else writes into a file.
func badAssertions() (rows []badInput) {
	row := func(name string, class session.Class, code, says, hint string, spoilt func(*inputStage) string) {
		rows = append(rows, badInput{name: "SAML assertion " + name, source: samlSource, profile: `role_arn = "` + samlRole + `"`,
			action: "AssumeRoleWithSAML", class: class, code: code, says: says, hint: hint,
			setup: func(s *inputStage) { s.write("proof", s.assertion(asUsual)) },
			spoil: func(s *inputStage) { s.write("proof", s.secret("a spoilt assertion", spoilt(s))) },
			mend:  func(s *inputStage) { s.write("proof", s.assertion(asUsual)) }, stale: true})
	}
	signed := func(change func(*fakeaws.Assertion)) func(*inputStage) string {
		return func(s *inputStage) string { return s.assertion(change) }
	}
	const source, refused, itself = `source "bad": `, `source "bad": AWS refuses its SAML assertion: `, "whatever writes it must do so readably"
	row("expired", session.Person, "ExpiredTokenException", source+"its SAML assertion has expired", "it is asked for again at each try",
		func(s *inputStage) string {
			return s.assertion(func(a *fakeaws.Assertion) { a.Issued = s.clock.Now().Add(-2 * time.Hour) })
		})
	row("not base64", session.Retry, "", source+"assertion_file DIR/proof: it holds no SAML assertion, or half of one: it must be base64", itself,
		func(s *inputStage) string { return "%" + s.assertion(asUsual) })
	row("not XML", session.Retry, "", source+"assertion_file DIR/proof: it holds no SAML assertion, or half of one: it must be XML in base64", itself,
		func(*inputStage) string {
			return base64.StdEncoding.EncodeToString([]byte("an identity provider's page that wants a password"))
		})
	row("half", session.Retry, "", source+"assertion_file DIR/proof: it holds no SAML assertion, or half of one: it must be XML in base64", itself,
		func(s *inputStage) string { whole := s.assertion(asUsual); return whole[:len(whole)/8*4] })
	row("for another role", session.Administrator, "AccessDenied", "role "+samlRole+": AWS denies sts:AssumeRoleWithSAML",
		"the assertion is for other roles, such as "+ciRole, signed(func(a *fakeaws.Assertion) { a.Roles[0][0] = ciRole }))
	row("of a wrong signature", session.Person, "InvalidIdentityToken", refused, "its signature is not what provider_arn expects",
		signed(func(a *fakeaws.Assertion) { a.Forged = true }))
	row("for another audience", session.Person, "InvalidIdentityToken", refused, "its audience",
		signed(func(a *fakeaws.Assertion) { a.Audience = "https://other.example.com" }))
	return rows
}

// webToken has the issuer of the stage's AWS say who somebody is.
func (s *inputStage) webToken(change func(*fakeaws.Claims)) string {
	c := fakeaws.Claims{Subject: "repo:example/app", Audience: []string{"sts.amazonaws.com"}, Issued: s.clock.Now()}
	change(&c)
	return s.secret("a JWT", s.bad.Load().Issuer("https://oidc.example.com").Sign(c))
}

// badWebTokens are of a source whose JWT somebody else writes into a file, as
// Kubernetes does. It is the same at GitHub's and GitLab's.
func badWebTokens() (rows []badInput) {
	row := func(name string, class session.Class, code, says, hint string, spoil func(*inputStage)) {
		rows = append(rows, badInput{name: "JWT " + name, source: "type = \"web-identity\"\ntoken_file = \"DIR/proof\"", profile: `role_arn = "` + ciRole + `"`,
			action: "AssumeRoleWithWebIdentity", class: class, code: code, says: says, hint: hint, spoil: spoil,
			setup: func(s *inputStage) { s.write("proof", s.webToken(asUsual)+"\n") },
			mend: func(s *inputStage) {
				_ = os.RemoveAll(filepath.Join(s.dir, "proof")) // whatever stands there
				s.write("proof", s.webToken(asUsual))
			}})
	}
	writes := func(make func(*inputStage) string) func(*inputStage) {
		return func(s *inputStage) { s.write("proof", s.secret("a spoilt JWT", make(s))) }
	}
	claims := func(change func(*fakeaws.Claims)) func(*inputStage) {
		return writes(func(s *inputStage) string { return s.webToken(change) })
	}
	const file, itself = `source "bad": token_file DIR/proof: `, "whatever writes it must do so readably"
	row("expired", session.Person, "ExpiredTokenException", `source "bad": its web identity token has expired`, "whoever issues it must issue a new one",
		writes(func(s *inputStage) string {
			return s.webToken(func(c *fakeaws.Claims) { c.Issued = s.clock.Now().Add(-2 * time.Hour) })
		}))
	row("for another audience", session.Person, "InvalidIdentityToken", `source "bad": AWS refuses its web identity token: `, "its audience or its issuer",
		claims(func(c *fakeaws.Claims) { c.Audience = []string{"https://other.example.com"} }))
	row("of a wrong signature", session.Person, "InvalidIdentityToken", `source "bad": AWS refuses its web identity token: `, "its audience or its issuer",
		claims(func(c *fakeaws.Claims) { c.Forged = true }))
	row("of another subject", session.Administrator, "AccessDenied", "role "+ciRole+": AWS denies sts:AssumeRoleWithWebIdentity", "trust policy does not allow",
		claims(func(c *fakeaws.Claims) { c.Subject = "repo:other/app" }))
	row("garbage", session.Retry, "", file+"it holds no web identity token, or half of one: a JWT has three parts", itself,
		writes(func(*inputStage) string { return "<html>the metadata service's page of errors</html>" }))
	row("half written", session.Retry, "", file+"it holds no web identity token, or half of one: a JWT has three parts", itself,
		writes(func(s *inputStage) string { whole := s.webToken(asUsual); return whole[:strings.LastIndex(whole, ".")] }))
	row("half written, in its claims", session.Retry, "", file+"it holds no web identity token, or half of one: ", itself,
		writes(func(s *inputStage) string { whole := s.webToken(asUsual); return whole[:len(whole)/2] }))
	row("too long", session.Retry, "", file+"it holds more than the 20000 characters that AWS takes", itself, writes(func(s *inputStage) string {
		return s.webToken(func(c *fakeaws.Claims) { c.Extra = map[string]any{"groups": strings.Repeat("everybody ", 2000)} })
	}))
	row("empty", session.Retry, "", file+"it holds nothing", itself, writes(func(*inputStage) string { return "\n" }))
	row("missing", session.Retry, "", file+"no such file or directory", itself,
		func(s *inputStage) { s.must(os.Remove(filepath.Join(s.dir, "proof"))) })
	row("unreadable", session.Retry, "", file+"too many levels of symbolic links", itself, func(s *inputStage) { // a mode would not keep root out
		s.must(os.Remove(filepath.Join(s.dir, "proof")))
		s.must(os.Symlink("proof", filepath.Join(s.dir, "proof")))
	})
	row("a directory", session.Retry, "", file+"it is not a regular file", itself, func(s *inputStage) {
		s.must(os.Remove(filepath.Join(s.dir, "proof")))
		s.must(os.Mkdir(filepath.Join(s.dir, "proof"), 0o700))
	})
	return rows
}

func (s *inputStage) must(err error) {
	if err != nil {
		s.Error(err)
	}
}
