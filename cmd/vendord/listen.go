package main

import (
	"context"
	"errors"
	"net"
	"net/netip"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"

	"github.com/vendord/vendord/peer"
)

// listen opens the address at which programs ask. Without one, user mode keeps
// the port that it was once given in the state directory, so that what a
// program was told stays true over a restart. A port that somebody else holds
// is never walked around: programs would go on asking there, with their tokens.
func listen(address, state string) (net.Listener, error) {
	if address != "" {
		return bind(address, "stop it, or set another daemon.listen")
	}
	kept := filepath.Join(state, "port")
	if port, ok := readPort(kept); ok {
		return bind(net.JoinHostPort("127.0.0.1", port), "stop it, or remove "+kept+" to be given another port")
	}
	free, err := bind("127.0.0.1:0", "")
	if err != nil {
		return nil, err
	}
	// Bound again by its number, as it will be at the next start: only what was
	// bound so leaves nothing behind that would be in the way then.
	free.Close()
	listener, err := bind(free.Addr().String(), "start vendord again")
	if err != nil {
		return nil, err
	}
	_, port, _ := net.SplitHostPort(listener.Addr().String())
	if err := os.WriteFile(kept, []byte(port+"\n"), 0o600); err != nil {
		listener.Close()
		return nil, fail("free some space, or name another with --state-dir", "state directory: keeping the port: %w", err)
	}
	return listener, nil
}

// readPort reads the kept port. A file that holds none is as good as no file:
// it is written anew. What is no file is not read: a FIFO would wait for ever.
func readPort(path string) (string, bool) {
	if info, err := os.Stat(path); err != nil || !info.Mode().IsRegular() {
		return "", false
	}
	text, err := os.ReadFile(path)
	port := strings.TrimSpace(string(text))
	n, bad := strconv.ParseUint(port, 10, 16)
	return port, err == nil && bad == nil && n > 0
}

// bind listens for TCP alone. Go takes Multipath TCP too unless it is told not to: a
// connection of that can live on over other addresses than those that the kernel is
// asked about, which are free for others to use by then.
func bind(address, hint string) (net.Listener, error) {
	config := net.ListenConfig{Control: alone}
	config.SetMultipathTCP(false)
	listener, err := config.Listen(context.Background(), "tcp", address)
	if err == nil {
		return listener, nil
	}
	if !errors.Is(err, syscall.EADDRINUSE) {
		return nil, fail("see daemon.listen in vendord.toml", "%s: cannot listen: %w", address, err)
	}
	by := "another program"
	if where, err := netip.ParseAddrPort(address); err == nil {
		if holder, err := peer.Listener(where); err == nil {
			by = holder.String()
		}
	}
	return nil, fail(hint, "%s: in use by %s", address, by)
}
