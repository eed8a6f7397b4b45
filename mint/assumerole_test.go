package mint_test

import (
	"net/http"
	"net/url"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/vendord/vendord/mint"
	"github.com/vendord/vendord/session"
)

func TestMintSendsExactlyTheRequest(t *testing.T) {
	plain := url.Values{"Action": {"AssumeRole"}, "Version": {"2011-06-15"}, "RoleArn": {roleARN},
		"RoleSessionName": {"john-uploader"}, "DurationSeconds": {"3600"}}
	full := url.Values{"Policy": {`{"Version":"2012-10-17","Statement":[]}`}, "PolicyArns.member.1.arn": {"arn:aws:iam::aws:policy/B"},
		"PolicyArns.member.2.arn": {"arn:aws:iam::aws:policy/A"}, "Tags.member.1.Key": {"app"}, "Tags.member.1.Value": {"up"},
		"Tags.member.2.Key": {"empty"}, "Tags.member.2.Value": {""}, "TransitiveTagKeys.member.1": {"app"}, "ExternalId": {"x-1"},
		"SourceIdentity": {"john"}, "DurationSeconds": {"43200"}}
	for key, value := range plain {
		if _, other := full[key]; !other {
			full[key] = value
		}
	}
	tests := map[string]struct {
		change func(*session.Request)
		want   url.Values
	}{
		"nothing but what is needed":         {func(*session.Request) {}, plain},
		"an hour where no duration is given": {func(r *session.Request) { r.Duration = 0 }, plain},
		"all that a profile can say": {func(r *session.Request) {
			r.Policy, r.PolicyARNs = full.Get("Policy"), session.List([]string{"arn:aws:iam::aws:policy/B", "arn:aws:iam::aws:policy/A"})
			r.Tags = session.Pairs(map[string]string{"app": "up", "empty": ""})
			r.TransitiveTags, r.ExternalID, r.SourceIdentity = session.List([]string{"app"}), "x-1", "john"
			r.Duration = 12 * time.Hour
		}, full},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			sts := newSTS(t, grants)
			r := request(sts.URL)
			test.change(&r)
			mustMint(t, mint.Config{}, r)
			if got := sts.only(t).form; got.Encode() != test.want.Encode() {
				t.Errorf("parameters:\n got %s\nwant %s", got.Encode(), test.want.Encode())
			}
		})
	}
}

func TestMintSaysWhoItIs(t *testing.T) {
	sts := newSTS(t, grants)
	mustMint(t, mint.Config{}, request(sts.URL))
	got := sts.only(t).header
	if agent := got.Get("User-Agent"); !strings.Contains(agent, "app/vendord") {
		t.Errorf("User-Agent: got %q, want app/vendord in it", agent)
	}
	if auth := got.Get("Authorization"); !strings.Contains(auth, "Credential="+keyID+"/") || !strings.Contains(auth, "/eu-west-1/sts/aws4_request") {
		t.Errorf("Authorization: got %q, want it of %s for eu-west-1", auth, keyID)
	}
}

func TestMintReturnsWhatAWSGave(t *testing.T) {
	sts := newSTS(t, grants)
	before := time.Now()
	got, _ := mustMint(t, mint.Config{}, request(sts.URL))
	after := time.Now()
	if secret, token := got.Reveal(); got.KeyID != newKeyID || secret != newSecret || token != newToken {
		t.Error("keys: got others than AWS's")
	}
	if got.Principal != "arn:aws:sts::629470240201:assumed-role/JohnUploadRole/john-uploader" || got.AccountID != "629470240201" {
		t.Errorf("principal and account: got %q and %q", got.Principal, got.AccountID)
	}
	if got.RoleARN != roleARN || got.Region != "eu-west-1" || got.TokenUse != -1 {
		t.Errorf("role, region, use: got %q, %q, %d", got.RoleARN, got.Region, got.TokenUse)
	}
	if got.Minted.Before(before) || got.Minted.After(after) || got.Minted == got.Minted.Round(0) {
		t.Errorf("minted: got %v, want a time with a monotonic reading between %v and %v", got.Minted, before, after)
	}
	if got.Life > time.Hour || got.Life < time.Hour-2*time.Second || got.Skew.Abs() > time.Second {
		t.Errorf("life and skew: got %v and %v, want an hour and none", got.Life, got.Skew)
	}
	if left := got.Left(time.Now()); left > time.Hour || left < time.Hour-3*time.Second {
		t.Errorf("left: got %v, want an hour", left)
	}
}

