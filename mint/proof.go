package mint

import (
	"cmp"
	"context"
	"encoding/base64"
	"encoding/json"
	"encoding/xml"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"strings"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/sts"

	"github.com/vendord/vendord/session"
)

// proof is a kind of text that proves to AWS who asks, in place of a signature.
type proof struct {
	name       string // as messages call it
	file, args string // the keys of vendord.toml
	most       int    // characters that STS takes (API reference)
	check      func(string) string
}

var (
	webToken  = proof{"web identity token", "token_file", "token_command", 20_000, checkJWT}
	assertion = proof{"SAML assertion", "assertion_file", "assertion_command", 100_000, checkAssertion}
)

// withProof assumes a role with the proof of a source. Nobody signs: the SDK
// gets no keys, so that neither a signature nor a session token goes along.
func (m *Minter) withProof(ctx context.Context, r session.Request) (*session.Credentials, error) {
	kind, send := webToken, m.sendWebToken
	if r.Operation == session.AssumeRoleWithSAML {
		kind, send = assertion, m.sendAssertion
	}
	text, err := m.prove(ctx, r.Source, kind)
	if err != nil {
		return nil, err
	}
	made, err := send(ctx, r, text)
	if failure := session.AsError(err); failure != nil && failure.Code == "ExpiredTokenException" && r.Source.File != "" {
		// Whoever renews the file may have done so just now.
		if again, readErr := m.prove(ctx, r.Source, kind); readErr == nil && again != text {
			return send(ctx, r, again)
		}
	}
	return made, err
}

func (m *Minter) sendWebToken(ctx context.Context, r session.Request, token string) (*session.Credentials, error) {
	c := m.anonymous(r, "AssumeRoleWithWebIdentity", webToken.name, token)
	out, err := stsClient(c.x, r.Region, r.Endpoint, aws.Credentials{}).AssumeRoleWithWebIdentity(ctx, &sts.AssumeRoleWithWebIdentityInput{
		RoleArn: &r.RoleARN, RoleSessionName: &r.SessionName, WebIdentityToken: &token, DurationSeconds: seconds(c.asked),
		Policy: optional(r.Policy), PolicyArns: policyARNs(r), MinimumSessionTokenSize: tokenSize(r.MinTokenSize),
	})
	if err != nil {
		return nil, c.failure(err)
	}
	//lint:ignore SA1019 servers that predate 2026-09 say it so
	use := tokenUse(out.SessionTokenUtilization, out.PackedPolicySize)
	return m.accept(c, r, answer{out.Credentials, userARN(out.AssumedRoleUser), use})
}

func (m *Minter) sendAssertion(ctx context.Context, r session.Request, text string) (*session.Credentials, error) {
	c := m.anonymous(r, "AssumeRoleWithSAML", assertion.name, text)
	c.rolesInProof = assertionRoles(text)
	out, err := stsClient(c.x, r.Region, r.Endpoint, aws.Credentials{}).AssumeRoleWithSAML(ctx, &sts.AssumeRoleWithSAMLInput{
		RoleArn: &r.RoleARN, PrincipalArn: &r.Source.ProviderARN, SAMLAssertion: &text, DurationSeconds: seconds(c.asked),
		Policy: optional(r.Policy), PolicyArns: policyARNs(r), MinimumSessionTokenSize: tokenSize(r.MinTokenSize),
	})
	if err != nil {
		return nil, c.failure(err)
	}
	//lint:ignore SA1019 servers that predate 2026-09 say it so
	use := tokenUse(out.SessionTokenUtilization, out.PackedPolicySize)
	return m.accept(c, r, answer{out.Credentials, userARN(out.AssumedRoleUser), use})
}

// anonymous begins a call that a proof takes the place of a signature in. Parts of
// the proof are secrets as well: a server that cannot read it may quote one.
func (m *Minter) anonymous(r session.Request, action, kind, text string) call {
	c := m.call(r, identity{subject: subject(r.Source)}, action, cmp.Or(r.Duration, chainLimit)) // an hour is AWS's default
	c.proof, c.secrets = kind, append([]string{text}, strings.Split(text, ".")...)
	return c
}

// prove gets the proof of a source, anew each time.
func (m *Minter) prove(ctx context.Context, s session.Source, kind proof) (string, error) {
	if s.File != "" {
		return readProof(s, kind)
	}
	argv := session.Items(s.Command)
	if err := m.checkCommand(subject(s), kind.args, argv); err != nil {
		return "", err
	}
	text, err := m.output(ctx, subject(s), kind.args, argv, 2*kind.most)
	if err != nil {
		return "", err
	}
	proof := kind.trim(string(text))
	if problem := kind.problem(proof); problem != "" {
		return "", commandFailed(subject(s), kind.args, "printed "+problem)
	}
	return proof, nil
}

