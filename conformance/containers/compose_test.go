//go:build machine

package containers_test

import (
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"github.com/vendord/vendord/conformance/machine"
)

// section is what the example's README has root type; line is a line of it that is
// typed, and what is said about it.
var (
	section = regexp.MustCompile(`(?ms)^## As root, on Linux$(.*?)^## `)
	line    = regexp.MustCompile(`(?m)^    (.*?)(?:  +# (.*))?$`)
	image   = regexp.MustCompile(`(?m)^    image: (.*)$`)
	ended   = regexp.MustCompile(`(?m)^exit code: ([0-9]+)$`)
)

// override is what differs from what the reader has, beside the image: AWS is the
// machine's own, which answers by a name of the loopback address alone. Compose reads
// such a file by itself, and the example's own stays what it is.
const override = `services:
  report: {extra_hosts: ["localhost:172.30.11.1"], environment: {AWS_ENDPOINT_URL: "http://localhost:4567"}}
  intake: {extra_hosts: ["localhost:172.30.12.1"], environment: {AWS_ENDPOINT_URL: "http://localhost:4567"}}
  legacy: {extra_hosts: ["localhost:172.30.13.1"], environment: {AWS_REGION: eu-west-1, AWS_ENDPOINT_URL: "http://localhost:4567"}}
`

// engine has podman do in this machine what it does by itself in one of its own: no
// controllers for limits, and a runtime that takes it as it is.
const engine = `[containers]
default_ulimits = ["nofile=1024:1024", "nproc=1024:1024"]
pids_limit = 0
[engine]
cgroup_manager = "cgroupfs"
runtime = "runc"
`

// TestCompose types what the README of examples/compose says, word for word, and
// then has containers try what is not theirs.
func TestCompose(t *testing.T) {
	dir := machine.Example(t, "compose")
	m := machine.Keep(t, "mallory")
	m.Containers()
	m.Write("/etc/containers/containers.conf", engine, 0o644)
	m.Write(filepath.Join(dir, "compose.override.yaml"), override, 0o644)
	must(t, os.Chmod(filepath.Join(dir, "aws-credentials"), 0o600))
	t.Cleanup(m.Start("relay-aws", "", "probe", "-relay", "0.0.0.0:4567", "-url", "http://127.0.0.1:4566/"))
	compose, err := os.ReadFile(filepath.Join(dir, "compose.yaml"))
	must(t, err)
	for _, name := range image.FindAllSubmatch(compose, -1) {
		m.Do("podman tag localhost/aws " + string(name[1]))
	}
	readme, err := os.ReadFile(filepath.Join(dir, "README.md"))
	must(t, err)
	part := section.FindSubmatch(readme)
	if part == nil {
		t.Fatalf("the README has no such section: %s", readme)
	}
	lines := line.FindAllStringSubmatch(string(part[1]), -1)
	if len(lines) < 15 {
		t.Fatalf("got %d lines of the README, want all", len(lines))
	}
	for _, l := range lines {
		if strings.HasPrefix(l[1], "vendord token revoke") {
			sly(t, m, dir)
		}
		typed(t, m, dir, l[1], l[2])
	}
}

// typed runs a line as root types it, and holds what comes of it against what is
// said about it. podman-compose succeeds whatever its container does, and prints how
// that ended.
func typed(t *testing.T, m *machine.Machine, dir, line, said string) {
	t.Helper()
	out, err := m.Type("cd " + dir + " && " + line)
	failed := err != nil
	for _, code := range ended.FindAllStringSubmatch(out, -1) {
		failed = failed || strings.HasPrefix(line, "podman-compose run") && code[1] != "0"
	}
	want := map[string]string{"denied": "AccessDenied", "refused": "NotRecognized", "works": "", "": ""}
	word, _, _ := strings.Cut(said, ":")
	expected, known := want[word]
	if !known {
		t.Errorf("%s: said to be %q, want works, denied or refused", line, said)
	}
	if failed != (expected != "") || !strings.Contains(out, expected) {
		t.Errorf("%s: got %v, %s\nit is said to be %q", line, err, out, said)
	}
}

