package fakeaws

import (
	"crypto/rand"
	"crypto/rsa"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/base64"
	"encoding/pem"
	"maps"
	"math/big"
	"slices"
	"strconv"
	"sync"
	"time"

	"github.com/beevik/etree"
	dsig "github.com/russellhaering/goxmldsig"
)

// IdentityProvider is a SAML identity provider for tests and lessons: it signs
// whatever it is told.
type IdentityProvider struct {
	issuer string
	signer func() samlSigner
}

// samlSigner is a key and its certificate.
type samlSigner struct {
	key         *rsa.PrivateKey
	certificate *x509.Certificate
}

// NewIdentityProvider returns an identity provider with an entity id, such as
// "https://idp.example.com/saml", and a key of its own.
func NewIdentityProvider(issuer string) *IdentityProvider {
	return &IdentityProvider{issuer: issuer, signer: sync.OnceValue(func() samlSigner { return newSAMLSigner(issuer) })}
}

// newSAMLSigner makes a key and a certificate that nobody has signed but
// itself, as identity providers have them. Its times are beyond any test's
// clock.
func newSAMLSigner(issuer string) samlSigner {
	key := newRSAKey()
	template := &x509.Certificate{SerialNumber: big.NewInt(1), Subject: pkix.Name{CommonName: issuer},
		NotBefore: time.Date(2000, 1, 1, 0, 0, 0, 0, time.UTC), NotAfter: time.Date(2200, 1, 1, 0, 0, 0, 0, time.UTC)}
	der, err := x509.CreateCertificate(rand.Reader, template, template, key.Public(), key)
	if err != nil {
		panic(err) // a name that no certificate can hold
	}
	certificate, err := x509.ParseCertificate(der)
	if err != nil {
		panic(err) // made by us: cannot fail
	}
	return samlSigner{key, certificate}
}

// Assertion is what an identity provider says of somebody. The zero value of
// most of it is what AWS wants.
type Assertion struct {
	// Roles are pairs of a role's ARN and a SAML provider's.
	Roles [][2]string
	// SessionName is the RoleSessionName; empty leaves the attribute out.
	SessionName string
	// Subject is the NameID, empty for "somebody"; Persistent its format,
	// where transient is the other.
	Subject    string
	Persistent bool
	// Issued is when; zero means now. Expires: zero means five minutes later.
	Issued, Expires time.Time
	// SessionDuration is the attribute, and SessionExpires the
	// SessionNotOnOrAfter; zero leaves them out.
	SessionDuration time.Duration
	SessionExpires  time.Time
	Tags            map[string]string
	TransitiveTags  []string
	SourceIdentity  string
	// Recipient and Audience are AWS's where they are empty.
	Recipient, Audience string
	// SignResponse has the whole response signed, and not the assertion.
	SignResponse bool
	// Forged has it signed by somebody else.
	Forged bool
}

// Issuer returns the entity id.
func (p *IdentityProvider) Issuer() string { return p.issuer }

// Named returns the same provider, with the same key, under another entity id.
func (p *IdentityProvider) Named(issuer string) *IdentityProvider {
	return &IdentityProvider{issuer, p.signer}
}

// Certificate returns the certificate in PEM.
func (p *IdentityProvider) Certificate() string {
	return string(pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: p.signer().certificate.Raw}))
}

// Provider returns the identity provider as a SAML provider of an account.
func (p *IdentityProvider) Provider(name string) SAMLProvider {
	return SAMLProvider{Name: name, Issuer: p.issuer, Certificates: p.Certificate()}
}

// Sign returns a response with an assertion that says a, in base64: what
// AssumeRoleWithSAML takes.
func (p *IdentityProvider) Sign(a Assertion) string {
	return base64.StdEncoding.EncodeToString(p.Response(a))
}

// Response returns the XML of what Sign returns.
func (p *IdentityProvider) Response(a Assertion) []byte {
	a = a.filled()
	return p.sealed(a, p.assertion(a))
}

// sealed puts what is said into a response, and signs one of them.
func (p *IdentityProvider) sealed(a Assertion, said *etree.Element) []byte {
	s := p.signer()
	if a.Forged {
		s = newSAMLSigner(p.issuer)
	}
	context, err := dsig.NewSigningContext(s.key, [][]byte{s.certificate.Raw})
	if err != nil {
		panic(err) // only without a key
	}
	context.Canonicalizer = dsig.MakeC14N10ExclusiveCanonicalizerWithPrefixList("")
	response := p.response(a)
	if a.SignResponse {
		response.AddChild(said)
		response = signed(context, response)
	} else {
		response.AddChild(signed(context, said))
	}
	doc := etree.NewDocument()
	doc.SetRoot(response)
	text, err := doc.WriteToBytes()
	if err != nil {
		panic(err) // into memory: cannot fail
	}
	return text
}