// TestLife is about the time for which an answer is good, whatever clock it
// was made by.
func TestLife(t *testing.T) {
	const hour = time.Hour
	tests := map[string]struct {
		date    time.Duration // AWS's clock minus ours; 0 no Date header
		expires time.Duration // after our clock
		life    time.Duration
		until   time.Duration // after our clock
		skew    time.Duration
		warned  bool
	}{
		"as asked":                           {0, hour, hour, hour, 0, false},
		"shorter than asked":                 {0, 20 * time.Minute, 20 * time.Minute, 20 * time.Minute, 0, false},
		"a little longer":                    {0, hour + 30*time.Second, hour, hour + 30*time.Second, 0, false},
		"far longer is cut":                  {0, 30 * 24 * hour, hour, hour, 0, true},
		"a second of skew is rounding":       {time.Second, hour, hour, hour, 0, false},
		"our clock is slow":                  {3 * hour, 4 * hour, hour, 4 * hour, 3 * hour, false},
		"our clock is fast":                  {-3 * hour, -2 * hour, hour, -2 * hour, -3 * hour, false},
		"our clock is slow, and far longer":  {3 * hour, 30 * hour, hour, 4 * hour, 3 * hour, true},
		"a Date that the expiry contradicts": {-300 * 24 * hour, hour, hour, hour, 0, false},
		"a Date after the expiry, likewise":  {300 * 24 * hour, hour, hour, hour, 0, false},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			start := time.Now().Truncate(time.Second)
			sts := newSTS(t, func(w http.ResponseWriter, r *http.Request) {
				w.Header()["Date"] = nil
				if test.date != 0 {
					w.Header().Set("Date", start.Add(test.date).UTC().Format(http.TimeFormat))
				}
				says(200, result("AssumeRole", credentials(newKeyID, newSecret, newToken, stamp(start.Add(test.expires)))))(w, r)
			})
			got, log := mustMint(t, mint.Config{}, request(sts.URL))
			near := func(what string, got, want time.Duration) {
				if (got - want).Abs() > 3*time.Second {
					t.Errorf("%s: got %v, want %v", what, got, want)
				}
			}
			near("life", got.Life, test.life)
			near("expires", got.Expires.Sub(start), test.until)
			near("skew", got.Skew, test.skew)
			near("left", got.Left(time.Now()), test.life)
			if got.Life > hour {
				t.Errorf("life: got %v, want at most what was asked", got.Life)
			}
			if warned := strings.Contains(log, "AWS answered with a later expiry than was asked for: cut"); warned != test.warned {
				t.Errorf("warning: got %v, want %v in %s", warned, test.warned, log)
			}
		})
	}
}

// TestShiftedClock mints by a clock that is not the machine's, as the demo
// does: signature, skew and life follow it.
func TestShiftedClock(t *testing.T) {
	now := func() time.Time { return time.Now().Add(8 * time.Hour) }
	sts := newSTS(t, func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("Date", now().UTC().Format(http.TimeFormat))
		says(200, result("AssumeRole", credentials(newKeyID, newSecret, newToken, stamp(now().Add(time.Hour)))))(w, r)
	})
	got, _ := mustMint(t, mint.Config{Now: now}, request(sts.URL))
	signed, err := time.Parse("20060102T150405Z", sts.only(t).header.Get("X-Amz-Date"))
	if err != nil || now().Sub(signed).Abs() > 5*time.Second {
		t.Errorf("signed at %v (%v), want %v", signed, err, now())
	}
	if left := got.Left(now()); got.Skew.Abs() > time.Second || left < 59*time.Minute {
		t.Errorf("skew and left: got %v and %v, want none and an hour", got.Skew, left)
	}
}

