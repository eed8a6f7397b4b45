package main

import (
	"os"
	"strings"
	"testing"
	"time"
)

// TestInputRefusedAtLoad: what AWS is certain to refuse is refused by a reload, in
// words, and what was loaded before goes on as it was.
func TestInputRefusedAtLoad(t *testing.T) {
	sandbox(t)
	s := setInputStage(t, badInput{name: "at load"})
	var sdk chain
	first, err := sdk.patiently(s, "bad-app")
	if err != nil {
		t.Fatal(err)
	}
	const role, web = "role_arn = \"" + badRole + "\"\n", "type = \"web-identity\"\ntoken_file = \"DIR/proof\""
	s.write("proof", s.webToken(asUsual))
	for _, row := range []struct{ name, source, profile, key, problem, hint string }{
		{"a chain over an hour", "type = \"profile\"\nprofile = \"fine\"", role + `duration = "2h"`, "profiles.bad.duration", "lasts at most 1 hour: source bad is another profile's session", `write duration = "1h"`},
		{"longer than any role allows", "", role + `duration = "13h"`, "profiles.bad.duration", "is not between 15 minutes and 12 hours", "the role's own maximum counts as well"},
		{"a federation token of a JWT", web, "operation = \"get-federation-token\"\npolicy = '" + readHandbook + "'", "profiles.bad.operation", "get-federation-token needs the long-term keys of an IAM user", "take a source of type"},
		{"a session policy of GetSessionToken", "", "operation = \"get-session-token\"\npolicy = '" + readHandbook + "'", "profiles.bad.policy", "not possible with get-session-token: it takes no session policy", "narrow the session with scope_policy"},
		{"a federation token that may do nothing", "", "operation = \"get-federation-token\"", "profiles.bad.policy", "without a session policy a federated user can do nothing", "allow_no_permissions = true"},
		{"a session token too long", "", role + "minimum_session_token_size = 4097", "profiles.bad.minimum_session_token_size", "must be 0 to 4096, is 4097", ""},
		{"MFA of a JWT", web + "\nmfa_serial = \"" + mfaSerial + "\"", role, "sources.bad.mfa_serial", "belongs to sources of type shared-config, environment, process, keyring, not web-identity", "remove it"},
		{"transitive tags that are none", "", role + `transitive_tags = ["a"]`, "profiles.bad.transitive_tags", `"a" is not among the tags`, "there are no tags"},
	} {
		t.Run(row.name, func(t *testing.T) {
			s.write("vendord.toml", s.config(row.source, row.profile))
			_, err := s.client.Reload(t.Context())
			if s.told(err); err == nil || !strings.Contains(err.Error(), ": "+row.key+": ") || !strings.Contains(err.Error(), row.problem) || !strings.Contains(hintOf(err), row.hint) {
				t.Errorf("Reload: got %v, hint %q, want %s: …%s…, hint with %q", err, hintOf(err), row.key, row.problem, row.hint)
			}
			if got, err := sdk.patiently(s, "bad-app"); err != nil || got != first {
				t.Errorf("SDK: got %q, %v, want %s, which lives", got, err, first)
			}
		})
	}
	s.clock.advance(2 * time.Hour)
	if got, err := sdk.patiently(s, "bad-app"); err != nil || got == first {
		t.Errorf("SDK: got %q, %v, want a new session by the old configuration", got, err)
	}
	s.search()
}

// sandbox keeps the SDK, and the daemon, from what this machine has.
func sandbox(t *testing.T) {
	for name, value := range map[string]string{"AWS_CONFIG_FILE": os.DevNull, "AWS_SHARED_CREDENTIALS_FILE": os.DevNull, "AWS_EC2_METADATA_DISABLED": "true",
		"AWS_ACCESS_KEY_ID": "", "AWS_SECRET_ACCESS_KEY": "", "AWS_SESSION_TOKEN": "", "AWS_PROFILE": "", "AWS_CONTAINER_CREDENTIALS_FULL_URI": "",
		"AWS_CONTAINER_AUTHORIZATION_TOKEN": "", "AWS_WEB_IDENTITY_TOKEN_FILE": "", "HOME": t.TempDir(), "DBUS_SESSION_BUS_ADDRESS": "unix:path=/nowhere"} {
		t.Setenv(name, value)
	}
}
