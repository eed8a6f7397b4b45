package mint_test

import (
	"net/http"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/vendord/vendord/mint"
	"github.com/vendord/vendord/session"
)

const (
	role   = "role " + roleARN + ": "
	source = `source "john": `
	john   = "arn:aws:iam::629470240201:user/john"

	mend    = "correct the profile, then run: vendord reload"
	replace = "the key was deleted or switched off, lacks its session token, or is of another partition: replace it, then run: vendord reload"
	clock   = "set the clock and keep it set, for example with: timedatectl set-ntp true"
	denied  = "one of: the role's trust policy does not allow sts:AssumeRole to " + john +
		"; the caller's own policies do not; it wants an external_id; there is no such role"
	deniedSource = `one of: the role's trust policy does not allow sts:AssumeRole to source "john"` +
		"; the caller's own policies do not; it wants an external_id; there is no such role"
)

// TestAWSRefuses has one row for each answer of AWS that means something.
// "{sts}" stands for the STS's name.
func TestAWSRefuses(t *testing.T) {
	const (
		config = session.Configuration
		person = session.Person
		admin  = session.Administrator
		retry  = session.Retry
	)
	tests := []struct {
		status       int
		code, text   string
		class        session.Class
		public, hint string
	}{
		{400, "MalformedPolicyDocument", "Syntax error at position (1,12)", config,
			role + "AWS refuses its session policy: Syntax error at position (1,12)", "run: vendord check"},
		{400, "PackedPolicyTooLarge", "Packed policy consumes 118% of allotted space, please use smaller policy.", config,
			role + "its session policy and tags are too large: Packed policy consumes 118% of allotted space, please use smaller policy.",
			"drop Sids, use wildcards, send fewer tags, or move statements into a managed policy (policy_arns)"},
		{400, "ValidationError", "The requested DurationSeconds exceeds the MaxSessionDuration set for this role.", config,
			role + "AWS refuses a session of 1h: the role allows less", "lower duration, or raise the role's maximum session duration in IAM"},
		{400, "ValidationError", "The requested DurationSeconds exceeds the 1 hour session limit for roles assumed by role chaining.", config,
			role + "AWS refuses a session of 1h: from one role to the next it is 1h at most", `set duration = "1h"`},
		{400, "ValidationError", "not-an-arn is invalid", config, role + "AWS refuses the request: not-an-arn is invalid", mend},
		{400, "InvalidParameterValue", "Duplicate tag keys found.", config, role + "AWS refuses the request: Duplicate tag keys found.", mend},
		{400, "InvalidParameterValue", "At least one Policy ARN does not match an existing IAM Managed Policy ARN.", admin,
			role + "one of its policy_arns does not exist: At least one Policy ARN does not match an existing IAM Managed Policy ARN.",
			"correct policy_arns or create the policy; AWS needs some seconds to notice a new one"},
		{400, "MissingParameter", "no RoleArn", config, role + "AWS refuses the request: no RoleArn", mend},
		{403, "RegionDisabledException", "STS is not activated in this region", admin, role + "AWS STS is switched off in eu-west-1 for its account",
			"switch it on (IAM, account settings, STS endpoints), or set another region"},
		{403, "OptInRequired", "needs a subscription", admin, role + `AWS refuses source "john": needs a subscription`,
			"the account, or the region for it, has to be opened by its administrator"},

		{403, "AccessDenied", "User: " + john + " is not authorized to perform: sts:AssumeRole on resource: " + roleARN, admin,
			role + "AWS denies sts:AssumeRole to " + john, denied},
		{403, "AccessDenied", "User: " + john + " is not authorized to perform: sts:AssumeRole on resource: " + roleARN +
			" because no identity-based policy allows the sts:AssumeRole action", admin, role + "AWS denies sts:AssumeRole to " + john,
			"AWS denies it because no identity-based policy allows the sts:AssumeRole action"},
		{403, "AccessDenied", "User: " + john + " is not authorized to perform: sts:AssumeRole on resource: " + roleARN +
			" with an explicit deny in a service control policy", admin, role + "AWS denies sts:AssumeRole to " + john,
			"AWS denies it with an explicit deny in a service control policy"},
		{403, "AccessDenied", "User: " + john + " is not authorized to perform: sts:TagSession on resource: " + roleARN, admin,
			role + "AWS denies sts:TagSession to " + john, strings.ReplaceAll(denied, "sts:AssumeRole", "sts:TagSession")},
		{403, "AccessDenied", "Not authorized", admin, role + `AWS denies sts:AssumeRole to source "john": Not authorized`, deniedSource},
		{403, "AccessDenied", "User: " + john + " is not authorized to perform: sts:AssumeRole on resource: arn:aws:iam::1:role/MultiFactorAuthentication", admin,
			role + "AWS denies sts:AssumeRole to " + john, denied},
		{403, "AccessDenied", "Roles may not be assumed by root accounts.", config,
			source + "its keys are those of the root user, who cannot assume roles", "use the keys of an IAM user or role"},
		{403, "AccessDenied", "MultiFactorAuthentication failed, must provide both MFA serial number and one time pass code.", person,
			role + "AWS wants MFA: MultiFactorAuthentication failed, must provide both MFA serial number and one time pass code.",
			"set mfa_serial in the source or the profile"},

		{403, "ExpiredToken", "The security token included in the request is expired", person, source + "its session has expired",
			"renew it where it comes from, then run: vendord reload"},
		{400, "ExpiredTokenException", "expired", person, source + "its session has expired",
			"renew it where it comes from, then run: vendord reload"},
		{403, "InvalidClientTokenId", "The security token included in the request is invalid.", person,
			source + "AWS does not know its access key " + keyID, replace},
		{403, "UnrecognizedClientException", "invalid", person, source + "AWS does not know its access key " + keyID, replace},
		{403, "SignatureDoesNotMatch", "The request signature we calculated does not match", person,
			source + "its secret key does not fit its access key " + keyID, "correct the secret key, then run: vendord reload"},
		{400, "IncompleteSignature", "odd", person, source + "its secret key does not fit its access key " + keyID,
			"correct the secret key, then run: vendord reload"},
		{403, "SignatureDoesNotMatch", "Signature expired: 20261121T100000Z is now earlier than 20261121T110000Z", person,
			"this machine's clock: differs from AWS's by more than AWS allows", clock},
		{403, "SignatureDoesNotMatch", "Signature not yet current: 20261121T100000Z", person,
			"this machine's clock: differs from AWS's by more than AWS allows", clock},
		{400, "RequestExpired", "Request has expired", person, "this machine's clock: differs from AWS's by more than AWS allows", clock},

		{403, "MissingAuthenticationToken", "Request is missing Authentication Token", retry, "{sts}: says that the request was not signed",
			"a proxy may take out the Authorization header"},
		{400, "InvalidAction", "Could not find operation AssumeRole", config,
			"{sts}: does not understand the request: Could not find operation AssumeRole", "sts_endpoint must be the address of an STS"},
		{400, "Throttling", "Rate exceeded", retry, "{sts}: asks for fewer requests: Rate exceeded", ""},
		{503, "RequestLimitExceeded", "Rate exceeded", retry, "{sts}: asks for fewer requests: Rate exceeded", ""},
		{429, "SomethingNew", "slower", retry, "{sts}: asks for fewer requests: slower", ""},
		{500, "InternalFailure", "We are looking into it", retry, "{sts}: has trouble of its own: We are looking into it", ""},
		{400, "RequestTimeout", "too slow", retry, "{sts}: has trouble of its own: too slow", ""},
		{503, "Odd", "later", retry, "{sts}: has trouble of its own: HTTP 503 Odd", ""},

		// What nobody has seen yet.
		{403, "BrandNew", "no", admin, role + `AWS refuses source "john" (HTTP 403 BrandNew): no`, deniedSource},
		{401, "BrandNew", "no", admin, role + `AWS refuses source "john" (HTTP 401 BrandNew): no`, deniedSource},
		{400, "BrandNew", "no", config, role + "AWS refuses the request (HTTP 400 BrandNew): no", mend},
		{302, "BrandNew", "over there", retry, "{sts}: has trouble of its own: HTTP 302 BrandNew", ""},
	}
	for _, test := range tests {
		t.Run(test.code+" "+test.text, func(t *testing.T) {
			t.Parallel()
			sts := newSTS(t, refuses(test.status, test.code, test.text))
			got := refused(t, mint.Config{}, request(sts.URL))
			wantError(t, got, test.class, strings.Replace(test.public, "{sts}", "STS at "+sts.URL, 1), test.hint)
			if got.Code != test.code {
				t.Errorf("code: got %q, want %q", got.Code, test.code)
			}
			if got.Err == nil || !strings.HasPrefix(got.Err.Error(), "STS at "+sts.URL+" answered HTTP ") {
				t.Errorf("cause: got %v, want who answered", got.Err)
			}
		})
	}
}

