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
	SharedConfig = "shared-config" // a profile of the AWS SDKs' own files
	Environment  = "environment"   // the variables that the daemon was started with
	Process      = "process"       // a command that prints credentials
)

// AssumeRole is the operation that a role profile asks of STS.
const AssumeRole = "assume-role"

// Source says where a first AWS identity comes from. It holds names and paths,
// never a secret.
type Source struct {
	// Name is the source's name in vendord.toml, for messages.
	Name string `json:"name"`
	// Type is SharedConfig, Environment or Process.
	Type string `json:"type"`
	// Profile is the SDK profile of a SharedConfig source.
	Profile string `json:"profile,omitempty"`
	// ConfigFile and CredentialsFile are absolute paths, or empty for the
	// SDKs' own places under the home directory.
	ConfigFile      string `json:"config_file,omitempty"`
	CredentialsFile string `json:"credentials_file,omitempty"`
	// Command is the command of a Process source, as List makes it.
	Command string `json:"command,omitempty"`
	// Region is where this source's STS calls go unless a profile says
	// otherwise; it may be empty.
	Region string `json:"region,omitempty"`
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
	// Operation is AssumeRole.
	Operation      string `json:"operation"`
	RoleARN        string `json:"role_arn,omitempty"`
	SessionName    string `json:"session_name,omitempty"`
	ExternalID     string `json:"external_id,omitempty"`
	SourceIdentity string `json:"source_identity,omitempty"`
	// Policy is the inline session policy, minified.
	Policy string `json:"policy,omitempty"`
	// PolicyARNs is a List of managed policies, in the order of the file.
	PolicyARNs string `json:"policy_arns,omitempty"`
	// Tags is what Pairs makes; TransitiveTags a List of their keys.
	Tags           string `json:"tags,omitempty"`
	TransitiveTags string `json:"transitive_tags,omitempty"`
	MFASerial      string `json:"mfa_serial,omitempty"`
	// Region is the region whose STS is asked, and the one that programs
	// are told in AWS_REGION.
	Region string `json:"region,omitempty"`
	// Endpoint replaces the region's STS endpoint; empty for AWS's own.
	Endpoint string `json:"endpoint,omitempty"`
	// Separate keeps requests apart that are otherwise the same, for
	// profiles with per_app.
	Separate string `json:"separate,omitempty"`
	// Duration is the life asked for.
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
