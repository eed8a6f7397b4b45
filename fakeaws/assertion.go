package fakeaws

import (
	"crypto/x509"
	"encoding/xml"
	"slices"
	"strings"
	"time"

	"github.com/beevik/etree"
	dsig "github.com/russellhaering/goxmldsig"
	"github.com/russellhaering/goxmldsig/etreeutils"
)

const (
	samlNS        = "urn:oasis:names:tc:SAML:2.0:assertion"
	samlProtocol  = "urn:oasis:names:tc:SAML:2.0:protocol"
	samlSuccess   = "urn:oasis:names:tc:SAML:2.0:status:Success"
	samlBearer    = "urn:oasis:names:tc:SAML:2.0:cm:bearer"
	samlFormat    = "urn:oasis:names:tc:SAML:2.0:nameid-format:"
	samlAttribute = "https://aws.amazon.com/SAML/Attributes/"
)

// assertion is what an identity provider says of somebody. Lists are lists even
// where there must be one: of two, Go would silently keep the last.
type assertion struct {
	XMLName      xml.Name
	IssueInstant string             `xml:",attr"`
	Issuers      []string           `xml:"urn:oasis:names:tc:SAML:2.0:assertion Issuer"`
	Subjects     []samlSubject      `xml:"urn:oasis:names:tc:SAML:2.0:assertion Subject"`
	Conditions   []samlConditions   `xml:"urn:oasis:names:tc:SAML:2.0:assertion Conditions"`
	Statements   []samlAuthn        `xml:"urn:oasis:names:tc:SAML:2.0:assertion AuthnStatement"`
	Attributes   []samlAttributeXML `xml:"urn:oasis:names:tc:SAML:2.0:assertion AttributeStatement>Attribute"`
}

type samlSubject struct {
	NameIDs       []samlNameID       `xml:"urn:oasis:names:tc:SAML:2.0:assertion NameID"`
	Confirmations []samlConfirmation `xml:"urn:oasis:names:tc:SAML:2.0:assertion SubjectConfirmation"`
}

type samlNameID struct {
	Format string `xml:",attr"`
	Value  string `xml:",chardata"`
}

type samlConfirmation struct {
	Method string                 `xml:",attr"`
	Data   []samlConfirmationData `xml:"urn:oasis:names:tc:SAML:2.0:assertion SubjectConfirmationData"`
}

type samlConfirmationData struct {
	Recipient    string `xml:",attr"`
	NotOnOrAfter string `xml:",attr"`
}

type samlConditions struct {
	NotBefore    string `xml:",attr"`
	NotOnOrAfter string `xml:",attr"`
	Restrictions []struct {
		Audiences []string `xml:"urn:oasis:names:tc:SAML:2.0:assertion Audience"`
	} `xml:"urn:oasis:names:tc:SAML:2.0:assertion AudienceRestriction"`
}

type samlAuthn struct {
	SessionNotOnOrAfter string `xml:",attr"`
}

type samlAttributeXML struct {
	Name   string   `xml:",attr"`
	Values []string `xml:"urn:oasis:names:tc:SAML:2.0:assertion AttributeValue"`
}

// readAssertion reads a response, verifies its signature and returns its one
// assertion. Only what was signed is read, from the bytes that were verified:
// an attacker can wrap a signed assertion into one of his own.
func readAssertion(raw []byte, certificates []*x509.Certificate, now time.Time) (*assertion, *failure) {
	root, ok := parseResponse(raw)
	if !ok {
		return nil, badIdentity("Invalid SAML response: not a SAML 2.0 Response with one assertion")
	}
	if status := statusOf(root); status != samlSuccess {
		return nil, badIdentity("Invalid SAML response: its status is not Success")
	}
	signed, err := verifySignature(root, certificates, now)
	if err != nil {
		return nil, badIdentity("Response signature invalid")
	}
	a, ok := decodeAssertion(signed)
	if !ok {
		return nil, badIdentity("Invalid SAML response: the assertion lacks an Issuer, a Subject or its confirmation, or has two of them")
	}
	return a, nil
}

