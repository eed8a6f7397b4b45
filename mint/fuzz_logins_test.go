package mint_test

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/sha1"
	"crypto/sha256"
	"crypto/x509"
	"encoding/hex"
	"encoding/pem"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/vendord/vendord/mint"
	"github.com/vendord/vendord/session"
)

// put writes a file for a fuzz test, and the directories above it.
func put(tb testing.TB, path, text string) {
	tb.Helper()
	if err := os.MkdirAll(filepath.Dir(path), 0o700); err != nil {
		tb.Fatal(err)
	}
	if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
		tb.Fatal(err)
	}
}

// fuzzLogin mints with a login whose cached file and whose services say
// anything; STS is as it should be. What a program gets is STS's, signed with
// whole keys, or an error that is fit to print.
func fuzzLogin(t *testing.T, dir, path, file string, status int, body string) {
	t.Helper()
	put(t, path, file)
	synctest.Test(t, func(t *testing.T) {
		client := &http.Client{Transport: roundTrip(func(r *http.Request) (*http.Response, error) {
			if !strings.HasPrefix(r.URL.Host, "sts.eu-west-1.") {
				return answering(status, http.Header{"Content-Type": {"application/json"}}, body), nil
			}
			if signed := r.Header.Get("Authorization"); strings.Contains(signed, "Credential=/") || r.Header.Get("X-Amz-Date") == "" {
				t.Errorf("STS: signed %q, want whole keys", signed)
			}
			return answering(200, http.Header{"Content-Type": {"text/xml"}},
				result("AssumeRole", credentials(newKeyID, newSecret, newToken, stamp(time.Now().Add(time.Hour)))+assumedUser)), nil
		})}
		m, log := newMinter(t, mint.Config{Home: dir, HTTP: client})
		r := request("")
		r.Source = shared("john")
		got, err := m.Mint(t.Context(), r)
		var secrets []string
		for _, secret := range []string{"CANARYaccess", "CANARYrefresh", "CANARYsecret", "CANARYfresh"} {
			if !strings.Contains(body, `"message":"`) || strings.Contains(secret, "fresh") {
				secrets = append(secrets, secret)
			}
		}
		switch {
		case (got == nil) == (err == nil):
			t.Fatalf("Mint: got %v and %v", got, err)
		case err != nil:
			checkFailure(t, log.String(), err, secrets...)
		default:
			checkMinted(t, got, time.Hour)
			checkNoSecret(t, log.String(), secrets...)
		}
	})
}

// FuzzSSO is about the token that "aws sso login" left behind, and the answers
// of SSO and of its OIDC service.
func FuzzSSO(f *testing.F) {
	const fresh = `{"accessToken":"CANARYaccess","expiresAt":"2000-01-01T01:00:00Z"}`
	const stale = `{"accessToken":"CANARYaccess","expiresAt":"1999-12-31T23:00:00Z","refreshToken":"CANARYrefresh","clientId":"c","clientSecret":"CANARYsecret"}`
	const keys = `{"roleCredentials":{"accessKeyId":"ASIAFROMSSOFROMSSO00","secretAccessKey":"CANARYfreshkey","sessionToken":"CANARYfreshtoken","expiration":946688400000}}`
	f.Add(fresh, 200, keys)
	f.Add(stale, 200, `{"accessToken":"CANARYfresh","expiresIn":3600,"refreshToken":"CANARYrefresh2","tokenType":"Bearer",`+keys[1:])
	f.Add(fresh, 200, strings.Replace(keys, "CANARYfreshkey", `\u009b\u202e`, 1))
	f.Add(fresh, 200, strings.Replace(keys, "ASIAFROMSSOFROMSSO00", "", 1))
	f.Add(fresh, 401, `{"__type":"UnauthorizedException","message":"Session token not found or invalid"}`)
	f.Add(stale, 400, `{"error":"invalid_grant","__type":"InvalidGrantException"}`)
	f.Add(fresh, 403, `{"__type":"ForbiddenException","message":"No access\u0085\u001b[2J"}`)
	f.Add(fresh, 404, `{"__type":"ResourceNotFoundException"}`)
	f.Add(fresh, 429, `{"__type":"TooManyRequestsException","message":"slower"}`)
	f.Add(stale, 502, "<html>CANARY")
	f.Add(`{"accessToken":7}`, 200, keys)
	f.Add(`{"accessToken":"\u0000\n","expiresAt":"2000-01-01T01:00:00Z"}`, 200, keys)
	f.Add("", 200, "null")
	dir := f.TempDir()
	put(f, filepath.Join(dir, ".aws", "config"), ssoSession)
	name := sha1.Sum([]byte("corp"))
	path := filepath.Join(dir, ".aws", "sso", "cache", hex.EncodeToString(name[:])+".json")
	f.Fuzz(func(t *testing.T, file string, status int, body string) {
		if status >= 200 && status <= 599 {
			fuzzLogin(t, dir, path, file, status, body)
		}
	})
}