// TestDenialNamesWhatWasUsed: only what the profile uses can be missing.
func TestDenialNamesWhatWasUsed(t *testing.T) {
	sts := newSTS(t, refuses(403, "AccessDenied", "User: "+john+" is not authorized to perform: sts:AssumeRole on resource: "+roleARN))
	r := request(sts.URL)
	r.ExternalID, r.SourceIdentity, r.Tags = "x-1", "john", session.Pairs(map[string]string{"app": "up"})
	wantError(t, refused(t, mint.Config{}, r), session.Administrator, role+"AWS denies sts:AssumeRole to "+john,
		"one of: the role's trust policy does not allow sts:AssumeRole to "+john+"; the caller's own policies do not; "+
			"external_id is not the one that it wants; sts:TagSession is not allowed too, for tags; "+
			"sts:SetSourceIdentity is not allowed too, for source_identity; there is no such role")
}

// TestClockNamesTheDifference: the skew is told where AWS's Date is known. An
// AWS that does not take the mended signature either is asked twice.
func TestClockNamesTheDifference(t *testing.T) {
	for want, off := range map[string]time.Duration{"is 3h behind AWS's": 3 * time.Hour, "is 26m ahead of AWS's": -26 * time.Minute} {
		t.Run(want, func(t *testing.T) {
			calls := 0
			sts := newSTS(t, func(w http.ResponseWriter, r *http.Request) {
				calls++
				w.Header().Set("Date", time.Now().Add(off).UTC().Format(http.TimeFormat))
				refuses(400, "RequestExpired", "Request has expired")(w, r)
			})
			wantError(t, refused(t, mint.Config{}, request(sts.URL)), session.Person, "this machine's clock: "+want, clock)
			if calls != 2 {
				t.Errorf("calls: got %d, want 2", calls)
			}
		})
	}
}

