package main

import (
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
)

// The daemon inside exec holds the sources' keys, which programs of its own
// user could read from a process that is dumpable. Its command is as it would
// have been.
func TestPrivateDaemonIsNotDumpable(t *testing.T) {
	u := newUsers(t)
	if err := os.Chown(u.dir, agent, agent); err != nil {
		t.Fatal(err)
	}
	u.configure(agent, "")
	cmd := u.command(agent, "exec", "company1-hr-upload", "--", "sh", "-c", "stat -c %u /proc/$PPID/environ /proc/self/environ; ulimit -c")
	cmd.Path, cmd.Args = "/bin/sh", append([]string{"sh", "-c", `ulimit -S -c 64 && exec "$0" "$@"`}, cmd.Args...)
	cmd.Env = append(slices.DeleteFunc(cmd.Env, func(pair string) bool { return strings.HasPrefix(pair, "VENDORD_SOCKET=") }),
		"VENDORD_CONFIG="+filepath.Join(u.dir, "etc", "vendord.toml"))
	out, err := cmd.CombinedOutput()
	if got, want := string(out), "0\n54321\n64\n"; err != nil || got != want {
		t.Errorf("owners of the environ of exec and its command, core limit: got %q, %v, want %q", got, err, want)
	}
}