// sly has containers ask for what is not theirs.
func sly(t *testing.T, m *machine.Machine, dir string) {
	t.Helper()
	token := func(name string) string {
		text, err := os.ReadFile(filepath.Join(dir, "secrets", name))
		must(t, err)
		return string(text)
	}
	report, intake := token("report"), token("intake")
	_, id, found := strings.Cut(strings.TrimSpace(token("legacy.env")), "AWS_CONTAINER_CREDENTIALS_RELATIVE_URI=")
	if !found {
		t.Fatalf("secrets/legacy.env: got %q, want a path", token("legacy.env"))
	}
	path := "http://169.254.170.2" + id
	on := func(network string, probe ...string) func() machine.Answer {
		return m.Contained(append([]string{"--network", network, "--", "-url", ecs}, probe...)...)
	}
	sdk := func() machine.Answer {
		return m.AskSDK(m.Container("cgroupfs", "--network=report", "--volume", dir+"/secrets/report:/run/secrets/report:ro",
			"--env", "AWS_CONTAINER_CREDENTIALS_RELATIVE_URI=/v1/credentials", "--env", "AWS_CONTAINER_AUTHORIZATION_TOKEN_FILE=/run/secrets/report", "--", "-sdk"))
	}
	m.Run(
		machine.Caller("report, by the AWS SDK", "report", sdk),
		machine.Caller("report, with its token", "report", on("report", "-token", report)),
		machine.Caller("intake, with its token", "intake", on("intake", "-token", intake)),
		machine.Caller("report, for its own profile by name", "report", on("report", "-token", report, "-url", ecs+"/hr-read")),
		machine.Caller("report, for the profile of intake", "", on("report", "-token", report, "-url", ecs+"/hr-put")),
		machine.Caller("report, for a profile that nobody has", "", on("report", "-token", report, "-url", ecs+"/hr-admin")),
		machine.Caller("report, with the token of intake", "", on("report", "-token", intake)),
		machine.Caller("report, with the token of intake, for its own profile", "", on("report", "-token", intake, "-url", ecs+"/hr-read")),
		machine.Caller("report, without a token", "", on("report")),
		machine.Caller("report, where the kernel decides", "", on("report", "-url", process)),
		machine.Caller("report, where the kernel decides, with its token", "", on("report", "-url", process, "-token", report)),
		machine.Caller("report, with its token in the path", "", on("report", "-url", "http://169.254.170.2/v2/credentials/"+report)),
		machine.Caller("report, with its token, at the address of EC2's metadata", "", on("report", "-token", report, "-url", metadata)).Silent(),
		machine.Caller("report, with its token, at the host's end of its network", "", on("report", "-token", report, "-url", "http://172.30.11.1:9797/v1/credentials")).Silent(),
		machine.Caller("legacy, with its id in the path", "legacy", on("legacy", "-url", path)),
		machine.Caller("legacy, with another id", "", on("legacy", "-url", path[:len(path)-4]+"AAAA")),
		machine.Caller("legacy, without an id", "", on("legacy", "-url", "http://169.254.170.2/v2/credentials/")),
		machine.Caller("legacy, with its id for a token", "", on("legacy", "-token", strings.TrimPrefix(id, "/v2/credentials/"))),
		machine.Caller("report, with the id of legacy", "", on("report", "-url", path)),
		machine.Caller("report, with the id of legacy and its own token", "", on("report", "-url", path, "-token", report)),
		machine.Caller("a user of the host, with the id of legacy", "", func() machine.Answer { return m.As("mallory", "-url", path) }),
		machine.Caller("intake, with the token of report", "", on("intake", "-token", report)),
		machine.Caller("intake, with the token of report, from an address of report's network", "",
			m.Contained("--network=intake", "--sysctl", "net.ipv4.ip_nonlocal_bind=1", "--", "-url", ecs, "-token", report, "-from", "172.30.11.77:0")).Silent(),
		machine.Caller("a container of a network that no app names, with the token of report", "", on("outside", "-token", report)).Silent(),
		machine.Caller("a container on the host's network, with the token of report", "", on("host", "-token", report)),
		machine.Caller("a user of the host, with the token of report", "", func() machine.Answer { return m.As("mallory", "-url", ecs, "-token", report) }),
		machine.Caller("root of the host, with the token of report", "", func() machine.Answer { return m.As("root", "-url", ecs, "-token", report) }),
	)
	for _, name := range []string{"report", "intake"} {
		if seen := m.Do("podman inspect compose_" + name + "_1"); strings.Contains(seen, token(name)) || !strings.Contains(seen, "/run/secrets/"+name) {
			t.Errorf("podman inspect shows, of %s: %s", name, seen)
		}
	}
}