// readProof reads the proof in a file. What is wrong with it may come right by
// itself: it is written by somebody else, perhaps at this moment.
func readProof(s session.Source, kind proof) (string, error) {
	fail := func(problem string) error {
		return &session.Error{Class: session.Retry, Public: fmt.Sprintf("%s: %s %s: %s", subject(s), kind.file, s.File, problem),
			Hint: "whatever writes it must do so readably for vendord's user; it is read again at each try"}
	}
	text, err := readSmall(s.File, 2*kind.most)
	if errors.Is(err, errTooMuch) {
		return "", fail("it holds " + kind.tooLarge())
	}
	if err != nil {
		return "", fail(why(err))
	}
	found := kind.trim(text)
	if problem := kind.problem(found); problem != "" {
		return "", fail("it holds " + problem)
	}
	return found, nil
}

// trim takes out what was put around or into a proof on its way into a file:
// base64 is often written in lines.
func (p proof) trim(text string) string {
	if p.name == assertion.name {
		return strings.Join(strings.Fields(text), "")
	}
	return strings.TrimSpace(text)
}

// problem tells what a text has in place of a proof, or "".
func (p proof) problem(text string) string {
	switch {
	case text == "":
		return "nothing"
	case len(text) > p.most:
		return p.tooLarge()
	}
	if what := p.check(text); what != "" {
		return "no " + p.name + ", or half of one: " + what
	}
	return ""
}

func (p proof) tooLarge() string {
	return fmt.Sprintf("more than the %d characters that AWS takes", p.most)
}

// checkJWT looks at the form of a JSON Web Token (RFC 7519) alone: whether it is
// good is AWS's to say.
func checkJWT(token string) string {
	parts := strings.Split(token, ".")
	if len(parts) != 3 || parts[2] == "" {
		return "a JWT has three parts"
	}
	// Go's decoder skips line breaks; a token with one cannot be sent.
	if strings.ContainsFunc(token, func(r rune) bool { return r <= ' ' || r > '~' }) {
		return "a JWT has no spaces, no line breaks and nothing but ASCII"
	}
	for _, part := range parts[:2] {
		text, err := base64.RawURLEncoding.DecodeString(strings.TrimRight(part, "="))
		if err != nil || !json.Valid(text) {
			return "its header and claims must be JSON in base64url"
		}
	}
	return ""
}

// checkAssertion looks whether a text is base64 of whole XML.
func checkAssertion(text string) string {
	raw, err := base64.StdEncoding.DecodeString(text)
	if err != nil {
		return "it must be base64"
	}
	root := ""
	for d := xml.NewDecoder(strings.NewReader(string(raw))); ; {
		token, err := d.Token()
		if errors.Is(err, io.EOF) && root != "" {
			return ""
		}
		if err != nil {
			return "it must be XML in base64"
		}
		if start, ok := token.(xml.StartElement); ok && root == "" {
			root = start.Name.Local
			if root != "Response" && root != "Assertion" {
				return "it must be a SAML response"
			}
		}
	}
}

// roleAttribute is where an assertion lists the roles that it is good for (IAM
// User Guide, SAML assertions for the authentication response).
const roleAttribute = "https://aws.amazon.com/SAML/Attributes/Role"

// assertionRoles finds the roles that an assertion lists, as far as it shows
// them: it may be encrypted. They serve a message alone.
func assertionRoles(text string) (roles []string) {
	raw, _ := base64.StdEncoding.DecodeString(text)
	inside := false
	for d := xml.NewDecoder(strings.NewReader(string(raw))); ; {
		token, err := d.Token()
		if err != nil {
			return roles
		}
		switch t := token.(type) {
		case xml.StartElement:
			for _, a := range t.Attr {
				inside = inside || t.Name.Local == "Attribute" && a.Name.Local == "Name" && a.Value == roleAttribute
			}
		case xml.EndElement:
			inside = inside && t.Name.Local != "Attribute"
		case xml.CharData:
			for part := range strings.SplitSeq(string(t), ",") {
				if part = strings.TrimSpace(part); inside && strings.Contains(part, ":role/") {
					roles = append(roles, part)
				}
			}
		}
	}
}

// errTooMuch is a file that is larger than what it should hold.
var errTooMuch = errors.New("it is too large")

// readSmall reads a regular file that holds at most so many bytes.
func readSmall(path string, most int) (string, error) {
	if err := readable(path); err != nil {
		return "", err
	}
	f, err := os.Open(path)
	if err != nil {
		return "", err
	}
	defer f.Close()
	text, err := io.ReadAll(io.LimitReader(f, int64(most)+1))
	if err == nil && len(text) > most {
		return "", &fs.PathError{Op: "read", Path: path, Err: errTooMuch}
	}
	return string(text), err
}
