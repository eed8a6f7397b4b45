package server_test

import (
	"bufio"
	"context"
	"fmt"
	"io"
	"net"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/vendord/vendord/server"
	"github.com/vendord/vendord/session"
)

func TestFetch(t *testing.T) {
	w := start(t, always(credentials(nil)))
	t.Setenv("HTTP_PROXY", "http://127.0.0.1:1")
	t.Setenv("http_proxy", "http://127.0.0.1:1")
	got, err := server.Fetch(t.Context(), w.url, w.token)
	if err != nil {
		t.Fatalf("Fetch: %v", err)
	}
	secret, token := got.Reveal()
	if got.KeyID != "ASIAEXAMPLE" || secret != canarySecret || token != canaryToken || !got.Expires.Equal(noon.Add(time.Hour)) ||
		got.AccountID != "029470240201" || got.RoleARN != "arn:aws:iam::629470240201:role/JohnUploadRole" {
		t.Errorf("Fetch: got %+v", got)
	}
	if left := got.Left(got.Minted); left != got.Expires.Sub(got.Minted) {
		t.Errorf("Left: got %v, want %v", left, got.Expires.Sub(got.Minted))
	}
}

func TestFetchTellsEveryClassOfError(t *testing.T) {
	for class := session.Unrecognised; class <= session.Retry; class++ {
		t.Run(class.String(), func(t *testing.T) {
			w := start(t, failing(&session.Error{Class: class, Public: "upload: wrong", Hint: "mend it; now"}))
			_, err := server.Fetch(t.Context(), w.url, w.token)
			got := session.AsError(err)
			if got == nil || got.Class != class || got.Public != "upload: wrong" || got.Hint != "mend it; now" {
				t.Errorf("Fetch: got %v %+v, want class %v", err, got, class)
			}
		})
	}
}

func TestFetchOfAnUnknownPathIsRefused(t *testing.T) {
	w := start(t, nil)
	_, err := server.Fetch(t.Context(), w.url+"/", w.token)
	if e := session.AsError(err); e == nil || e.Class != session.Refused || e.Public != "path: nothing is here" {
		t.Errorf("Fetch: got %v", err)
	}
}

func TestFetchSendsTheTokenNowhereElse(t *testing.T) {
	for _, address := range []string{"http://evil.example/v1/credentials", "https://127.0.0.1/", "http://127.0.0.1.nip.io/", "http://10.0.0.1/",
		"http://0.0.0.0/", "http://u:p@127.0.0.1/", "file:///etc/passwd", "127.0.0.1:9797", "http://127.0.0.1:x/", "", "http://%zz/"} {
		_, err := server.Fetch(t.Context(), address, "vnd_secret")
		e := session.AsError(err)
		if e == nil || e.Public != "address of vendord: not one of this machine" || e.Hint != "it is http://127.0.0.1:PORT/v1/credentials" || e.Class != session.Refused {
			t.Errorf("Fetch(%s): got %v", address, err)
		}
	}
}

// impostor answers every request on a port with text, and counts them.
func impostor(t *testing.T, text string) (address string, asked *int) {
	t.Helper()
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	asked = new(int)
	done := make(chan struct{})
	go func() {
		defer close(done)
		for {
			c, err := ln.Accept()
			if err != nil {
				return
			}
			*asked++
			if r, err := http.ReadRequest(bufio.NewReader(c)); err == nil {
				_, _ = io.WriteString(c, strings.ReplaceAll(text, "URL", "http://"+r.Host))
			}
			_ = c.Close()
		}
	}()
	t.Cleanup(func() { _ = ln.Close(); <-done })
	return "http://" + ln.Addr().String() + "/", asked
}

// http11 is an answer with a body.
func http11(status, body string) string {
	return fmt.Sprintf("HTTP/1.1 %s\r\nContent-Length: %d\r\n\r\n%s", status, len(body), body)
}

