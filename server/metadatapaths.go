package server

import (
	"slices"
	"strings"
)

// resource is what is at a path of the metadata service.
type resource struct {
	kind resourceKind
	text string                    // of a listing
	role string                    // of a role
	of   func(view) (string, bool) // of a fact
}

type resourceKind int

const (
	nothing        resourceKind = iota
	sessionToken                // where PUT makes one
	noSessionToken              // where it looks as if, and EC2 answers 403
	listing                     // the names below a path
	roles                       // the name of the role
	role                        // its credentials
	fact                        // one word, or a document
)

// versions are those of the metadata service that are answered, the first and one for
// each at which programs of the last years look; "latest" is the last. All of them have
// the same contents here, and none is without the session token.
var versions = []string{"1.0", "2009-04-04", "2012-01-12", "2014-02-25", "2014-11-05", "2015-10-20", "2016-04-19", "2016-06-30",
	"2016-09-02", "2018-03-28", "2018-08-17", "2018-09-24", "2019-10-01", "2020-10-27", "2021-01-03", "2021-03-23", "2021-07-15", "2022-09-24", "latest"}

// listings are what is below each path of a version, without the slashes around it.
// Nothing is in them that is not answered: agents poll for what they find.
var listings = map[string]string{
	"":                          "dynamic\nmeta-data",
	"dynamic":                   "instance-identity/",
	"dynamic/instance-identity": "document",
	"meta-data":                 "hostname\niam/\ninstance-id\ninstance-type\nlocal-hostname\nlocal-ipv4\nmac\nplacement/\nservices/",
	"meta-data/iam":             "info\nsecurity-credentials/",
	"meta-data/placement":       "availability-zone\navailability-zone-id\nregion",
	"meta-data/services":        "domain\npartition",
}

const rolesPath = "meta-data/iam/security-credentials"

// find returns what is at a path, byte for byte as it was sent: nothing is cleaned or
// decoded. As EC2 does, it takes one slash at the end for none, and never redirects,
// which the SDKs for Rust and Kotlin do not follow (as of 2026-11).
func find(uri string) resource {
	if uri == "/latest/api/token" {
		return resource{kind: sessionToken}
	}
	path := strings.TrimSuffix(uri[1:], "/")
	version, rest, more := strings.Cut(path, "/")
	switch {
	case uri == "/":
		return resource{kind: listing, text: strings.Join(versions, "\n")}
	case !slices.Contains(versions, version) || more && rest == "":
		return resource{}
	case rest == "api/token":
		return resource{kind: noSessionToken}
	case rest == rolesPath:
		return resource{kind: roles}
	}
	if name, ok := strings.CutPrefix(rest, rolesPath+"/"); ok && isProfile(name) {
		return resource{kind: role, role: name}
	}
	if names, ok := listings[rest]; ok {
		return resource{kind: listing, text: names}
	}
	if of, ok := facts[rest]; ok {
		return resource{kind: fact, of: of}
	}
	return resource{}
}

// isProfile reports whether a profile could have a name.
func isProfile(name string) bool {
	if name == "" || len(name) > 64 || strings.ContainsRune("._-", rune(name[0])) {
		return false
	}
	return strings.IndexFunc(name, func(r rune) bool {
		return (r < 'a' || r > 'z') && (r < 'A' || r > 'Z') && (r < '0' || r > '9') && !strings.ContainsRune("._-", r)
	}) < 0
}
