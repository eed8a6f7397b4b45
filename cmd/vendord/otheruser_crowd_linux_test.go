package main

import (
	"fmt"
	"net"
	"strings"
	"testing"
	"time"
)

// crowd has the thief open more connections than the daemon keeps. The others
// keep theirs, and get new ones.
func (h *household) crowd(t *testing.T) {
	address := "127.0.0.1:" + lookup(h.env, "PORT")
	request := fmt.Sprintf("GET /v1/credentials HTTP/1.1\r\nHost: %s\r\nAuthorization: %s\r\n\r\n", address, h.token.Token)
	dial := func() net.Conn {
		c, err := net.DialTimeout("tcp4", address, 30*time.Second)
		if err != nil {
			t.Errorf("connecting: %v", err)
			return nil
		}
		_ = c.SetDeadline(time.Now().Add(2 * time.Minute))
		return c
	}
	answered := func(c net.Conn) bool {
		if c == nil {
			return false
		}
		_, _ = c.Write([]byte(request))
		answer := make([]byte, 4096)
		n, _ := c.Read(answer)
		return strings.HasPrefix(string(answer[:n]), "HTTP/1.1 200 ")
	}
	var ours, theirs []net.Conn
	h.as(agent, func() {
		for range 20 {
			ours = append(ours, dial())
		}
	})
	for i, c := range ours {
		if !answered(c) {
			t.Fatalf("connection %d of the user: not answered before the crowd", i)
		}
	}
	h.as(thief, func() {
		for range 1500 {
			c := dial()
			if c == nil {
				return
			}
			theirs = append(theirs, c)
		}
	})
	for i, c := range ours {
		if !answered(c) {
			t.Errorf("connection %d of the user: lost in the crowd", i)
		}
	}
	h.as(agent, func() {
		for i := range 20 {
			c := dial()
			if ours = append(ours, c); !answered(c) {
				t.Errorf("new connection %d of the user: not answered in the crowd", i)
			}
		}
	})
	for _, c := range append(ours, theirs...) {
		if c != nil {
			_ = c.Close()
		}
	}
}
