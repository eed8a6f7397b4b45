package main

import (
	"slices"
	"strings"
)

// shadows are the variables that come before the container credentials
// endpoint in some SDK's chain, or steer it elsewhere. They are removed, never
// set to nothing: botocore, Rust and Ruby take an empty one for set (as of
// 2026-11).
var shadows = []string{
	"AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY", "AWS_SESSION_TOKEN", "AWS_SECURITY_TOKEN",
	"AWS_ACCESS_KEY", "AWS_SECRET_KEY", "AWS_CREDENTIAL_EXPIRATION", "AWS_CREDENTIAL_FILE",
	"AWS_PROFILE", "AWS_DEFAULT_PROFILE",
	"AWS_WEB_IDENTITY_TOKEN_FILE", "AWS_ROLE_ARN", "AWS_ROLE_SESSION_NAME",
	"AWS_CONTAINER_CREDENTIALS_RELATIVE_URI", "AWS_CONTAINER_CREDENTIALS_FULL_URI",
	"AWS_CONTAINER_AUTHORIZATION_TOKEN", "AWS_CONTAINER_AUTHORIZATION_TOKEN_FILE",
}

// direct are the hosts that no proxy may see a request to: it would carry the
// token. Rust, .NET and minio-go ask the environment's proxy even for loopback
// (as of 2026-11).
var direct = []string{"127.0.0.1", "localhost", "::1", "169.254.169.254", "169.254.170.2", "169.254.170.23"}

// variable is one line of a program's environment.
type variable struct {
	Name  string `json:"name"`
	Value string `json:"value"`
}

// vending returns the variables with which a program's SDK finds vendord.
// Token is the name of the variable that carries the token or its file, and
// its value.
func vending(environ []string, url, region string, token variable) []variable {
	vars := []variable{{"AWS_CONTAINER_CREDENTIALS_FULL_URI", url}, token}
	if region != "" {
		// botocore before CLI v2 reads only the second.
		vars = append(vars, variable{"AWS_REGION", region}, variable{"AWS_DEFAULT_REGION", region})
	}
	noProxy := withoutProxy(environ)
	return append(vars,
		variable{"AWS_EC2_METADATA_DISABLED", "true"}, // no SDK may fall through to the machine's own role
		variable{"NO_PROXY", noProxy}, variable{"no_proxy", noProxy})
}

// withoutProxy returns the hosts that environ excepts from its proxy, with
// ours added.
func withoutProxy(environ []string) string {
	var hosts []string
	for _, name := range []string{"NO_PROXY", "no_proxy"} {
		for host := range strings.SplitSeq(lookup(environ, name), ",") {
			if host = strings.TrimSpace(host); host != "" && !slices.Contains(hosts, host) {
				hosts = append(hosts, host)
			}
		}
	}
	for _, host := range direct {
		if !slices.Contains(hosts, host) {
			hosts = append(hosts, host)
		}
	}
	return strings.Join(hosts, ",")
}

// environment returns environ without the shadows and with vars set.
func environment(environ []string, vars []variable) []string {
	replaced := map[string]bool{}
	for _, name := range shadows {
		replaced[name] = true
	}
	for _, v := range vars {
		replaced[v.Name] = true
	}
	out := slices.DeleteFunc(slices.Clone(environ), func(pair string) bool {
		name, _, _ := strings.Cut(pair, "=")
		return replaced[name]
	})
	for _, v := range vars {
		out = append(out, v.Name+"="+v.Value)
	}
	return out
}