func TestFetchFromAnImpostor(t *testing.T) {
	document := func(field, value string) string {
		body := `{"AccessKeyId":"A","SecretAccessKey":"B","Token":"C","Expiration":"2026-11-21T13:00:00Z","AccountId":"1","RoleArn":"r"}`
		return http11("200 OK", strings.Replace(body, field, value, 1))
	}
	const hint = "does another program listen there? see vendord status"
	for _, test := range []struct{ name, answer, want, hint string }{
		{"a page", http11("200 OK", "<html>"), "an answer not the JSON of credentials", hint},
		{"nothing", http11("200 OK", ""), "an answer not the JSON of credentials", hint},
		{"an empty object", http11("200 OK", "{}"), "an answer without a key, or with one that is none", hint},
		{"a key missing", document(`"SecretAccessKey":"B",`, ""), "an answer without a key, or with one that is none", hint},
		{"an empty key", document(`"B"`, `""`), "an answer without a key, or with one that is none", hint},
		{"a key that is a command", document(`"A"`, `"x\n$(rm -rf ~)"`), "an answer without a key, or with one that is none", hint},
		{"a number for a token", document(`"C"`, `1`), "an answer not the JSON of credentials", hint},
		{"a role that is a command", document(`"r"`, `"$(rm -rf ~)"`), "an answer with an account or a role that is none", hint},
		{"no expiry", document(`2026-11-21T13:00:00Z`, ``), "an answer without a time of expiry", hint},
		{"an expiry in seconds", document(`"2026-11-21T13:00:00Z"`, `1`), "an answer not the JSON of credentials", hint},
		{"very much", document(`"C"`, `"`+strings.Repeat("c", 10_000)+`"`), "an answer longer than 10,000 bytes", hint},
		{"an error in text", http11("500 Internal Server Error", "oops"), "an answer status 500 without vendord's reason", hint},
		{"an error in empty JSON", http11("403 Forbidden", "{}"), "an answer status 403 without vendord's reason", hint},
		{"elsewhere", "HTTP/1.1 307 Temporary Redirect\r\nLocation: URL/v1/credentials\r\nContent-Length: 0\r\n\r\n", "an answer status 307 without vendord's reason", hint},
		{"not HTTP", "SSH-2.0-OpenSSH_9.6\r\n", `no answer: what came is not HTTP`, "is it running? see vendord status"},
		{"half of it", "HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\n{", "no answer: the connection was closed", "is it running? see vendord status"},
	} {
		t.Run(test.name, func(t *testing.T) {
			address, asked := impostor(t, test.answer)
			_, err := server.Fetch(t.Context(), address, "vnd_secret")
			e := session.AsError(err)
			if e == nil || e.Class != session.Retry {
				t.Fatalf("Fetch: got %v, want an error of class retry", err)
			}
			if !strings.HasPrefix(e.Public, "vendord at "+address+": ") || !strings.HasPrefix(strings.TrimPrefix(e.Public, "vendord at "+address+": "), test.want[:min(len(test.want), 60)]) {
				t.Errorf("Fetch: got %q, want vendord at %s: %s", e.Public, address, test.want)
			}
			if e.Hint != test.hint {
				t.Errorf("hint: got %q, want %q", e.Hint, test.hint)
			}
			if *asked != 1 {
				t.Errorf("asked %d times, want once", *asked)
			}
		})
	}
}

func TestFetchShowsNoControlCharacters(t *testing.T) {
	address, _ := impostor(t, http11("403 Forbidden", `{"code":"DeniedByAWS","message":"a\u001b[2Jb; hint: c\nd"}`))
	_, err := server.Fetch(t.Context(), address, "vnd_secret")
	if e := session.AsError(err); e.Class != session.Administrator || e.Public != "a [2Jb" || e.Hint != "c d" {
		t.Errorf("Fetch: got %+v", e)
	}
}

func TestFetchFromNobody(t *testing.T) {
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	address := "http://" + ln.Addr().String() + server.Path
	_ = ln.Close()
	_, err = server.Fetch(t.Context(), address, "vnd_secret")
	e := session.AsError(err)
	if e == nil || !strings.HasPrefix(e.Public, "vendord at "+address+": no answer: dial tcp") || e.Hint != "is it running? see vendord status" || e.Class != session.Retry {
		t.Errorf("Fetch: got %v", err)
	}
}

func TestFetchGivesUp(t *testing.T) {
	slow := newSlowly()
	w := start(t, slow.Get)
	ctx, cancel := context.WithTimeout(t.Context(), 50*time.Millisecond)
	defer cancel()
	_, err := server.Fetch(ctx, w.url, w.token)
	if e := session.AsError(err); e == nil || e.Public != "vendord at "+w.url+": no answer: too slow" || e.Class != session.Retry {
		t.Errorf("Fetch: got %v", err)
	}
}

func FuzzFetch(f *testing.F) {
	f.Add(200, golden)
	f.Add(200, `{"AccessKeyId":"A","SecretAccessKey":"B","Token":"C","Expiration":"2026-11-21T13:00:00.5+01:00"}`)
	f.Add(200, `{"accesskeyid":"A","accesskeyid":"\u0000","Token":null,"Expiration":""}`)
	f.Add(403, problem("LoginNeeded", "john: keys expired; hint: run aws login"))
	f.Add(503, `{"code":"\u001b","message":"; hint: "}`)
	f.Add(301, "")
	answers := make(chan string, 1)
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		f.Fatal(err)
	}
	f.Cleanup(func() { _ = ln.Close() })
	go func() {
		for {
			c, err := ln.Accept()
			if err != nil {
				return
			}
			if _, err := http.ReadRequest(bufio.NewReader(c)); err == nil {
				_, _ = io.WriteString(c, <-answers)
			}
			_ = c.Close()
		}
	}()
	f.Fuzz(func(t *testing.T, status int, body string) {
		if status < 200 || status > 999 {
			return // net/http's own parser has had its fuzzing
		}
		answers <- http11(fmt.Sprint(status)+" X", body)
		c, err := server.Fetch(t.Context(), "http://"+ln.Addr().String(), "vnd_secret")
		if (c == nil) == (err == nil) {
			t.Fatalf("got %v and %v", c, err)
		}
		if err != nil {
			e := session.AsError(err)
			if e.Class < session.Unrecognised || e.Class > session.Retry || strings.ContainsAny(e.Public+e.Hint, "\x1b\n\r\x00") {
				t.Errorf("got %+v", e)
			}
			return
		}
		secret, token := c.Reveal()
		for _, field := range []string{c.KeyID, secret, token} {
			if field == "" || strings.ContainsAny(field, " \n\x00\x1b") {
				t.Errorf("got the field %q", field)
			}
		}
		if status != 200 {
			t.Errorf("got %v with status %d", c, status)
		}
	})
}
