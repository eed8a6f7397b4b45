package login

import (
	"encoding/json"
	"strings"
	"testing"
	"time"

	"github.com/vendord/vendord/session"
)

// FuzzRecord: whatever the AWS CLI's file holds, a token that is taken from it can
// be sent, and written again as it was read.
func FuzzRecord(f *testing.F) {
	f.Add(`{"startUrl":"https://a/","region":"r","accessToken":"a","expiresAt":"2026-11-22T00:00:00Z","clientId":"c","clientSecret":"s","registrationExpiresAt":"2027-01-01T00:00:00Z","refreshToken":"r"}`)
	f.Add(`{"accessToken":"a","expiresAt":"2026-11-22T00:00:00UTC","new":[]}`)
	f.Add(`{"accessToken":"a\r\n","expiresAt":"2026-11-22T00:00:00+01:00"}`)
	f.Add(`{"accessToken":"a","expiresAt":"9999-12-31T23:59:59-12:00"}`)
	f.Add(`{"accessToken":"a","expiresAt":"2026-11-22T00:00:00Z","clientId":"c","registrationExpiresAt":"2027-01-01T00:00:00Z","refreshToken":"r"}`)
	f.Fuzz(func(t *testing.T, text string) {
		read, err := parseRecord([]byte(text))
		if (read == nil) == (err == nil) {
			t.Fatalf("parseRecord: got %v, %v", read, err)
		}
		if err != nil {
			return
		}
		if access := read.access.text(); access == "" || strings.ContainsAny(access, " \r\n\x00") {
			t.Errorf("access token: got %q", access)
		}
		if read.refresh != nil && (read.client.id == "" || read.client.secret.text() == "" || read.client.expires.IsZero() && !strings.Contains(text, "0001-")) {
			t.Errorf("a refresh token without its client: %s", text)
		}
		if read.expires.UTC().Year() > 9999 || read.expires.UTC().Year() < 0 {
			return // an offset that leaves the calendar: stamp cannot spell it
		}
		again, err := json.Marshal(read.record(session.SignIn{}))
		if err != nil {
			t.Fatal(err)
		}
		second, err := parseRecord(again)
		if err != nil || second.access.text() != read.access.text() || second.refresh.text() != read.refresh.text() ||
			!second.expires.Equal(read.expires.Truncate(time.Second)) {
			t.Errorf("written and read again: got %v from %s", err, again)
		}
	})
}

// FuzzKept: a file of ours is that of its SignIn, or nobody's.
func FuzzKept(f *testing.F) {
	who := session.SignIn{Session: "corp", StartURL: "https://corp.awsapps.com/start", Region: "eu-west-1"}
	file := name(who) + ".json"
	f.Add(`{"version":1,"sign_in":{"session":"corp","start_url":"https://corp.awsapps.com/start","region":"eu-west-1"},"kept":"file","token":{"accessToken":"a","expiresAt":"2026-11-22T00:00:00Z"}}`)
	f.Add(`{"version":1,"sign_in":{"session":"corp","start_url":"https://corp.awsapps.com/start","region":"eu-west-1"},"kept":"keyring"}`)
	f.Add(`{"version":1,"sign_in":{"session":"evil"},"kept":"file"}`)
	f.Fuzz(func(t *testing.T, text string) {
		k, read, err := parseKept(file, []byte(text))
		if err == nil && (k.SignIn != who || (read != nil) != (k.Kept == InFile)) {
			t.Errorf("parseKept: got %+v", k)
		}
	})
}

// FuzzWebAddress: what is handed to a browser is an address of the web.
func FuzzWebAddress(f *testing.F) {
	for _, text := range []string{"https://corp.awsapps.com/start", "http://127.0.0.1:1/", "HTTPS://a/", "https://a@b/", "javascript:alert(1)//https://", "https:a", "https://", "http://[::1]:80/", "https://a/\u202e"} {
		f.Add(text)
	}
	f.Fuzz(func(t *testing.T, text string) {
		if !webAddress(text) {
			return
		}
		lower := strings.ToLower(text)
		if !strings.HasPrefix(lower, "https://") && !strings.HasPrefix(lower, "http://127.") && !strings.HasPrefix(lower, "http://localhost") && !strings.HasPrefix(lower, "http://[") {
			t.Errorf("webAddress(%q): got true", text)
		}
		if session.Visible(text) != text || strings.ContainsAny(text, " \"'`<>|\\") {
			t.Errorf("webAddress(%q): got true", text)
		}
	})
}
