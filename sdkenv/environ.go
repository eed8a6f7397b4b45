package sdkenv

import (
	"net/url"
	"slices"
	"strings"
)

// shadows are the variables that come before the container credentials
// provider in some SDK's chain, or steer it elsewhere. They are removed, never
// set to nothing: botocore, Rust and Ruby take an empty one for set (as of
// 2026-11).
var shadows = []string{
	"AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY", "AWS_SESSION_TOKEN", "AWS_SECURITY_TOKEN",
	"AWS_ACCESS_KEY", "AWS_SECRET_KEY", "AWS_CREDENTIAL_EXPIRATION", "AWS_CREDENTIAL_FILE",
	"AWS_CREDENTIAL_PROFILES_FILE",                                             // the Java SDK v1's name for the credentials file
	"AMAZON_ACCESS_KEY_ID", "AMAZON_SECRET_ACCESS_KEY", "AMAZON_SESSION_TOKEN", // JavaScript v2, Ruby
	"AWS_PROFILE", "AWS_DEFAULT_PROFILE",
	"AWS_WEB_IDENTITY_TOKEN_FILE", "AWS_ROLE_ARN", "AWS_ROLE_SESSION_NAME",
	"AWS_BEARER_TOKEN_BEDROCK", // Bedrock's clients sign nothing where they find it
	ContainerPath, ContainerURI, ContainerToken, ContainerTokenFile,
}

// metadataShadows are those that keep SDKs from the metadata service, have them ask it
// for a role by another name, or at an address of their own.
var metadataShadows = []string{
	metadataDisabled, "AWS_EC2_METADATA_SERVICE_ENDPOINT_MODE", "AWS_EC2_INSTANCE_PROFILE_NAME",
}

const metadataDisabled = "AWS_EC2_METADATA_DISABLED"

// direct are the hosts that no proxy may see a request to: it would carry the
// token. Rust, .NET and minio-go ask the environment's proxy even for loopback
// (as of 2026-11).
var direct = []string{"127.0.0.1", "localhost", "::1", "169.254.169.254", "169.254.170.2", "169.254.170.23",
	"fd00:ec2::23", "fd00:ec2::254"}

// Vending returns the variables with which a program's SDK finds vendord at
// where: a URL, or a path of ECS's address. The token is ContainerToken or
// ContainerTokenFile, or none, where the kernel recognises the program. Region may be
// empty; environ is the environment that the program would have had.
func Vending(environ []string, where, region string, token ...Variable) []Variable {
	uri := ContainerURI
	if strings.HasPrefix(where, "/") {
		uri = ContainerPath
	}
	vars := append([]Variable{{uri, where}}, token...)
	vars = append(vars, regions(region)...)
	vars = append(vars, Variable{metadataDisabled, "true"}) // no SDK may fall through to the machine's own role
	return append(vars, proxies(environ, where)...)
}

// Metadata returns those with which it finds vendord as EC2's metadata service at where,
// which has no path: some SDKs add theirs to what they are given, and others drop it.
func Metadata(environ []string, where, region string) []Variable {
	vars := append([]Variable{{MetadataEndpoint, where}}, regions(region)...)
	return append(vars, proxies(environ, where)...)
}

// regions are both variables: botocore before CLI v2 reads only the second.
func regions(region string) []Variable {
	if region == "" {
		return nil
	}
	return []Variable{{"AWS_REGION", region}, {"AWS_DEFAULT_REGION", region}}
}

// proxies are both spellings of what no proxy may see.
func proxies(environ []string, where string) []Variable {
	hosts := withoutProxy(environ, where)
	return []Variable{{"NO_PROXY", hosts}, {"no_proxy", hosts}}
}

// Shadows returns the names of the variables that must not be set in a program
// that is to find vendord, without those that set gives it.
func Shadows(set []Variable) []string {
	has := func(name string) bool {
		return slices.ContainsFunc(set, func(v Variable) bool { return v.Name == name })
	}
	all := slices.Clone(shadows)
	if has(MetadataEndpoint) {
		all = append(all, metadataShadows...)
	}
	return slices.DeleteFunc(all, has)
}

// Environ returns environ with set in place of what it had by these names, and
// without the variables that shadow vendord or are named in drop.
func Environ(environ []string, set []Variable, drop ...string) []string {
	replaced := map[string]bool{}
	for _, name := range slices.Concat(Shadows(set), drop) {
		replaced[name] = true
	}
	for _, v := range set {
		replaced[v.Name] = true
	}
	out := slices.DeleteFunc(slices.Clone(environ), func(pair string) bool {
		name, _, _ := strings.Cut(pair, "=")
		return replaced[name]
	})
	for _, v := range set {
		out = append(out, v.Name+"="+v.Value)
	}
	return out
}

// withoutProxy returns the hosts that environ excepts from its proxy, in
// whichever case it spells the variable, with ours added, where it asks among them.
func withoutProxy(environ []string, where string) string {
	var hosts []string
	add := func(host string) {
		if host = strings.TrimSpace(host); host != "" && !slices.Contains(hosts, host) {
			hosts = append(hosts, host)
		}
	}
	for _, pair := range environ {
		if name, value, _ := strings.Cut(pair, "="); strings.EqualFold(name, "NO_PROXY") {
			for host := range strings.SplitSeq(value, ",") {
				add(host)
			}
		}
	}
	for _, host := range direct {
		add(host)
	}
	if at, err := url.Parse(where); err == nil {
		add(at.Hostname())
	}
	return strings.Join(hosts, ",")
}
