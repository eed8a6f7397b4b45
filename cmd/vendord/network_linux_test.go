package main

import (
	"os"
	"os/exec"
	"strings"
	"syscall"
	"testing"

	"github.com/rogpeppe/go-internal/testscript"
)

// inNetwork is set in the process that has a network of its own.
const inNetwork = "VENDORD_TEST_NETWORK"

// TestNetworkScripts runs scripts for which this machine has the addresses of AWS's
// endpoints: in a network of their own, by this test binary once more.
func TestNetworkScripts(t *testing.T) {
	if os.Getenv(inNetwork) != "" {
		params := scripts()
		params.Dir = "testdata/network"
		testscript.Run(t, params)
		return
	}
	needsRoot(t, "have a network of one's own")
	commands := "ip link set lo up && ip addr add 169.254.170.2/32 dev lo && exec \"$0\" \"$@\""
	cmd := exec.Command("sh", "-c", commands, "/proc/self/exe", "-test.run=^TestNetworkScripts$", "-test.count=1")
	self, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	cmd.Args[3] = self
	cmd.Env = append(os.Environ(), inNetwork+"=1")
	cmd.SysProcAttr = &syscall.SysProcAttr{Cloneflags: syscall.CLONE_NEWNET, Pdeathsig: syscall.SIGKILL}
	said, err := cmd.CombinedOutput()
	if err != nil || !strings.Contains(string(said), "PASS") {
		t.Errorf("in a network of its own: got %v\n%s", err, said)
	}
}
