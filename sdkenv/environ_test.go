package sdkenv_test

import (
	"slices"
	"strings"
	"testing"

	"github.com/vendord/vendord/sdkenv"
)

const url = "http://127.0.0.1:1/v1/credentials"

func token(secret string) sdkenv.Variable {
	return sdkenv.Variable{Name: sdkenv.ContainerToken, Value: secret}
}

// values returns every value that environ has for a name.
func values(environ []string, name string) []string {
	var all []string
	for _, pair := range environ {
		if value, ok := strings.CutPrefix(pair, name+"="); ok {
			all = append(all, value)
		}
	}
	return all
}

func TestEnviron(t *testing.T) {
	before := []string{"PATH=/bin", "AWS_ACCESS_KEY_ID=AKIAPOISON", "AWS_SECRET_ACCESS_KEY=poison", "AWS_PROFILE=other",
		"AWS_REGION=mars-1", "AWS_CONTAINER_CREDENTIALS_RELATIVE_URI=", "AWS_CONTAINER_AUTHORIZATION_TOKEN_FILE=/old",
		"AWS_BEARER_TOKEN_BEDROCK=poison", "AWS_CREDENTIAL_PROFILES_FILE=/poison",
		"AWS_CONTAINER_AUTHORIZATION_TOKEN=vnd_outer", "AWS_CONTAINER_AUTHORIZATION_TOKEN=vnd_again",
		"AWS_CA_BUNDLE=/ca.pem", "NO_PROXY=upper, ,intranet", "no_proxy=intranet, 127.0.0.1", "OURS=1"}
	as := slices.Clone(before)
	after := sdkenv.Environ(before, sdkenv.Vending(before, url, "eu-west-1", token("vnd_x")), "OURS")
	noProxy := "upper,intranet,127.0.0.1,localhost,::1,169.254.169.254,169.254.170.2,169.254.170.23,fd00:ec2::23,fd00:ec2::254"
	want := []string{"PATH=/bin", "AWS_CA_BUNDLE=/ca.pem",
		"AWS_CONTAINER_CREDENTIALS_FULL_URI=" + url, "AWS_CONTAINER_AUTHORIZATION_TOKEN=vnd_x",
		"AWS_REGION=eu-west-1", "AWS_DEFAULT_REGION=eu-west-1", "AWS_EC2_METADATA_DISABLED=true",
		"NO_PROXY=" + noProxy, "no_proxy=" + noProxy}
	if !slices.Equal(after, want) {
		t.Errorf("Environ: got\n%s\nwant\n%s", strings.Join(after, "\n"), strings.Join(want, "\n"))
	}
	if !slices.Equal(before, as) {
		t.Error("Environ: changed the environment that it was given")
	}
}

func TestVendingWithoutARegionLeavesTheProgramsOwn(t *testing.T) {
	environ := []string{"AWS_REGION=eu-west-1"}
	after := sdkenv.Environ(environ, sdkenv.Vending(environ, url, "", token("vnd_x")))
	if got := values(after, "AWS_REGION"); !slices.Equal(got, []string{"eu-west-1"}) {
		t.Errorf("Environ: AWS_REGION: got %q, want the one it had", got)
	}
	if got := values(after, "AWS_DEFAULT_REGION"); got != nil {
		t.Errorf("Environ: AWS_DEFAULT_REGION: got %q, want none", got)
	}
}

func TestShadows(t *testing.T) {
	file := sdkenv.Variable{Name: sdkenv.ContainerTokenFile, Value: "/token"}
	names := sdkenv.Shadows(sdkenv.Vending(nil, url, "eu-west-1", file))
	for name, want := range map[string]bool{
		"AWS_ACCESS_KEY_ID": true, "AWS_SECRET_ACCESS_KEY": true, "AWS_SESSION_TOKEN": true, "AWS_PROFILE": true,
		"AWS_WEB_IDENTITY_TOKEN_FILE": true, "AWS_CONTAINER_CREDENTIALS_RELATIVE_URI": true,
		sdkenv.ContainerToken:     true, // with a token file, the token itself would come first
		sdkenv.ContainerTokenFile: false, sdkenv.ContainerURI: false, "AWS_REGION": false, "AWS_CA_BUNDLE": false,
	} {
		if got := slices.Contains(names, name); got != want {
			t.Errorf("Shadows: has %s: %t, want %t", name, got, want)
		}
	}
}

// What leads to the metadata service leaves nothing that would come before it, nor what
// keeps SDKs from it: for that alone a variable of no value is not the same as none.
func TestMetadata(t *testing.T) {
	before := []string{"AWS_EC2_METADATA_DISABLED=true", "AWS_EC2_METADATA_SERVICE_ENDPOINT_MODE=IPv6", "AWS_EC2_INSTANCE_PROFILE_NAME=other",
		"AWS_CONTAINER_CREDENTIALS_FULL_URI=http://other", "AWS_CONTAINER_AUTHORIZATION_TOKEN=vnd_x", "AWS_ACCESS_KEY_ID=AKIAPOISON",
		"AWS_EC2_METADATA_SERVICE_ENDPOINT=http://other/", "AWS_EC2_METADATA_V1_DISABLED=true", "no_proxy=intranet"}
	after := sdkenv.Environ(before, sdkenv.Metadata(before, "http://127.0.0.5:9254", "eu-west-1"))
	noProxy := "intranet,127.0.0.1,localhost,::1,169.254.169.254,169.254.170.2,169.254.170.23,fd00:ec2::23,fd00:ec2::254,127.0.0.5"
	want := []string{"AWS_EC2_METADATA_V1_DISABLED=true", "AWS_EC2_METADATA_SERVICE_ENDPOINT=http://127.0.0.5:9254",
		"AWS_REGION=eu-west-1", "AWS_DEFAULT_REGION=eu-west-1", "NO_PROXY=" + noProxy, "no_proxy=" + noProxy}
	if !slices.Equal(after, want) {
		t.Errorf("Environ: got\n%s\nwant\n%s", strings.Join(after, "\n"), strings.Join(want, "\n"))
	}
	container := sdkenv.Vending(nil, url, "")
	if slices.Contains(sdkenv.Shadows(container), "AWS_EC2_METADATA_SERVICE_ENDPOINT_MODE") {
		t.Error("Shadows of the containers' endpoint: got the mode of addresses, without which Java takes no IPv6 address there")
	}
}

// A path is looked for at ECS's address.
func TestVendingAtAPath(t *testing.T) {
	vars := sdkenv.Vending(nil, "/v1/process/credentials", "")
	if got, want := vars[0], (sdkenv.Variable{Name: sdkenv.ContainerPath, Value: "/v1/process/credentials"}); got != want {
		t.Errorf("Vending: got %v, want %v", got, want)
	}
	names := sdkenv.Shadows(vars)
	if slices.Contains(names, sdkenv.ContainerPath) || !slices.Contains(names, sdkenv.ContainerURI) {
		t.Errorf("Shadows: got %q, want the URI among them and the path not", names)
	}
}