// signed returns an element with its signature in it.
func signed(context *dsig.SigningContext, e *etree.Element) *etree.Element {
	e, err := context.SignEnveloped(e)
	if err != nil {
		panic(err) // an element of ours: cannot fail
	}
	return e
}

// filled returns an assertion with its defaults.
func (a Assertion) filled() Assertion {
	const aws = "https://signin.aws.amazon.com/saml"
	for field, otherwise := range map[*string]string{&a.Subject: "somebody", &a.Recipient: aws, &a.Audience: aws} {
		if *field == "" {
			*field = otherwise
		}
	}
	if a.Issued.IsZero() {
		a.Issued = time.Now()
	}
	if a.Expires.IsZero() {
		a.Expires = a.Issued.Add(maxRedeem)
	}
	return a
}

// response makes a response without its assertion.
func (p *IdentityProvider) response(a Assertion) *etree.Element {
	r := etree.NewElement("samlp:Response")
	attributes(r, "xmlns:samlp", samlProtocol, "xmlns:saml", samlNS, "ID", newID(), "Version", "2.0",
		"IssueInstant", stamp(a.Issued), "Destination", a.Recipient)
	r.CreateElement("saml:Issuer").SetText(p.issuer)
	attributes(r.CreateElement("samlp:Status").CreateElement("samlp:StatusCode"), "Value", samlSuccess)
	return r
}

// assertion makes an assertion without its signature.
func (p *IdentityProvider) assertion(a Assertion) *etree.Element {
	e := etree.NewElement("saml:Assertion")
	attributes(e, "xmlns:saml", samlNS, "ID", newID(), "Version", "2.0", "IssueInstant", stamp(a.Issued))
	e.CreateElement("saml:Issuer").SetText(p.issuer)
	subject := e.CreateElement("saml:Subject")
	name := subject.CreateElement("saml:NameID")
	name.SetText(a.Subject)
	attributes(name, "Format", samlFormat+map[bool]string{true: "persistent", false: "transient"}[a.Persistent])
	confirmation := subject.CreateElement("saml:SubjectConfirmation")
	attributes(confirmation, "Method", samlBearer)
	attributes(confirmation.CreateElement("saml:SubjectConfirmationData"), "NotOnOrAfter", stamp(a.Expires), "Recipient", a.Recipient)
	conditions := e.CreateElement("saml:Conditions")
	attributes(conditions, "NotBefore", stamp(a.Issued), "NotOnOrAfter", stamp(a.Expires))
	conditions.CreateElement("saml:AudienceRestriction").CreateElement("saml:Audience").SetText(a.Audience)
	authn := e.CreateElement("saml:AuthnStatement")
	attributes(authn, "AuthnInstant", stamp(a.Issued))
	if !a.SessionExpires.IsZero() {
		attributes(authn, "SessionNotOnOrAfter", stamp(a.SessionExpires))
	}
	a.statement(e.CreateElement("saml:AttributeStatement"))
	return e
}

// statement adds AWS's attributes.
func (a Assertion) statement(e *etree.Element) {
	add := func(name string, values ...string) {
		if len(values) == 0 {
			return
		}
		attribute := e.CreateElement("saml:Attribute")
		attributes(attribute, "Name", samlAttribute+name)
		for _, value := range values {
			attribute.CreateElement("saml:AttributeValue").SetText(value)
		}
	}
	var pairs []string
	for _, pair := range a.Roles {
		pairs = append(pairs, pair[0]+","+pair[1])
	}
	add("Role", pairs...)
	for name, value := range map[string]string{"RoleSessionName": a.SessionName, "SourceIdentity": a.SourceIdentity} {
		if value != "" {
			add(name, value)
		}
	}
	if a.SessionDuration != 0 {
		add("SessionDuration", strconv.Itoa(int(a.SessionDuration/time.Second)))
	}
	for _, key := range slices.Sorted(maps.Keys(a.Tags)) {
		add("PrincipalTag:"+key, a.Tags[key])
	}
	add("TransitiveTagKeys", a.TransitiveTags...)
}

// attributes sets attributes by name and value.
func attributes(e *etree.Element, pairs ...string) {
	for i := 0; i < len(pairs); i += 2 {
		e.CreateAttr(pairs[i], pairs[i+1])
	}
}

// newID returns an id as XML wants them, which cannot begin with a digit.
func newID() string { return "_" + newRequestID() }

// stamp formats a time as SAML does.
func stamp(t time.Time) string { return t.UTC().Format(time.RFC3339) }
