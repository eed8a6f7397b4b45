//go:build machine

package service_test

import (
	"os"
	"strings"
	"testing"

	"github.com/vendord/vendord/conformance/machine"
)

// turncoat is a command of a source's that turns on the daemon which runs it, and
// notes what worked.
const turncoat = `#!/bin/bash
exec 9>&1 >/var/lib/vendord/worked 2>/dev/null
unset VENDORD_INSIDE
try() { local name=$1; shift; if "$@" >/dev/null; then echo "$name"; fi; }
ask() {
	exec 3<>/dev/tcp/127.0.0.1/9797
	printf 'GET /v1/process/credentials HTTP/1.0\r\nHost: 127.0.0.1:9797\r\n\r\n' >&3
	head -1 <&3 | grep ' 200 '
}
try "read the daemon's memory" head -c1 /proc/$PPID/mem
try "read the daemon's environment" grep -q . /proc/$PPID/environ
try "see what the daemon has open" ls /proc/$PPID/fd/
try "have a descriptor of the daemon's" grep -qE 'socket:|memfd:|anon_inode' <(readlink /proc/self/fd/*)
try "have a capability" grep -qE '^Cap(Prm|Eff|Amb):.*[1-9a-f]' /proc/self/status
try "lock" vendord lock --system
try "reload" vendord reload --system
try "issue a token" vendord token issue upload --user joe --system
try "run with a profile" vendord exec upload --system -- true
try "be recognised" ask
try "read the secrets of other sources" grep -q aws_secret_access_key /run/credentials/vendord.service/john
try "write to the state" touch /var/lib/vendord/x
try "change the record" touch /var/log/vendord/audit
try "end the daemon" kill -0 $PPID
for line in STATUS=turncoat MAINPID=$$ STOPPING=1; do NOTIFY_SOCKET=/run/systemd/notify systemd-notify $line; done
echo '{"Version":1,"AccessKeyId":"AKIAIOSFODNN7EXAMPLE","SecretAccessKey":"wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY"}' >&9
`

// TestTurncoat: a command runs as the daemon's user, so that it can do what that user
// can. It steers nothing for that, is nobody to the endpoint, and has none of what the
// service manager gave the daemon: neither its word nor its capabilities.
func TestTurncoat(t *testing.T) {
	m := machine.Bare(t, users...)
	m.Write("/usr/local/bin/helper", turncoat, 0o755)
	defer os.Remove("/usr/local/bin/helper")
	m.Configure("", apps+`
[sources.op]
type = "process"
command = ["/usr/local/bin/helper"]
[profiles.op]
source = "op"
role_arn = "arn:aws:iam::629470240201:role/JohnUploadRole"
[apps.joe]
profiles = ["op"]
match = {user = "joe", exe = "/usr/local/bin/probe"}
`)
	m.Do(install)
	pid := m.PID()
	if a := m.As("joe"); a.Status != 200 {
		t.Errorf("got %+v, want credentials by the command", a)
	}
	const want = "read the secrets of other sources\nwrite to the state\nchange the record\nend the daemon\n"
	if worked, err := os.ReadFile("/var/lib/private/vendord/worked"); err != nil || string(worked) != want {
		t.Errorf("what worked: got %v %s\nwant %s", err, worked, want)
	}
	status := m.Property("vendord.service", "StatusText")
	if now := m.PID(); now != pid || strings.Contains(status, "turncoat") || m.Property("vendord.service", "ActiveState") != "active" {
		t.Errorf("after its words to systemd: got pid %d, status %q, want pid %d and the daemon's own words", now, status, pid)
	}
}
