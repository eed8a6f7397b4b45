package server_test

import (
	"fmt"
	"net"
	"os"
	"strings"
	"testing"

	"github.com/vendord/vendord/peer"
	"github.com/vendord/vendord/server"
)

// open starts a server that answers everybody with g.
type open func(tb testing.TB, g get) *world

// atBothDoors runs a test twice: for callers with a token, and for those whom the
// kernel recognises, on the path that is theirs.
func atBothDoors(t *testing.T, test func(t *testing.T, start open)) {
	t.Run("by token", func(t *testing.T) { test(t, start) })
	t.Run("by the kernel", func(t *testing.T) { test(t, startByKernel) })
}

// openKernel opens what this machine tells of callers.
func openKernel(tb testing.TB) *peer.Kernel {
	tb.Helper()
	kernel, err := peer.OpenKernel()
	if err != nil {
		tb.Fatal(err)
	}
	tb.Cleanup(func() { _ = kernel.Close() })
	if err := kernel.Off(peer.Users); err != nil {
		if os.Getenv("CI") != "" {
			tb.Fatalf("CI must run this: %v", err)
		}
		tb.Skipf("this system does not tell users: %v", err)
	}
	return kernel
}

// startByKernel starts a server with an app for our own user, whose path is asked
// from then on.
func startByKernel(tb testing.TB, g get) *world {
	tb.Helper()
	w := startKnowing(tb, g, fmt.Sprintf("[apps.self]\nprofiles = [\"upload\", \"readonly\"]\nmatch = {user = \"#%d\"}\n", os.Getuid()))
	w.path = server.ProcessPath
	w.url = "http://" + w.addr + w.path
	return w
}

// startKnowing starts a server for more apps, which knows its callers.
func startKnowing(tb testing.TB, g get, more string) *world {
	tb.Helper()
	kernel := openKernel(tb)
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		tb.Fatal(err)
	}
	return startOn(tb, ln, g, func(c *server.Config) { c.Who, c.Recorded = kernel.Client, true }, more)
}

// toPath turns a request by token into the same for the kernel's path.
func toPath(request, path string) string {
	if path == "" {
		return request
	}
	for _, token := range []string{"Authorization: TOKEN", "authorization: TOKEN", "AUTHORIZATION: TOKEN"} {
		request = strings.NewReplacer("\n"+token+"\n", "\n", "␊"+token+"␊", "␊").Replace(request)
	}
	return strings.ReplaceAll(request, server.Path, path)
}