// TestASleepIsNoClock: a request that was signed before the machine slept is
// signed again, and if the machine falls asleep each time, nobody is told to set
// a clock.
func TestASleepIsNoClock(t *testing.T) {
	var slept atomic.Int64
	calls := 0
	sts := newSTS(t, func(w http.ResponseWriter, r *http.Request) {
		calls++
		slept.Add(int64(2 * time.Hour))
		w.Header().Set("Date", time.Now().Add(time.Duration(slept.Load())).UTC().Format(http.TimeFormat))
		refuses(403, "SignatureDoesNotMatch", "Signature expired: 20261121T100000Z is now earlier than 20261121T110000Z")(w, r)
	})
	now := func() time.Time { return time.Now().Add(time.Duration(slept.Load())) }
	wantError(t, refused(t, mint.Config{Now: now}, request(sts.URL)), session.Retry,
		"STS at "+sts.URL+": the request was too long on its way", "")
	if calls != 3 {
		t.Errorf("calls: got %d, want 3", calls)
	}
}

// TestQuotedTextIsTamed: what a server says cannot move the cursor, forge lines
// or fill the screen.
func TestQuotedTextIsTamed(t *testing.T) {
	for name, test := range map[string]struct{ text, want string }{
		"control characters": {"a&#10;b&#9;c\u009b31m \u2028 d\u202e", "a b c 31m d"},
		"invalid UTF-8":      {"a\xffb", "its answer cannot be understood (HTTP 400)"}, // XML itself refuses it
		"too much":           {strings.Repeat("x", 200), strings.Repeat("x", 149) + "…"},
		"our own braces":     {"{key} {causes}", "{key} {causes}"},
	} {
		t.Run(name, func(t *testing.T) {
			sts := newSTS(t, refuses(400, "ValidationError", test.text))
			if got := refused(t, mint.Config{}, request(sts.URL)); !strings.HasSuffix(got.Public, ": "+test.want) {
				t.Errorf("public line: got %q, want it to end in %q", got.Public, test.want)
			}
		})
	}
}

// TestRetries counts attempts: one more for what passes, none for a refusal.
func TestRetries(t *testing.T) {
	for name, test := range map[string]struct {
		status int
		code   string
		want   int
	}{
		"throttled":     {400, "Throttling", 3},
		"broken":        {500, "InternalFailure", 3},
		"denied":        {403, "AccessDenied", 1},
		"not valid":     {400, "ValidationError", 1},
		"wrong secret":  {403, "SignatureDoesNotMatch", 1},
		"expired":       {400, "ExpiredTokenException", 1},
		"not our clock": {400, "RequestExpired", 1},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			sts := newSTS(t, refuses(test.status, test.code, "no"))
			refused(t, mint.Config{}, request(sts.URL))
			if got := len(sts.requests()); got != test.want {
				t.Errorf("attempts: got %d, want %d", got, test.want)
			}
		})
	}
}

func TestRetrySucceeds(t *testing.T) {
	calls := 0
	sts := newSTS(t, func(w http.ResponseWriter, r *http.Request) {
		if calls++; calls < 3 {
			says(503, "<html>busy")(w, r)
			return
		}
		grants(w, r)
	})
	mustMint(t, mint.Config{}, request(sts.URL))
}
