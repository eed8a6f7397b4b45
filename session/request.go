package session

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"
	"time"
	"unique"
)

// The types of source that a Source can have.
const (
	SharedConfig  = "shared-config" // a profile of the AWS SDKs' own files
	Environment   = "environment"   // the variables that the daemon was started with
	Process       = "process"       // a command that prints credentials
	WebIdentity   = "web-identity"  // a JWT, in a file or printed by a command
	SAML          = "saml"          // a SAML assertion, in a file or printed by a command
	IMDS          = "imds"          // the role of this EC2 instance
	Container     = "container"     // the role of this container, by the endpoint that it is given
	Keyring       = "keyring"       // long-term keys in the operating system's keyring
	ParentProfile = "profile"       // another profile's session: a role chain
)

// The operations that a Request can ask for.
const (
	AssumeRole                = "assume-role"
	AssumeRoleWithWebIdentity = "assume-role-with-web-identity"
	AssumeRoleWithSAML        = "assume-role-with-saml"
	GetFederationToken        = "get-federation-token"
	GetSessionToken           = "get-session-token"
	// GetScopedCredentials narrows its parent's session (preview).
	GetScopedCredentials = "get-scoped-credentials"
	// SourceItself hands out the temporary credentials of the source as they
	// are. Nothing is asked of STS.
	SourceItself = "source"
)

// Source says where a first AWS identity, or a proof of one, comes from. It
// holds names and paths, never a secret.
type Source struct {
	// Name is the source's name in vendord.toml, for messages, and for the
	// entry of a Keyring source.
	Name string `json:"name"`
	// Type is one of the constants above. The request of a ParentProfile
	// source has a Parent, and so has one whose source signs in with MFA.
	Type string `json:"type"`
	// Profile is the SDK profile of a SharedConfig source, and vendord's own
	// of a ParentProfile source.
	Profile string `json:"profile,omitempty"`
	// ConfigFile and CredentialsFile are absolute paths, or empty for the
	// SDKs' own places under the home directory.
	ConfigFile      string `json:"config_file,omitempty"`
	CredentialsFile string `json:"credentials_file,omitempty"`
	// Command is a command as List makes it: of a Process source, or the one
	// that prints the JWT or the assertion.
	Command string `json:"command,omitempty"`
	// File is the absolute path of the JWT of a WebIdentity source, or of the
	// assertion of a SAML source. One of Command and File is set there.
	File string `json:"file,omitempty"`
	// ProviderARN is the SAML provider's, of a SAML source.
	ProviderARN string `json:"provider_arn,omitempty"`
	// Region is where this source's STS calls go unless a profile says
	// otherwise; it may be empty.
	Region string `json:"region,omitempty"`
	// Endpoint replaces the endpoints of IAM Identity Center, for emulators.
	Endpoint string `json:"endpoint,omitempty"`
	// ShareSignIn says that tokens of IAM Identity Center are kept where the
	// AWS CLI keeps its own.
	ShareSignIn bool `json:"share_sign_in,omitempty"`
	// Generation changes with the identity that is found at the source, such
	// as the access key id in a file, so that sessions of the old one are not
	// handed out for the new one. It is empty where that cannot be told.
	Generation string `json:"generation,omitempty"`
}

// KeyringEntry is the name under which the keys of a Keyring source are kept.
func (s Source) KeyringEntry() string { return "source/" + s.Name }

// SignIn is what a person signs in to at IAM Identity Center.
type SignIn struct {
	// Session is the name of the sso-session, or empty for a profile of the
	// older form, which has only a start URL.
	Session string `json:"session,omitempty"`
	// StartURL is the portal, Region where it is; Endpoint replaces AWS's.
	StartURL string `json:"start_url"`
	Region   string `json:"region"`
	Endpoint string `json:"endpoint,omitempty"`
	// Scopes is a List of what is asked for; empty means
	// sso:account:access.
	Scopes string `json:"scopes,omitempty"`
	// Share is ShareSignIn of the source.
	Share bool `json:"share,omitempty"`
}