// parseResponse reads the XML of a response. A document type can define
// entities, and no identity provider sends one.
func parseResponse(raw []byte) (*etree.Element, bool) {
	doc := etree.NewDocument()
	if doc.ReadFromBytes(raw) != nil || doc.Root() == nil || strings.Contains(string(raw), "<!DOCTYPE") {
		return nil, false
	}
	root := doc.Root()
	if root.Tag != "Response" || root.NamespaceURI() != samlProtocol || len(children(root, samlNS, "Assertion")) != 1 {
		return nil, false
	}
	return root, true
}

// children returns the children of a name.
func children(e *etree.Element, namespace, tag string) []*etree.Element {
	return slices.DeleteFunc(e.ChildElements(), func(c *etree.Element) bool { return c.Tag != tag || c.NamespaceURI() != namespace })
}

// statusOf returns the status of a response, which is signed only where the
// response is: it can refuse, not admit.
func statusOf(root *etree.Element) string {
	for _, status := range children(root, samlProtocol, "Status") {
		for _, c := range children(status, samlProtocol, "StatusCode") {
			return c.SelectAttrValue("Value", "")
		}
	}
	return ""
}

// verifySignature verifies the signature of the response, or else that of its
// assertion, and returns the assertion that was signed.
func verifySignature(root *etree.Element, certificates []*x509.Certificate, now time.Time) (*etree.Element, error) {
	context := dsig.NewDefaultValidationContext(&dsig.MemoryX509CertificateStore{Roots: certificates})
	context.Clock = dsig.NewFakeClockAt(now)
	if len(children(root, dsig.Namespace, dsig.SignatureTag)) > 0 {
		verified, err := context.Validate(root)
		if err != nil {
			return nil, err
		}
		found := children(verified, samlNS, "Assertion")
		if len(found) != 1 {
			return nil, dsig.ErrInvalidSignature
		}
		return detached(found[0])
	}
	alone, err := detached(children(root, samlNS, "Assertion")[0])
	if err != nil {
		return nil, err
	}
	return context.Validate(alone)
}

// detached returns an element on its own, with the namespaces of its parents.
func detached(e *etree.Element) (*etree.Element, error) {
	context, err := etreeutils.NSBuildParentContext(e)
	if err != nil {
		return nil, err
	}
	return etreeutils.NSDetatch(context, e)
}

// decodeAssertion decodes an assertion that was verified.
func decodeAssertion(e *etree.Element) (*assertion, bool) {
	doc := etree.NewDocument()
	doc.SetRoot(e.Copy())
	text, err := doc.WriteToBytes()
	var a assertion
	if err != nil || xml.Unmarshal(text, &a) != nil || a.XMLName.Local != "Assertion" || a.XMLName.Space != samlNS {
		return nil, false
	}
	one := len(a.Issuers) == 1 && len(a.Subjects) == 1 && len(a.Subjects[0].NameIDs) == 1 && len(a.Subjects[0].Confirmations) == 1
	if !one || a.Subjects[0].Confirmations[0].Method != samlBearer || len(a.Subjects[0].Confirmations[0].Data) != 1 {
		return nil, false
	}
	return &a, true
}

func (a *assertion) issuer() string { return strings.TrimSpace(a.Issuers[0]) }

func (a *assertion) nameID() samlNameID { return a.Subjects[0].NameIDs[0] }

func (a *assertion) confirmation() samlConfirmationData {
	return a.Subjects[0].Confirmations[0].Data[0]
}

// subjectType returns the format of the name in AWS's short form.
func (a *assertion) subjectType() string { return strings.TrimPrefix(a.nameID().Format, samlFormat) }

// attribute returns the values of one of AWS's attributes.
func (a *assertion) attribute(name string) []string {
	var values []string
	for _, attribute := range a.Attributes {
		if attribute.Name == samlAttribute+name {
			values = append(values, attribute.Values...)
		}
	}
	return values
}
