package mint_test

import (
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/vendord/vendord/mint"
	"github.com/vendord/vendord/session"
)

func TestWhoAmI(t *testing.T) {
	hostile(t)
	sts := newSTS(t, func(w http.ResponseWriter, r *http.Request) {
		says(200, result("GetCallerIdentity", "<Arn>"+john+"</Arn><UserId>AIDAEXAMPLE</UserId><Account>629470240201</Account>"))(w, r)
	})
	got, err := mint.WhoAmI(t.Context(), session.NewCredentials(keyID, secretKey, "CANARYt", time.Now().Add(time.Hour)), "eu-west-1", sts.URL)
	if want := (mint.Caller{Account: "629470240201", ARN: john, UserID: "AIDAEXAMPLE"}); err != nil || got != want {
		t.Errorf("WhoAmI: got %+v, %v, want %+v", got, err, want)
	}
	sent := sts.only(t)
	if !strings.Contains(sent.header.Get("Authorization"), "Credential="+keyID+"/") || sent.header.Get("X-Amz-Security-Token") != "CANARYt" ||
		!strings.Contains(sent.header.Get("User-Agent"), "app/vendord") {
		t.Errorf("sent %v", sent.header)
	}
}

func TestWhoAmIFails(t *testing.T) {
	live := session.NewCredentials(keyID, secretKey, "CANARYt", time.Now().Add(time.Hour))
	tests := map[string]struct {
		c            *session.Credentials
		answer       http.HandlerFunc
		class        session.Class
		public, hint string
	}{
		"no credentials":  {nil, grants, session.Configuration, "whoami: there are no credentials", ""},
		"empty ones":      {session.NewCredentials("", "", "", time.Time{}), grants, session.Configuration, "whoami: there are no credentials", ""},
		"a damaged token": {session.NewCredentials(keyID, secretKey, "CANARY t", time.Time{}), grants, session.Person, "credentials " + keyID + ": its session token is empty or has characters that no key has", "a quote, a blank or a line break may have been copied along; then run: vendord reload"},
		"unknown to AWS":  {live, refuses(403, "InvalidClientTokenId", "invalid"), session.Person, "credentials " + keyID + ": AWS does not know its access key " + keyID, replace},
		"no caller in it": {live, says(200, result("GetCallerIdentity", "<Arn></Arn>")), session.Retry, "{sts}: answered with no caller", ""},
		"a page":          {live, says(200, "<html><br>"), session.Retry, "{sts}: its answer cannot be understood (HTTP 200)", notAWS},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			sts := newSTS(t, test.answer)
			_, err := mint.WhoAmI(t.Context(), test.c, "eu-west-1", sts.URL)
			got := session.AsError(err)
			if got == nil {
				t.Fatal("WhoAmI: got no failure")
			}
			wantError(t, got, test.class, strings.Replace(test.public, "{sts}", "STS at "+sts.URL, 1), test.hint)
			noSecrets(t, "", got)
		})
	}
	_, err := mint.WhoAmI(t.Context(), live, "not a region", "")
	wantError(t, session.AsError(err), session.Configuration, "credentials "+keyID+`: region "not a region" is not the name of a region`,
		`set region in the profile, the source or [daemon], such as "eu-west-1"`)
}
