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
	if c.daemon == nil {
		return false
	}
	if c.daemon.PID == 1 {
		return true
	}
	name, _ := os.ReadFile("/proc/" + strconv.Itoa(int(c.daemon.PID)) + "/comm")
	return strings.TrimSpace(string(name)) == "systemd" // a user's own
}

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