// TestWrongClock has a clock that is two hours slow: AWS refuses the first
// signature, and its Date header mends the second.
func TestWrongClock(t *testing.T) {
	sts := newSTS(t, func(w http.ResponseWriter, r *http.Request) {
		signed, _ := time.Parse("20060102T150405Z", r.Header.Get("X-Amz-Date"))
		if time.Since(signed).Abs() > 5*time.Minute {
			refuses(403, "SignatureDoesNotMatch", "Signature expired: 1 is now earlier than 2")(w, r)
			return
		}
		grants(w, r)
	})
	now := func() time.Time { return time.Now().Add(-2 * time.Hour) }
	got, _ := mustMint(t, mint.Config{Now: now}, request(sts.URL))
	if (got.Skew-2*time.Hour).Abs() > 3*time.Second || len(sts.requests()) != 2 {
		t.Errorf("skew %v after %d requests, want 2h after 2", got.Skew, len(sts.requests()))
	}
	if left := got.Left(now()); (left - time.Hour).Abs() > 5*time.Second {
		t.Errorf("left: got %v, want an hour", left)
	}
}

// TestAtOnce: one Minter serves many.
func TestAtOnce(t *testing.T) {
	sts := newSTS(t, grants)
	m, _ := newMinter(t, mint.Config{})
	var all sync.WaitGroup
	for range 16 {
		all.Go(func() {
			if _, err := m.Mint(t.Context(), request(sts.URL)); err != nil {
				t.Error(err)
			}
		})
	}
	all.Wait()
}

// TestPrincipalIsPlain: what a server calls the session ends up in terminals.
func TestPrincipalIsPlain(t *testing.T) {
	sts := newSTS(t, says(200, result("AssumeRole", credentials(newKeyID, newSecret, newToken, stamp(time.Now().Add(time.Hour)))+
		"<AssumedRoleUser><Arn>arn:aws:sts::629470240201:x&#10;y</Arn></AssumedRoleUser>")))
	if got, _ := mustMint(t, mint.Config{}, request(sts.URL)); got.Principal != "" || got.AccountID != "" {
		t.Errorf("principal, account: got %q, %q, want none", got.Principal, got.AccountID)
	}
}

func TestTokenUse(t *testing.T) {
	tests := map[string]struct {
		fields string
		padded int // MinimumSessionTokenSize
		want   int
		warned bool
	}{
		"AWS does not say":    {"", 0, -1, false},
		"the old field":       {"<PackedPolicySize>16</PackedPolicySize>", 0, 16, false},
		"the new one counts":  {"<PackedPolicySize>16</PackedPolicySize><SessionTokenUtilization>42</SessionTokenUtilization>", 0, 42, false},
		"nearly full is said": {"<SessionTokenUtilization>80</SessionTokenUtilization>", 0, 80, true},
		"padding is no load":  {"<SessionTokenUtilization>100</SessionTokenUtilization>", 4096, 100, false},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			sts := newSTS(t, says(200, result("AssumeRole",
				credentials(newKeyID, newSecret, newToken, stamp(time.Now().Add(time.Hour)))+assumedUser+test.fields)))
			r := request(sts.URL)
			r.MinTokenSize = test.padded
			got, log := mustMint(t, mint.Config{}, r)
			warned := strings.Contains(log, "the session token is nearly full: shorten the session policy or the tags")
			if got.TokenUse != test.want || warned != test.warned {
				t.Errorf("use, warning: got %d, %v, want %d, %v", got.TokenUse, warned, test.want, test.warned)
			}
		})
	}
}

