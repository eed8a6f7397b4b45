//go:build browser

package browser

import "strings"

// endpoint is one of those that vendord has: where it listens, and what is asked for
// there.
type endpoint struct {
	// table is what vendord.toml calls it, "" for the daemon's own, and ip its
	// address. Its port is a free one.
	table, ip string
	// bare is the path of what a program gets: current is a profile below it that the
	// app's programs get, other one that it could use, absent does not exist.
	bare, current, other, absent string
	// more are further paths, between which a page must see no difference.
	more []string
	// header is what carries the token.
	header string
}

// credentialsAt returns an endpoint for containers.
func credentialsAt(table, ip, path string, more ...string) endpoint {
	return endpoint{table: table, ip: ip, header: "Authorization", more: more,
		bare: path, current: path + "/hr-upload", other: path + "/hr-reader", absent: path + "/hr-nobody"}
}

// metadataAt returns one that speaks like EC2's metadata service.
func metadataAt(ip string) endpoint {
	const roles = "/latest/meta-data/iam/security-credentials/"
	return endpoint{table: "imds", ip: ip, header: "X-aws-ec2-metadata-token",
		bare: roles, current: roles + "hr-upload", other: roles + "hr-reader", absent: roles + "hr-nobody",
		more: []string{sessionPath, "/", "/favicon.ico", "/latest/dynamic/instance-identity/document"}}
}

// sessionPath is where EC2's metadata service makes session tokens.
const sessionPath = "/latest/api/token"

// The endpoints. Some of them go by the kernel's word alone, for which the browser is one
// of its user's programs, as any other: the app there has the page's reader for its user,
// and needs no session token.
var (
	byToken   = credentialsAt("", "127.0.0.1", "/v1/credentials", "/", "/favicon.ico", "/latest/meta-data/")
	byKernel  = credentialsAt("", "127.0.0.1", "/v1/process/credentials")
	ecs       = credentialsAt("ecs", "169.254.170.2", "/v1/credentials", "/", "/favicon.ico")
	ecsKernel = credentialsAt("ecs", "169.254.170.2", "/v1/process/credentials")
	eks       = credentialsAt("eks", "169.254.170.23", "/v1/credentials", "/", "/favicon.ico")
	metadata  = metadataAt("127.0.0.1")
	linkLocal = metadataAt("169.254.169.254")
)

// ids is an endpoint with a live id in a path, which the page knows: the program that it
// was issued for shows nothing else. other is of another program, absent of none.
var ids = endpoint{table: "ecs", ip: ecs.ip, header: ecs.header, bare: "/v2/credentials/", absent: "/v2/credentials/vndp_" + strings.Repeat("0", 49)}

// has reports whether there is something at a path.
func (e endpoint) has(path string) bool {
	return path == e.bare || path == e.current || path == e.other || path == sessionPath && e.table == "imds"
}