// Request is everything that shapes a session: the source, the STS operation
// and its parameters. It is comparable; lists are canonical JSON (see List and
// Pairs), so that equal requests are equal values. All text is UTF-8, as TOML
// makes sure: JSON has no other, and lists of anything else would not differ.
type Request struct {
	Source Source `json:"source"`
	// Parent is the canonical form (see Canonical) of the request whose
	// credentials sign this one, or empty where the source signs.
	Parent string `json:"parent,omitempty"`
	// Operation is one of the constants above.
	Operation string `json:"operation"`
	RoleARN   string `json:"role_arn,omitempty"`
	// SessionName is RoleSessionName, or the Name of GetFederationToken.
	SessionName    string `json:"session_name,omitempty"`
	ExternalID     string `json:"external_id,omitempty"`
	SourceIdentity string `json:"source_identity,omitempty"`
	// Policy is the inline session policy, minified; of GetScopedCredentials
	// the policy that scopes down, or empty.
	Policy string `json:"policy,omitempty"`
	// PolicyARNs is a List of managed policies, in the order of the file.
	PolicyARNs string `json:"policy_arns,omitempty"`
	// Tags is what Pairs makes; TransitiveTags a List of their keys.
	Tags           string `json:"tags,omitempty"`
	TransitiveTags string `json:"transitive_tags,omitempty"`
	// MFASerial is the device whose code AWS is given, and MFACommand, as List
	// makes it, the command that prints one; empty where a person types it.
	MFASerial  string `json:"mfa_serial,omitempty"`
	MFACommand string `json:"mfa_command,omitempty"`
	// MinTokenSize is MinimumSessionTokenSize, in bytes; 0 leaves it out.
	MinTokenSize int `json:"min_token_size,omitempty"`
	// Region is the region whose STS is asked, and the one that programs
	// are told in AWS_REGION.
	Region string `json:"region,omitempty"`
	// Endpoint replaces the region's STS endpoint; empty for AWS's own.
	Endpoint string `json:"endpoint,omitempty"`
	// Separate keeps requests apart that are otherwise the same, for
	// profiles with per_app.
	Separate string `json:"separate,omitempty"`
	// Duration is the life asked for. Of GetScopedCredentials 0 means that of
	// the parent; SourceItself has none.
	Duration time.Duration `json:"duration,omitempty"`
}

// Key identifies a session. It is a handle on the request, so that a map
// lookup costs a pointer's hash and not that of a policy of 2,000 characters.
type Key = unique.Handle[Request]

// Key returns the request's key.
func (r Request) Key() Key { return unique.Make(r) }

// Canonical returns the request as one line of JSON, from which ParseRequest
// makes an equal one. It is how a child request names its parent.
func (r Request) Canonical() string {
	text, err := json.Marshal(r)
	if err != nil {
		panic(err) // strings and a number: cannot fail
	}
	return string(text)
}

// ParseRequest reads what Canonical wrote and nothing else: no unknown field,
// no other spelling of a known one, no trailing text. A parent that was not
// understood to the letter would be another one.
func ParseRequest(canonical string) (Request, error) {
	var r Request
	if err := json.Unmarshal([]byte(canonical), &r); err != nil {
		return Request{}, fmt.Errorf("reading a request: %w", err)
	}
	if r.Canonical() != canonical {
		return Request{}, errors.New("reading a request: not in canonical form")
	}
	return r, nil
}

// List returns items as a canonical JSON list, or "" for none.
func List(items []string) string {
	if len(items) == 0 {
		return ""
	}
	return compact(items)
}

// Items returns the items of what List made. It returns nil for "" and for
// anything that is not a list of strings.
func Items(list string) []string {
	var items []string
	if list == "" || json.Unmarshal([]byte(list), &items) != nil {
		return nil
	}
	return items
}

// Pairs returns a map as a canonical JSON list of [key, value] pairs, sorted
// by key, or "" for none.
func Pairs(m map[string]string) string {
	if len(m) == 0 {
		return ""
	}
	pairs := make([][2]string, 0, len(m))
	for _, key := range slices.Sorted(maps.Keys(m)) {
		pairs = append(pairs, [2]string{key, m[key]})
	}
	return compact(pairs)
}

// PairItems returns the pairs of what Pairs made, sorted by key. It returns nil
// for "" and for anything that is not a list of lists of strings.
func PairItems(pairs string) [][2]string {
	var items [][2]string
	if pairs == "" || json.Unmarshal([]byte(pairs), &items) != nil {
		return nil
	}
	return items
}

// compact encodes without escaping & < >: the text is compared, never put
// into a page.
func compact(v any) string {
	var b bytes.Buffer
	e := json.NewEncoder(&b)
	e.SetEscapeHTML(false)
	if err := e.Encode(v); err != nil {
		panic(err) // lists of strings: cannot fail
	}
	return strings.TrimSuffix(b.String(), "\n")
}

// SourceHeader is in every request with which a source asks an endpoint of its own
// machine. A vendord that is asked so must refuse: one would wait for the other.
const SourceHeader = "Vendord-Source"