// FuzzLogin is about the file that "aws login" left behind, and the answers of
// the sign-in service. KEY in the file is a good key.
func FuzzLogin(f *testing.F) {
	const cached = `{"accessToken":{"accessKeyId":"ASIAFROMLOGINLOGIN00","secretAccessKey":"CANARYaccess","sessionToken":"CANARYrefresh",` +
		`"accountId":"629470240201","expiresAt":"2000-01-01T01:00:00Z"},"tokenType":"x","refreshToken":"CANARYrefresh","clientId":"c","dpopKey":"KEY"}`
	stale := strings.Replace(cached, "2000-01-01T01", "1999-01-01T01", 1)
	f.Add(cached, 200, "{}")
	f.Add(stale, 200, `{"accessToken":{"accessKeyId":"ASIAFROMLOGINLOGIN00","secretAccessKey":"CANARYfresh","sessionToken":"t"},"expiresIn":900,"refreshToken":"r","tokenType":"x"}`)
	f.Add(stale, 401, `{"error":"TOKEN_EXPIRED","message":"CANARY"}`)
	f.Add(stale, 400, `{"error":"\u001b","message":"\u2028"}`)
	f.Add(stale, 500, "")
	f.Add(strings.Replace(stale, "KEY", "CANARY", 1), 200, "{}")
	f.Add(strings.Replace(stale, "KEY", "-----BEGIN EC PRIVATE KEY-----\\nAA==\\n-----END EC PRIVATE KEY-----", 1), 200, "{}")
	f.Add(`{"accessToken":null}`, 200, "[]")
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		f.Fatal(err)
	}
	der, err := x509.MarshalECPrivateKey(key)
	if err != nil {
		f.Fatal(err)
	}
	text := string(pem.EncodeToMemory(&pem.Block{Type: "EC PRIVATE KEY", Bytes: der}))
	dir := f.TempDir()
	put(f, filepath.Join(dir, ".aws", "config"), loginOnce)
	name := sha256.Sum256([]byte("arn:aws:iam::629470240201:user/john"))
	path := filepath.Join(dir, ".aws", "login", "cache", hex.EncodeToString(name[:])+".json")
	f.Fuzz(func(t *testing.T, file string, status int, body string) {
		if status >= 200 && status <= 599 {
			fuzzLogin(t, dir, path, strings.ReplaceAll(file, "KEY", strings.ReplaceAll(text, "\n", `\n`)), status, body)
		}
	})
}

// FuzzSharedConfig puts anything before the keys in the SDKs' files. The source
// is found, or refused with words of ours that do not hold the keys.
func FuzzSharedConfig(f *testing.F) {
	f.Add("", "")
	f.Add("[profile john]\nsource_profile = jane\nrole_arn = x\n[profile jane]\nsource_profile = john\nrole_arn = y\n", "")
	f.Add("[profile john]\nrole_arn = x\nmfa_serial = y\nsource_profile = keys\n", "")
	f.Add("[profile john]\ncredential_source = Ec2InstanceMetadata\nrole_arn = x\n", "")
	f.Add("[profile john]\ncredential_process = \"/usr/bin/vendord\" credentials x\n", "")
	f.Add(ssoSession, "[john]\naws_access_key_id = x\n")
	f.Add(loginOnce, "[john]\nregion ='\n")
	f.Add("[profile john]\nsource_profile = \x1b[2J\u202e\nrole_arn = x\n", "[default")
	f.Add("[profile john]\nservices = x\n[services x]\ns3 =\n  endpoint_url = y\n", "\xef\xbb\xbf[john]\n")
	const keys = "aws_access_key_id = " + keyID + "\naws_secret_access_key = " + secretKey + "\naws_session_token = " + sourceToken + "\n"
	dir := f.TempDir()
	f.Fuzz(func(t *testing.T, config, credentials string) {
		put(t, filepath.Join(dir, ".aws", "config"), config+"\n[profile keys]\n"+keys)
		put(t, filepath.Join(dir, ".aws", "credentials"), credentials+"\n[kept]\n"+keys)
		for _, name := range []string{"john", "keys", "kept", "default"} {
			// Not minted: the profile may name a command, and what a fuzzer
			// thinks of would be run.
			if err := mint.CheckSource(shared(name), dir); err != nil {
				checkFailure(t, "", err, secretKey, sourceToken)
				if class := session.AsError(err).Class; class != session.Configuration {
					t.Errorf("CheckSource: got class %v, want configuration", class)
				}
			}
		}
	})
}