func TestOddAnswersAreNoCredentials(t *testing.T) {
	later := stamp(time.Now().Add(time.Hour))
	tests := map[string]struct{ inner, problem string }{
		"no credentials":    {assumedUser, "no credentials"},
		"no key id":         {credentials("", newSecret, newToken, later), "credentials without a proper access key id"},
		"a strange key id":  {credentials("AKIA not a key", newSecret, newToken, later), "credentials without a proper access key id"},
		"no secret key":     {credentials(newKeyID, "", newToken, later), "credentials without a proper secret key"},
		"a broken secret":   {credentials(newKeyID, "CANARY 1", newToken, later), "credentials without a proper secret key"},
		"no token":          {credentials(newKeyID, newSecret, "", later), "credentials without a proper session token"},
		"a line in a token": {credentials(newKeyID, newSecret, "CANARY&#10;1", later), "credentials without a proper session token"},
		"no expiry": {strings.Replace(credentials(newKeyID, newSecret, newToken, ""), "<Expiration></Expiration>", "", 1),
			"credentials without an expiry"},
		"expired": {credentials(newKeyID, newSecret, newToken, stamp(time.Now().Add(-5*time.Second))), "credentials that had expired already"},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			sts := newSTS(t, says(200, result("AssumeRole", test.inner)))
			wantError(t, refused(t, mint.Config{}, request(sts.URL)), session.Retry, "STS at "+sts.URL+": answered with "+test.problem, "")
		})
	}
}

// TestRoleChaining: whoever signs with a session gets an hour at most.
func TestRoleChaining(t *testing.T) {
	sts := newSTS(t, grants)
	r := request(sts.URL)
	r.Duration = 6 * time.Hour
	got, log := mustMint(t, mint.Config{Environ: keysEnviron("AWS_SESSION_TOKEN=CANARYtoken")}, r)
	if asked := sts.only(t).form.Get("DurationSeconds"); asked != "3600" || got.Life > time.Hour {
		t.Errorf("asked for %s s and got %v, want 3600 and an hour", asked, got.Life)
	}
	if sts.only(t).header.Get("X-Amz-Security-Token") != "CANARYtoken" {
		t.Error("the source's session token was not sent")
	}
	if n := strings.Count(log, `session cut to 1h: source \"john\" signs with temporary credentials`); n != 1 {
		t.Errorf("log: got %d lines about it, want 1: %s", n, log)
	}
}

func TestRequestsThatCannotBe(t *testing.T) {
	tests := map[string]struct {
		change        func(*session.Request)
		problem, hint string
	}{
		"another operation": {func(r *session.Request) { r.Operation = "assume-root" }, `operation "assume-root" is not known`,
			"the operations are assume-role, assume-role-with-web-identity, assume-role-with-saml, get-federation-token, get-session-token, get-scoped-credentials, source"},
		"a role for a user's session": {func(r *session.Request) { r.Operation = session.GetSessionToken },
			`role_arn cannot be given with operation "get-session-token"`, "leave it out, then run: vendord reload"},
		"no region": {func(r *session.Request) { r.Region = "" }, `region "" is not the name of a region`,
			`set region in the profile, the source or [daemon], such as "eu-west-1"`},
		"a region that is a host": {func(r *session.Request) { r.Region = "evil.example/#" }, `region "evil.example/#" is not the name of a region`,
			`set region in the profile, the source or [daemon], such as "eu-west-1"`},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			sts := newSTS(t, grants)
			r := request(sts.URL)
			test.change(&r)
			wantError(t, refused(t, mint.Config{}, r), session.Configuration, "role "+roleARN+": "+test.problem, test.hint)
			if n := len(sts.requests()); n != 0 {
				t.Errorf("requests: got %d, want none", n)
			}
		})
	}
}
