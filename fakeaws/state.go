package fakeaws

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"unicode/utf8"
)

// State is a whole made-up AWS, as a file or a test describes it.
type State struct {
	// Region is the only region there is, but for Regions: requests signed for
	// another are refused. Empty means that every region is there, and each bucket in
	// all of them.
	Region string `json:"region,omitempty"`
	// Regions are more of them, beside Region: STS and EC2 answer there too,
	// and buckets are in Region alone. Where that is empty they mean nothing.
	Regions         []string         `json:"regions,omitempty"`
	Accounts        []Account        `json:"accounts"`
	IdentityCenters []IdentityCenter `json:"identity_centers,omitempty"`
	// Scoped is how GetScopedCredentials behaves at start.
	Scoped ScopedRules `json:"scoped,omitzero"`
}

// Account is one AWS account.
type Account struct {
	// ID is its twelve digits.
	ID string `json:"id"`
	// RootKeys are the access keys of the account's root user.
	RootKeys        []AccessKey     `json:"root_keys,omitempty"`
	Users           []User          `json:"users,omitempty"`
	Roles           []Role          `json:"roles,omitempty"`
	ManagedPolicies []ManagedPolicy `json:"managed_policies,omitempty"`
	OIDCProviders   []OIDCProvider  `json:"oidc_providers,omitempty"`
	SAMLProviders   []SAMLProvider  `json:"saml_providers,omitempty"`
	Buckets         []Bucket        `json:"buckets,omitempty"`
}

// User is an IAM user.
type User struct {
	Name string `json:"name"`
	// Path is "/" if empty.
	Path string `json:"path,omitempty"`
	// ID is the unique id, AIDA and 17 more; empty means one made of the ARN.
	ID   string      `json:"id,omitempty"`
	Keys []AccessKey `json:"keys,omitempty"`
	MFA  []MFADevice `json:"mfa,omitempty"`
	// Policies are inline policy documents; PolicyARNs name managed ones, of
	// the same account or AWS's own: AdministratorAccess and
	// AmazonS3ReadOnlyAccess.
	Policies   Documents `json:"policies,omitempty"`
	PolicyARNs []string  `json:"policy_arns,omitempty"`
}

// AccessKey is a long-term key. It is made up, hence printed.
type AccessKey struct {
	ID       string `json:"id"`
	Secret   string `json:"secret"`
	Disabled bool   `json:"disabled,omitempty"`
}

// MFADevice is a virtual MFA device of a user: RFC 6238 with SHA-1, six digits
// and 30 seconds.
type MFADevice struct {
	// Serial is its ARN, or a hardware serial number.
	Serial string `json:"serial"`
	// Seed is its key in base32, as authenticator apps take it.
	Seed string `json:"seed"`
}

// Role is an IAM role.
type Role struct {
	Name string `json:"name"`
	// Path is "/" if empty.
	Path string `json:"path,omitempty"`
	// ID is the unique id, AROA and 17 more; empty means one made of the ARN.
	ID string `json:"id,omitempty"`
	// Trust is the trust policy: who may assume the role.
	Trust      Document  `json:"trust"`
	Policies   Documents `json:"policies,omitempty"`
	PolicyARNs []string  `json:"policy_arns,omitempty"`
	// MaxSessionDuration is in seconds, 3600 to 43200; 0 means 3600.
	MaxSessionDuration int `json:"max_session_duration,omitempty"`
}

// ManagedPolicy is a customer managed policy.
type ManagedPolicy struct {
	Name string `json:"name"`
	// Path is "/" if empty.
	Path string `json:"path,omitempty"`
	// Document is the default version.
	Document Document `json:"document"`
	// Older are the versions before it, v1 first.
	Older Documents `json:"older_versions,omitempty"`
}

// Bucket is an S3 bucket and what is in it: contents by key.
type Bucket struct {
	Name    string            `json:"name"`
	Objects map[string]string `json:"objects,omitempty"`
}

// Document is the JSON text of a policy. In a state file it is an object, or a
// string that holds one.
type Document string

// Documents are the texts of several policies.
type Documents []string

// UnmarshalJSON keeps the text of an object as it is: the policy package is
// the judge of what is in it, duplicate keys included.
func (d *Document) UnmarshalJSON(text []byte) error {
	if text[0] != '"' {
		*d = Document(text)
		return nil
	}
	return json.Unmarshal(text, (*string)(d))
}

// UnmarshalJSON reads a list of documents.
func (d *Documents) UnmarshalJSON(text []byte) error {
	var list []Document
	if err := json.Unmarshal(text, &list); err != nil {
		return err
	}
	*d = nil
	for _, document := range list {
		*d = append(*d, string(document))
	}
	return nil
}

// maxState is the size that a state file may have: small objects included, as
// large ones are put by clients.
const maxState = 4 << 20

// ReadState reads a state from a JSON file and checks it as New does. Unknown
// fields are errors; every error begins with the path of the file.
func ReadState(path string) (State, error) {
	f, err := os.Open(path)
	if err != nil {
		return State{}, fmt.Errorf("reading the state: %w", err)
	}
	defer f.Close()
	text, err := io.ReadAll(io.LimitReader(f, maxState+1))
	if err != nil {
		return State{}, fmt.Errorf("reading the state: %w", err)
	}
	if len(text) > maxState {
		return State{}, fmt.Errorf("%s: larger than %d MiB", path, maxState>>20)
	}
	s, err := parseState(text)
	if err != nil {
		return State{}, prefixed(path, err)
	}
	return s, nil
}

// parseState reads and checks the text of a state file.
func parseState(text []byte) (State, error) {
	if !utf8.Valid(text) {
		return State{}, errors.New("not UTF-8") // json would mend it in names, and not in documents
	}
	d := json.NewDecoder(bytes.NewReader(text))
	d.DisallowUnknownFields()
	var s State
	if err := d.Decode(&s); err != nil {
		return State{}, fmt.Errorf("line %d: %w", 1+bytes.Count(text[:d.InputOffset()], []byte("\n")), err)
	}
	if _, err := d.Token(); !errors.Is(err, io.EOF) {
		return State{}, errors.New("text after the end of the state")
	}
	if _, _, err := build(s); err != nil {
		return State{}, err
	}
	return s, nil
}

// prefixed puts the path of a file before every problem in it.
func prefixed(path string, err error) error {
	joined, ok := err.(interface{ Unwrap() []error })
	if !ok {
		return fmt.Errorf("%s: %w", path, err)
	}
	var all []error
	for _, e := range joined.Unwrap() {
		all = append(all, fmt.Errorf("%s: %w", path, e))
	}
	return errors.Join(all...)
}
