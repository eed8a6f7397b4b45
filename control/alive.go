package control

import (
	"context"
	"encoding/json"
	"errors"
	"net/http"
	"os"
	"strconv"
	"strings"

	"github.com/vendord/vendord/session"
)

// ByManager reports whether a service manager holds the socket: connections are
// taken there although no daemon may be running, and wait for one that is started.
// The kernel names whoever made the socket listen, for good.
func (c *Client) ByManager() bool {
	if c.BySystem() {
		return true
	}
	if c.daemon == nil {
		return false
	}
	name, _ := os.ReadFile("/proc/" + strconv.Itoa(int(c.daemon.PID)) + "/comm")
	return strings.TrimSpace(string(name)) == "systemd" // a user's own
}

// BySystem reports whether that is the machine's, and not a user's own.
func (c *Client) BySystem() bool { return c.daemon != nil && c.daemon.PID == 1 }

// Answers returns nil once a daemon has said something, be it a refusal. It waits as
// long as ctx allows.
func (c *Client) Answers(ctx context.Context) error {
	var any json.RawMessage
	err := c.exchange(ctx, http.MethodGet, "/health", nil, &any)
	if e, said := errors.AsType[*session.Error](err); said && e.Err == nil {
		return nil // its own words, and not ours about the connection
	}
	return err
}
