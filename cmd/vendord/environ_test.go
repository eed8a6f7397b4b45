package main

import (
	"slices"
	"strings"
	"testing"
)

func TestEnvironment(t *testing.T) {
	before := []string{"PATH=/bin", "AWS_ACCESS_KEY_ID=AKIAPOISON", "AWS_SECRET_ACCESS_KEY=poison", "AWS_PROFILE=other",
		"AWS_REGION=mars-1", "AWS_CONTAINER_CREDENTIALS_RELATIVE_URI=", "AWS_CONTAINER_AUTHORIZATION_TOKEN_FILE=/old",
		"AWS_CA_BUNDLE=/ca.pem", "no_proxy=intranet, 127.0.0.1", "NO_PROXY=upper"}
	after := environment(before, vending(before, "http://127.0.0.1:1/v1/credentials", "eu-west-1",
		variable{"AWS_CONTAINER_AUTHORIZATION_TOKEN", "vnd_x"}))

	for _, name := range shadows {
		set := slices.ContainsFunc(after, func(pair string) bool { return strings.HasPrefix(pair, name+"=") })
		wanted := name == "AWS_CONTAINER_CREDENTIALS_FULL_URI" || name == "AWS_CONTAINER_AUTHORIZATION_TOKEN"
		if set != wanted {
			t.Errorf("environment: %s is set: %t, want %t", name, set, wanted)
		}
	}
	noProxy := "upper,intranet,127.0.0.1,localhost,::1,169.254.169.254,169.254.170.2,169.254.170.23"
	for name, want := range map[string]string{
		"PATH": "/bin", "AWS_CA_BUNDLE": "/ca.pem",
		"AWS_CONTAINER_CREDENTIALS_FULL_URI": "http://127.0.0.1:1/v1/credentials",
		"AWS_CONTAINER_AUTHORIZATION_TOKEN":  "vnd_x",
		"AWS_REGION":                         "eu-west-1", "AWS_DEFAULT_REGION": "eu-west-1",
		"AWS_EC2_METADATA_DISABLED": "true", "NO_PROXY": noProxy, "no_proxy": noProxy,
	} {
		if got := lookup(after, name); got != want {
			t.Errorf("environment: %s: got %q, want %q", name, got, want)
		}
		if n := strings.Count("\n"+strings.Join(after, "\n"), "\n"+name+"="); n != 1 {
			t.Errorf("environment: %s is there %d times, want once", name, n)
		}
	}
}

func TestLookupTakesTheLast(t *testing.T) {
	if got := lookup([]string{"A=1", "AB=3", "A=2"}, "A"); got != "2" {
		t.Errorf("lookup: got %q, want %q", got, "2")
	}
}

func TestQuoting(t *testing.T) {
	hostile := `it's $(touch /x) "\`
	for shell, want := range map[string]string{
		"sh":         `export A='it'\''s $(touch /x) "\'`,
		"fish":       `set -gx A 'it\'s $(touch /x) "\\'`,
		"powershell": `$Env:A = 'it''s $(touch /x) "\'`,
	} {
		if got := shellWriters[shell].set("A", hostile); got != want {
			t.Errorf("%s: got %s, want %s", shell, got, want)
		}
	}
}
