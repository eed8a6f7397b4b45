package fakeaws

import (
	"crypto/x509"
	"encoding/pem"
	"errors"
	"fmt"
	"net/url"
	"slices"
	"strings"
)

// OIDCProvider is an OpenID Connect provider of an account: whose JWTs its
// roles may trust.
type OIDCProvider struct {
	// URL is the issuer's, with https and no slash at the end: what the iss
	// claim of its tokens is.
	URL string `json:"url"`
	// Audiences are the client ids that its tokens may be for.
	Audiences []string `json:"audiences"`
	// JWKS is the JSON Web Key Set that the issuer serves. Without one the
	// fake plays the issuer itself, see Fake.Issuer.
	JWKS Document `json:"jwks,omitempty"`
}

// SAMLProvider is a SAML provider of an account.
type SAMLProvider struct {
	// Name is the end of its ARN.
	Name string `json:"name"`
	// Issuer is the entity id of the identity provider; empty means
	// "urn:fakeaws:" and the name.
	Issuer string `json:"issuer,omitempty"`
	// Certificates are those, in PEM, that its assertions are signed with.
	// Without one the fake plays the identity provider itself, see
	// Fake.IdentityProvider.
	Certificates string `json:"certificates,omitempty"`
}

// oidcProvider is an OIDCProvider that was checked.
type oidcProvider struct {
	arn, url, name string // the name is the URL without https://
	audiences      []string
	keys           []jwk
	issuer         *Issuer // the fake itself, or nil
}

// trusted returns the keys whose signatures count.
func (p *oidcProvider) trusted() []jwk {
	if p.issuer != nil {
		return []jwk{p.issuer.jwk()}
	}
	return p.keys
}

// samlProvider is a SAMLProvider that was checked.
type samlProvider struct {
	arn, account, name, issuer string
	certificates               []*x509.Certificate
	idp                        *IdentityProvider // the fake itself, or nil
}

// trusted returns the certificates whose signatures count.
func (p *samlProvider) trusted() []*x509.Certificate {
	if p.idp != nil {
		return []*x509.Certificate{p.idp.signer().certificate}
	}
	return p.certificates
}

var samlNamePattern = expr(`^[A-Za-z0-9._-]{1,128}$`)

// oidcKey is where a provider is found: an account has one for each issuer.
func oidcKey(account, issuer string) string { return account + " " + issuer }

// providers adds the identity providers of an account.
func (b *builder) providers(path string, a Account) {
	for i, o := range a.OIDCProviders {
		b.oidc(fmt.Sprintf("%s.oidc_providers[%d]", path, i), a.ID, o)
	}
	for i, s := range a.SAMLProviders {
		b.saml(fmt.Sprintf("%s.saml_providers[%d]", path, i), a.ID, s)
	}
}

// oidc adds an OpenID Connect provider.
func (b *builder) oidc(path, account string, o OIDCProvider) {
	u, err := url.Parse(o.URL)
	b.must(err == nil && u.Scheme == "https" && u.Host != "" && u.User == nil && u.RawQuery == "" && u.Fragment == "" && !strings.HasSuffix(o.URL, "/"),
		path+".url", "%q is not an https URL without a slash at the end", o.URL)
	b.must(len(o.Audiences) > 0 && !slices.Contains(o.Audiences, ""), path+".audiences", "none, or an empty one")
	name := strings.TrimPrefix(o.URL, "https://")
	p := &oidcProvider{url: o.URL, name: name, audiences: o.Audiences, arn: "arn:aws:iam::" + account + ":oidc-provider/" + name}
	if o.JWKS == "" {
		// One issuer, however many accounts know it.
		if b.world.issuers[o.URL] == nil {
			b.world.issuers[o.URL] = NewIssuer(o.URL)
		}
		p.issuer = b.world.issuers[o.URL]
	} else {
		p.keys, err = parseJWKS(string(o.JWKS))
		b.problem(path+".jwks", err)
	}
	key := oidcKey(account, o.URL)
	b.must(b.world.oidc[key] == nil, path+".url", "%s is there already", p.arn)
	b.world.oidc[key] = p
}

// saml adds a SAML provider.
func (b *builder) saml(path, account string, s SAMLProvider) {
	b.must(samlNamePattern.MatchString(s.Name), path+".name", "%q is not the name of a SAML provider", s.Name)
	p := &samlProvider{account: account, name: s.Name, issuer: s.Issuer, arn: "arn:aws:iam::" + account + ":saml-provider/" + s.Name}
	if p.issuer == "" {
		p.issuer = "urn:fakeaws:" + s.Name
	}
	if s.Certificates == "" {
		p.idp = NewIdentityProvider(p.issuer)
	} else {
		var err error
		p.certificates, err = parseCertificates(s.Certificates)
		b.problem(path+".certificates", err)
	}
	b.must(b.world.saml[p.arn] == nil, path+".name", "%s is there already", p.arn)
	b.world.saml[p.arn] = p
}

// parseCertificates reads certificates in PEM, and nothing else.
func parseCertificates(text string) ([]*x509.Certificate, error) {
	var all []*x509.Certificate
	for rest := []byte(text); len(strings.TrimSpace(string(rest))) > 0; {
		block, after := pem.Decode(rest)
		if block == nil || block.Type != "CERTIFICATE" {
			return nil, errors.New("not certificates in PEM")
		}
		c, err := x509.ParseCertificate(block.Bytes)
		if err != nil {
			return nil, fmt.Errorf("certificate %d: %w", len(all)+1, err)
		}
		all, rest = append(all, c), after
	}
	if len(all) == 0 {
		return nil, errors.New("not certificates in PEM")
	}
	return all, nil
}

// Issuer returns the issuer that the fake plays for a URL, or nil where it
// plays none.
func (f *Fake) Issuer(url string) *Issuer { return f.world.issuers[url] }

// IdentityProvider returns the identity provider that the fake plays behind a
// SAML provider's ARN, or nil where it plays none.
func (f *Fake) IdentityProvider(arn string) *IdentityProvider {
	if p := f.world.saml[arn]; p != nil {
		return p.idp
	}
	return nil
}
