package fakeaws_test

import (
	"bytes"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"testing"

	"github.com/vendord/vendord/fakeaws"
)

// FuzzSignIn asks the sign-in and the portal for anything: nobody who has not
// signed in gets a token, a code or a key, and every no has a name.
func FuzzSignIn(f *testing.F) {
	for _, body := range []string{"{}", "null", "[]", `{"clientId":"a","clientSecret":"b","grantType":"refresh_token","refreshToken":"c"}`,
		`{"clientId":"a","clientSecret":"b","startUrl":"` + startURL + `"}`, `{"clientId":1}`} {
		for i := range 8 {
			f.Add(uint8(i), "client_id=a&redirect_uri="+url.QueryEscape(callback), body, "token")
		}
	}
	fake, err := fakeaws.New(fakeaws.Config{State: fakeaws.Example(), SignIn: fakeaws.ApproveSignIn})
	if err != nil {
		f.Fatal(err)
	}
	addresses := []string{"POST /device_authorization", "POST /token", "GET /authorize", "GET /federation/credentials",
		"GET /assignment/accounts", "GET /assignment/roles", "POST /logout", "GET /_fake/sso/device"}
	f.Fuzz(func(t *testing.T, which uint8, query, body, token string) {
		method, path, _ := strings.Cut(addresses[int(which)%len(addresses)], " ")
		r := httptest.NewRequest(method, "http://127.0.0.1"+path, bytes.NewReader([]byte(body)))
		r.URL.RawQuery = query
		r.Header.Set("Content-Type", "application/json")
		r.Header["X-Amz-Sso_bearer_token"] = []string{token}
		w := httptest.NewRecorder()
		fake.ServeHTTP(w, r)
		if w.Code < 400 || w.Code >= 500 || path[1] != '_' && w.Header().Get("x-amzn-ErrorType") == "" {
			t.Errorf("%s %s?%s %s: got %d %s", method, path, query, body, w.Code, w.Body)
		}
	})
}

// FuzzMetadataToken asks for a role with any token.
func FuzzMetadataToken(f *testing.F) {
	fake, err := fakeaws.New(fakeaws.Config{State: fakeaws.Example()})
	if err != nil {
		f.Fatal(err)
	}
	h := fake.Metadata(appRole)
	f.Add("", "60")
	f.Add(strings.Repeat("f", 80), "-1")
	f.Fuzz(func(t *testing.T, token, life string) {
		r := httptest.NewRequest("GET", "http://127.0.0.1/latest/meta-data/iam/security-credentials/App", nil)
		r.Header.Set("X-Aws-Ec2-Metadata-Token", token)
		w := httptest.NewRecorder()
		h.ServeHTTP(w, r)
		if w.Code != http.StatusUnauthorized {
			t.Errorf("token %q: got %d", token, w.Code)
		}
		r = httptest.NewRequest("PUT", "http://127.0.0.1/latest/api/token", nil)
		r.Header.Set("X-Aws-Ec2-Metadata-Token-Ttl-Seconds", life)
		w = httptest.NewRecorder()
		h.ServeHTTP(w, r)
		if w.Code != http.StatusOK && w.Code != http.StatusBadRequest {
			t.Errorf("life %q: got %d", life, w.Code)
		}
	})
}
