//go:build unix

package control_test

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net"
	"path/filepath"
	"strings"
	"testing"
	"time"
	"unicode"
	"unicode/utf8"

	"github.com/vendord/vendord/control"
	"github.com/vendord/vendord/session"
)

// FuzzAnswer is a daemon of another version, or a hostile one: whatever it
// answers, every call of the client ends, with an answer or with errors that are
// fit to print.
func FuzzAnswer(f *testing.F) {
	const ok, refused = "200 OK", "403 Forbidden"
	full, err := json.Marshal(control.Status{Version: "1", Mode: control.UserMode, Started: noon, URL: "http://127.0.0.1:1/v1/credentials", You: "john",
		Warnings: []string{"w"}, Apps: []control.AppRow{{Name: "a", Profiles: []string{"p"}}}, Profiles: []control.ProfileRow{{Name: "p", Duration: time.Hour}},
		Sessions: []control.SessionRow{{Profiles: []string{"p"}, State: session.Failed, Last: &session.Error{Class: session.Retry, Public: "x"}}},
		Refusals: []control.RefusalRow{{Time: noon, Message: "m"}}})
	if err != nil {
		f.Fatal(err)
	}
	f.Add(ok, "1", string(full))
	f.Add(ok, "1", `{"id":"x","app":"claude","url":"http://127.0.0.1:1/v1/credentials","expires":"2026-11-21T12:00:00Z"}`+"\n")
	f.Add(ok, "1", `{"revoked":-1,"tokens":[{"id":"x","hash":"y"}],"lines":["a\nb"]}`)
	f.Add(ok, "1", `{"apps":[{"name":"a","last":{"uid":"x","time":"y"}}]}`)
	f.Add(ok, "1", `{"refusals":[{"uid":1e99,"fix":{}}],"app":"a","until":"2026-11-21T12:00:00Z","now":[{}],"old_ends":"z"}`)
	f.Add(ok, "1", `null`)
	f.Add(ok, "1", `[]`)
	f.Add(ok, "2", "")
	f.Add(ok, "-9999999999999999999", "")
	f.Add(ok, "", "<html>")
	f.Add(refused, "1", `{"class":"refused","message":"no","hint":"ask"}`)
	f.Add(refused, "1", `{"class":"nonsense","message":"x"}`)
	f.Add("302 Found\r\nLocation: http://evil.example/", "1", `{"class":"retry","message":"elsewhere"}`)
	f.Add("101 Switching Protocols", "1", "")
	f.Add("200 \x1b[2J", "1", "{}")
	answers := make(chan string, 1)
	path := filepath.Join(socketDir(f), "s")
	ln, err := net.Listen("unix", path)
	if err != nil {
		f.Fatal(err)
	}
	f.Cleanup(func() { _ = ln.Close() })
	go func() {
		for {
			conn, err := ln.Accept()
			if err != nil {
				return
			}
			if n, _ := conn.Read(make([]byte, 4096)); n > 0 {
				_, _ = io.WriteString(conn, <-answers)
			}
			_ = conn.Close()
		}
	}()
	c, err := control.Dial(f.Context(), path)
	if err != nil {
		f.Fatal(err)
	}
	f.Fuzz(func(t *testing.T, status, version, body string) {
		answer := "HTTP/1.1 " + status + "\r\nVendord-Control: " + version + "\r\nConnection: close\r\n\r\n" + body
		ctx, cancel := context.WithTimeout(t.Context(), 10*time.Second)
		defer cancel()
		calls := map[string]act{
			"status": askStatus, "reload": reload, "issue": issue(tok("claude", "", "")),
			"revoke": func(ctx context.Context, c *control.Client) error { _, err := c.Revoke(ctx, "claude", ""); return err },
			"use":    use(control.UseSpec{App: "claude", Profile: "readonly"}),
			"rotate": rotate(control.RotateSpec{App: "claude", Hash: hash, TTL: time.Hour}),
			"adopt":  adopt(tok("claude", "", "")),
			"why":    why(""),
			"apps":   listApps,
			"tokens": func(ctx context.Context, c *control.Client) error { _, err := c.Tokens(ctx, ""); return err },
			"hold": func(ctx context.Context, c *control.Client) error {
				held, err := c.Hold(ctx, tok("claude", "", ""))
				if (held == nil) == (err == nil) {
					return fmt.Errorf("got %v and %v", held, err)
				}
				if err != nil {
					return err
				}
				select {
				case <-held.Gone():
				case <-ctx.Done():
					t.Error("hold: the daemon is gone, and nobody says so")
				}
				return held.Close()
			},
		}
		for name, do := range calls {
			answers <- answer
			err := do(ctx, c)
			select {
			case <-answers: // net/http did not even ask
			default:
			}
			if err == nil {
				continue
			}
			for _, e := range list(err) {
				if e.Class < session.Unrecognised || e.Class > session.Retry {
					t.Errorf("%s: class: got %v of %q", name, e.Class, answer)
				}
				for _, line := range []string{e.Public, e.Hint} {
					if utf8.RuneCountInString(line) > 2*len(answer)+400 || strings.ContainsFunc(line, func(r rune) bool { return !unicode.IsPrint(r) }) {
						t.Errorf("%s: got the line %.300q of %q", name, line, answer)
					}
				}
				if e.Public == "" {
					t.Errorf("%s: got an empty error of %q", name, answer)
				}
			}
		}
	})
}

// askStatus is status, whose name a part of the answer has above.
func askStatus(ctx context.Context, c *control.Client) error { return status(ctx, c) }
