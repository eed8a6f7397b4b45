package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/vendord/vendord/apps"
	"github.com/vendord/vendord/audit"
	"github.com/vendord/vendord/control"
	"github.com/vendord/vendord/server"
	"github.com/vendord/vendord/session"
)

// getFunc is where a server gets credentials from.
type getFunc func() (*session.Credentials, error)

func (g getFunc) Get(context.Context, session.Key, time.Duration) (*session.Credentials, error) {
	return g()
}

// TestCanaryInside has the part behind the server fail with secrets in whatever
// it fails with: a panic's value, an error that nobody foresaw, the cause of one
// that is for people, credentials that nobody can be given.
func TestCanaryInside(t *testing.T) {
	d := startDaemon(t)
	birds := &aviary{}
	secret := birds.plant("a secret inside", "CANARY/inside+wJalrXUtnFEMI/K7MDENG")
	token, spec := newToken(control.TokenSpec{App: "agent", TTL: time.Hour})
	birds.plant("an app's token", token)
	if _, err := d.client.Issue(t.Context(), spec); err != nil {
		t.Fatal(err)
	}
	live := time.Now().Add(time.Hour)
	halves := func(key, secret, token string, life time.Duration) getFunc {
		return func() (*session.Credentials, error) {
			c := session.NewCredentials(key, secret, token, live)
			c.Minted, c.Life = time.Now(), life
			return c, nil
		}
	}
	for name, get := range map[string]getFunc{
		"a panic with a text":      func() (*session.Credentials, error) { panic(secret) },
		"a panic with an error":    func() (*session.Credentials, error) { panic(fmt.Errorf("signing with %s", secret)) },
		"a panic with credentials": func() (*session.Credentials, error) { panic(map[string]string{"secret": secret}) },
		"an error of nobody's":     func() (*session.Credentials, error) { return nil, errors.New(secret) },
		"an error with a cause": func() (*session.Credentials, error) {
			return nil, &session.Error{Class: session.Retry, Public: "x: fails", Err: errors.New(secret)}
		},
		"an error of no class": func() (*session.Credentials, error) { return nil, &session.Error{Public: "x: " + secret} },
		"no key id":            halves("", secret, secret, time.Hour),
		"no token":             halves("ASIAEXAMPLE", secret, "", time.Hour),
		"no secret key":        halves("ASIAEXAMPLE", "", secret, time.Hour),
		"over":                 halves("ASIAEXAMPLE", secret, secret, -time.Second),
		"too long":             halves("ASIAEXAMPLE", secret, secret+strings.Repeat("x", 20_000), time.Hour),
		"nothing at all":       func() (*session.Credentials, error) { return nil, nil },
	} {
		t.Run(name, func(t *testing.T) {
			log, record := &safeBuffer{}, &safeBuffer{}
			said := slog.New(slog.NewJSONHandler(log, &slog.HandlerOptions{Level: slog.LevelDebug}))
			events := audit.New(audit.Config{Out: record, Log: said})
			s := server.New(server.Config{Apps: d.book, Credentials: get, Audit: events, Log: said})
			ctx, cancel := context.WithCancel(t.Context())
			ln, served := mustListen(t), make(chan error, 1)
			go func() { served <- s.Serve(ctx, ln, server.Endpoint{}) }()
			r, err := http.NewRequestWithContext(t.Context(), "GET", "http://"+ln.Addr().String()+server.Path, nil)
			if err != nil {
				t.Fatal(err)
			}
			r.Header.Set("Authorization", token)
			answer, err := http.DefaultClient.Do(r)
			if err != nil {
				t.Fatal(err)
			}
			body, _ := io.ReadAll(answer.Body)
			answer.Body.Close()
			cancel()
			if err := <-served; err != nil {
				t.Errorf("Serve: %v", err)
			}
			if err := events.Flush(); err != nil {
				t.Errorf("Flush: %v", err)
			}
			everything := fmt.Sprint(answer.Header) + string(body) + log.String() + record.String()
			for _, leak := range birds.leaks(everything) {
				t.Errorf("canary: %s", leak)
			}
			if answer.StatusCode != http.StatusServiceUnavailable || !strings.Contains(record.String(), `"status":503`) {
				t.Errorf("got %d %s, record %s, want 503", answer.StatusCode, body, record)
			}
		})
	}
}

// TestCanarySquatter has somebody else answer at vendord's address, and repeat
// the token that Fetch sent wherever an error could quote it.
func TestCanarySquatter(t *testing.T) {
	token, _ := apps.NewSecret()
	birds := &aviary{}
	birds.plant("an app's token", token)
	birds.plant("keys of the squatter's", "CANARY/squatter+keys/wJalrXUtnFEMI")
	const keys = "CANARY/squatter+keys/wJalrXUtnFEMI"
	for name, answer := range map[string]string{
		"in the status line":         "HTTP/1.1 400 TOKEN\r\nContent-Length: 0\r\n\r\n",
		"instead of HTTP":            "TOKEN\r\n\r\n",
		"as a version":               "HTTP/TOKEN 200 OK\r\n\r\n",
		"as a status":                "HTTP/1.1 TOKEN OK\r\n\r\n",
		"in a header's name":         "HTTP/1.1 200 OK\r\nTOKEN\r\n\r\n",
		"in a header's value":        "HTTP/1.1 200 OK\r\nContent-Length: TOKEN\r\n\r\n",
		"in an encoding":             "HTTP/1.1 200 OK\r\nTransfer-Encoding: TOKEN\r\n\r\n",
		"as the size of a chunk":     "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nTOKEN\r\n",
		"where to go":                "HTTP/1.1 302 Found\r\nLocation: http://TOKEN/\r\nContent-Length: 0\r\n\r\n",
		"as text":                    "HTTP/1.1 200 OK\r\nContent-Length: 53\r\n\r\nTOKEN",
		"with half of the keys":      "HTTP/1.1 200 OK\r\nConnection: close\r\n\r\n" + `{"AccessKeyId":"A","SecretAccessKey":"` + keys + `"}`,
		"with keys that are no JSON": "HTTP/1.1 200 OK\r\nConnection: close\r\n\r\n" + `{"SecretAccessKey":"` + keys,
		"with keys without a life":   "HTTP/1.1 200 OK\r\nConnection: close\r\n\r\n" + `{"AccessKeyId":"A","SecretAccessKey":"` + keys + `","Token":"T","Expiration":"` + keys + `"}`,
	} {
		t.Run(name, func(t *testing.T) {
			ln := mustListen(t)
			defer ln.Close()
			go squat(ln, strings.ReplaceAll(answer, "TOKEN", token))
			c, err := server.Fetch(t.Context(), "http://"+ln.Addr().String()+server.Path, token)
			if err == nil {
				t.Fatalf("Fetch: got %v, want an error", c)
			}
			printed := &strings.Builder{}
			(&program{stderr: printed}).printError(err)
			for _, leak := range birds.leaks(printed.String()) {
				t.Errorf("canary: %s", leak)
			}
		})
	}
}

// squat answers the first connection.
func squat(ln net.Listener, answer string) {
	c, err := ln.Accept()
	if err != nil {
		return
	}
	defer c.Close()
	_ = c.SetDeadline(time.Now().Add(30 * time.Second))
	_, _ = c.Read(make([]byte, 8192))
	_, _ = io.WriteString(c, answer)
}
