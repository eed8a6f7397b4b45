package mint_test

import (
	"context"
	"crypto/tls"
	"net"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"testing"
	"time"

	"github.com/vendord/vendord/mint"
	"github.com/vendord/vendord/session"
)

const parentKey = "ASIAPARENTPARENT0000"

// parentOf lives for as long as a test says.
func parentOf(left time.Duration) func(context.Context, session.Request) (*session.Credentials, error) {
	return func(context.Context, session.Request) (*session.Credentials, error) {
		c := session.NewCredentials(parentKey, "CANARY/ParentSecret", "CANARY/ParentToken", time.Now().Add(left+time.Second)) // whole seconds are kept of it
		c.Minted, c.Life, c.AccountID = time.Now(), left, "629470240201"
		c.Principal = "arn:aws:sts::629470240201:assumed-role/JohnUploadRole/parent"
		return c, nil
	}
}

// scoping is a request that scopes the session of the role.
func scoping(endpoint string) session.Request {
	r := request(endpoint)
	return session.Request{Source: r.Source, Parent: r.Canonical(), Operation: session.GetScopedCredentials, RoleARN: roleARN, Policy: readOnly,
		Region: "eu-west-1", Endpoint: endpoint}
}

// scopes answers with credentials for so long.
func scopes(life time.Duration, more string) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		says(200, result("GetScopedCredentials", credentials(newKeyID, newSecret, newToken, stamp(time.Now().Add(life)))+more))(w, r)
	}
}

// TestScopeSendsExactlyTheRequest: signed by the parent, with a duration only
// where it is surely shorter than the parent's life, and never without both.
func TestScopeSendsExactlyTheRequest(t *testing.T) {
	hostile(t)
	tests := map[string]struct {
		policy string
		wanted time.Duration
		left   time.Duration
		size   int
		want   url.Values
	}{
		"a policy":                        {readOnly, 0, time.Hour, 0, url.Values{"Policy": {readOnly}}},
		"a policy and a duration":         {readOnly, 30 * time.Minute, time.Hour, 0, url.Values{"Policy": {readOnly}, "DurationSeconds": {"1800"}}},
		"a large token":                   {readOnly, 0, time.Hour, 4096, url.Values{"Policy": {readOnly}, "MinimumSessionTokenSize": {"4096"}}},
		"one second":                      {readOnly, time.Second, time.Hour, 0, url.Values{"Policy": {readOnly}, "DurationSeconds": {"1"}}},
		"as long as the parent":           {readOnly, time.Hour, time.Hour, 0, url.Values{"Policy": {readOnly}}},
		"nearly as long":                  {readOnly, 59*time.Minute + 30*time.Second, time.Hour, 0, url.Values{"Policy": {readOnly}, "DurationSeconds": {"3539"}}},
		"seconds, of a parent of seconds": {readOnly, 10 * time.Second, 20 * time.Second, 0, url.Values{"Policy": {readOnly}, "DurationSeconds": {"1"}}},
		"longer than the parent":          {readOnly, 8 * time.Hour, time.Hour, 0, url.Values{"Policy": {readOnly}}},
		"a duration alone":                {"", 30 * time.Minute, time.Hour, 0, url.Values{"DurationSeconds": {"1800"}}},
		"a duration alone, far too long":  {"", 8 * time.Hour, time.Hour, 0, url.Values{"DurationSeconds": {"3539"}}},
		"a parent of seconds":             {readOnly, 0, 20 * time.Second, 0, url.Values{"Policy": {readOnly}}},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			sts := newSTS(t, scopes(10*time.Second, ""))
			r := scoping(sts.URL)
			r.Policy, r.Duration, r.MinTokenSize = test.policy, test.wanted, test.size
			mustMint(t, mint.Config{Parent: parentOf(test.left)}, r)
			got := sts.only(t)
			test.want["Action"], test.want["Version"] = []string{"GetScopedCredentials"}, []string{"2011-06-15"}
			if got.form.Encode() != test.want.Encode() {
				t.Errorf("parameters:\n got %s\nwant %s", got.form.Encode(), test.want.Encode())
			}
			if auth := got.header.Get("Authorization"); !strings.Contains(auth, "Credential="+parentKey+"/") || !strings.Contains(auth, "/eu-west-1/sts/aws4_request") ||
				got.header.Get("X-Amz-Security-Token") != "CANARY/ParentToken" || !strings.Contains(got.header.Get("User-Agent"), "app/vendord") {
				t.Errorf("headers: got %v, want them of the parent's session", got.header)
			}
		})
	}
}

// TestScopeLife: never later than the parent, nor than asked, whatever AWS says.
func TestScopeLife(t *testing.T) {
	for name, test := range map[string]struct{ wanted, left, given, want time.Duration }{
		"inherited":                       {0, time.Hour, time.Hour, time.Hour},
		"inherited, from a long parent":   {0, 36 * time.Hour, 36 * time.Hour, 36 * time.Hour},
		"inherited, and longer":           {0, time.Hour, 12 * time.Hour, time.Hour},
		"inherited, and a little longer":  {0, time.Hour, time.Hour + 30*time.Second, time.Hour},
		"shorter than the parent":         {30 * time.Minute, time.Hour, 30 * time.Minute, 30 * time.Minute},
		"asked for less, and given more":  {30 * time.Minute, time.Hour, time.Hour, 30 * time.Minute},
		"a little less than is left":      {time.Hour, time.Hour + 30*time.Second, time.Hour + 30*time.Second, time.Hour - 30*time.Second},
		"asked for more than is left":     {8 * time.Hour, time.Hour, time.Hour, time.Hour},
		"given less than was asked for":   {30 * time.Minute, time.Hour, 10 * time.Minute, 10 * time.Minute},
		"a parent that ends in a moment":  {0, 20 * time.Second, 20 * time.Second, 20 * time.Second},
		"longer than a parent that is on": {0, 5 * time.Minute, time.Hour, 5 * time.Minute},
	} {
		t.Run(name, func(t *testing.T) {
			sts := newSTS(t, scopes(test.given, ""))
			r := scoping(sts.URL)
			r.Duration = test.wanted
			end := time.Now().Add(test.left)
			got, _ := mustMint(t, mint.Config{Parent: parentOf(test.left)}, r)
			if (got.Life-test.want).Abs() > 3*time.Second || got.Life > test.want+time.Second {
				t.Errorf("life: got %v, want %v", got.Life, test.want)
			}
			if got.Expires.After(end.Add(time.Second)) {
				t.Errorf("expires: got %v, which is %v after the parent", got.Expires, got.Expires.Sub(end))
			}
		})
	}
}

// TestScopeReadsLeniently: little is known of the answer, so only the credentials
// must be there, once, anywhere in the result.
func TestScopeReadsLeniently(t *testing.T) {
	good := credentials(newKeyID, newSecret, newToken, stamp(time.Now().Add(time.Hour)))
	const own = "arn:aws:sts::111122223333:assumed-role/Other/own"
	inherited := "arn:aws:sts::629470240201:assumed-role/JohnUploadRole/parent"
	for name, test := range map[string]struct {
		body, principal, account string
		use                      int
	}{
		"as it may be":          {result("GetScopedCredentials", good+"<ScopedSession><Arn>"+own+"</Arn><ScopedSessionId>x</ScopedSessionId></ScopedSession><SessionTokenSize>99</SessionTokenSize><SessionTokenUtilization>42</SessionTokenUtilization>"), own, "111122223333", 42},
		"and no more":           {result("GetScopedCredentials", good), inherited, "629470240201", -1},
		"deeper":                {result("GetScopedCredentials", "<ScopedSession><Arn>"+own+"</Arn><Inner>"+good+"</Inner></ScopedSession>"), own, "111122223333", -1},
		"of another name":       {strings.ReplaceAll(result("GetScopedCredentials", good), "GetScopedCredentialsResult", "ScopeResult"), inherited, "629470240201", -1},
		"an odd use":            {result("GetScopedCredentials", good+"<SessionTokenUtilization>4000</SessionTokenUtilization>"), inherited, "629470240201", -1},
		"an ARN that is no ARN": {result("GetScopedCredentials", good+"<ScopedSession><Arn>a &#9;[2J b</Arn></ScopedSession>"), "", "629470240201", -1},
		"sixteen kibibytes":     {strings.Replace(result("GetScopedCredentials", good), newToken, strings.Repeat("CANARY0/", 2048), 1), inherited, "629470240201", -1},
	} {
		t.Run(name, func(t *testing.T) {
			sts := newSTS(t, says(200, test.body))
			got, _ := mustMint(t, mint.Config{Parent: parentOf(time.Hour)}, scoping(sts.URL))
			if got.Principal != test.principal || got.AccountID != test.account || got.TokenUse != test.use || got.KeyID != newKeyID || got.RoleARN != roleARN {
				t.Errorf("got %q of %q, %d %%, key %s", got.Principal, got.AccountID, got.TokenUse, got.KeyID)
			}
		})
	}
}

// TestScopeFailsClosed: whatever AWS answers, the parent's credentials are not
// handed out.
func TestScopeFailsClosed(t *testing.T) {
	const scopedRole = role
	later := stamp(time.Now().Add(time.Hour))
	good := credentials(newKeyID, newSecret, newToken, later)
	gave := func(inner string) string { return result("GetScopedCredentials", inner) }
	const notTold = "its answer cannot be understood (HTTP 200)"
	tests := map[string]struct {
		status       int
		body         string
		class        session.Class
		public, hint string
	}{
		"the endpoint does not know it": {400, errorXML("InvalidAction", "Could not find operation"), session.Configuration, "{sts}: does not know GetScopedCredentials",
			"it is new, and not everywhere: set another region, or leave out scope_policy and scope_duration"},
		"not allowed": {403, errorXML("AccessDenied", "User: arn:x is not authorized to perform: sts:GetScopedCredentials"), session.Administrator, scopedRole + "AWS denies sts:GetScopedCredentials to arn:x",
			"the policies of the session to scope must allow sts:GetScopedCredentials, and the root user's sessions may not be scoped"},
		"a refusal nobody knows": {400, errorXML("RecursionLimit", "no"), session.Configuration, scopedRole + "AWS refuses the request (HTTP 400 RecursionLimit): no", mend},
		"a bad policy":           {400, errorXML("MalformedPolicyDocument", "odd"), session.Configuration, scopedRole + "AWS refuses its session policy: odd", "run: vendord check"},
		"too long":               {403, errorXML("SessionDurationEscalationException", "x"), session.Configuration, scopedRole + "AWS refuses a session of 1h: its parent's is shorter", "lower scope_duration"},
		"the region is off":      {403, errorXML("RegionDisabledException", "x"), session.Administrator, scopedRole + "AWS STS is switched off in eu-west-1 for its account", "switch it on (IAM, account settings, STS endpoints), or set another region"},
		"the parent is dead":     {400, errorXML("ExpiredTokenException", "x"), session.Retry, "parent " + role + "its session has expired", "vendord renews it by itself"},
		"the parent is echoed":   {400, errorXML("ValidationError", "CANARY/ParentToken CANARY/ParentSecret"), session.Configuration, scopedRole + "AWS refuses the request: [redacted] [redacted]", mend},
		"a page":                 {200, "<html><body>Welcome", session.Retry, "{sts}: " + notTold, notAWS},
		"a page that refuses": {403, "<html><body>No</body></html>", session.Administrator, scopedRole + "AWS refuses parent role " + roleARN + " (HTTP 403 UnknownError): ",
			"the policies of the session to scope must allow sts:GetScopedCredentials, and the root user's sessions may not be scoped"},
		"nothing":                   {200, "", session.Retry, "{sts}: " + notTold, notAWS},
		"two documents":             {200, gave(good) + gave(good), session.Retry, "{sts}: " + notTold, notAWS},
		"two sets of credentials":   {200, gave(good + good), session.Retry, "{sts}: answered with no credentials", ""},
		"two keys":                  {200, gave(strings.Replace(good, "<AccessKeyId>", "<AccessKeyId>X</AccessKeyId><AccessKeyId>", 1)), session.Retry, "{sts}: answered with credentials without a proper access key id", ""},
		"credentials of no result":  {200, "<GetScopedCredentialsResponse>" + good + "</GetScopedCredentialsResponse>", session.Retry, "{sts}: answered with no credentials", ""},
		"no expiry":                 {200, gave(credentials(newKeyID, newSecret, newToken, "")), session.Retry, "{sts}: answered with credentials without an expiry", ""},
		"an expiry that is none":    {200, gave(credentials(newKeyID, newSecret, newToken, "soon")), session.Retry, "{sts}: answered with credentials without an expiry", ""},
		"expired":                   {200, gave(credentials(newKeyID, newSecret, newToken, stamp(time.Now().Add(-time.Minute)))), session.Retry, "{sts}: answered with credentials that had expired already", ""},
		"the parent's key":          {200, gave(credentials(parentKey, newSecret, newToken, later)), session.Retry, "{sts}: answered with the credentials that it was asked with, which are not scoped", ""},
		"the parent's token":        {200, gave(credentials(newKeyID, newSecret, "CANARY/ParentToken", later)), session.Retry, "{sts}: answered with the credentials that it was asked with, which are not scoped", ""},
		"a refusal with status 200": {200, errorXML("AccessDenied", "CANARY"), session.Retry, "{sts}: answered with no credentials", ""},
		"a bomb of elements":        {200, "<a>" + strings.Repeat("<b/>", 20_000) + "</a>", session.Retry, "{sts}: " + notTold, notAWS},
		"a deep hole":               {200, strings.Repeat("<a>", 50) + strings.Repeat("</a>", 50), session.Retry, "{sts}: " + notTold, notAWS},
		"more than a mebibyte":      {200, "<a>" + strings.Repeat("CANARY ", 200_000), session.Retry, "{sts}: its answer is longer than 1 MiB", "is that really AWS?"},
		"a gateway":                 {502, "<html>", session.Retry, "{sts}: has trouble of its own: HTTP 502", ""},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			sts := newSTS(t, says(test.status, test.body))
			got := refused(t, mint.Config{Parent: parentOf(time.Hour)}, scoping(sts.URL))
			wantError(t, got, test.class, strings.Replace(test.public, "{sts}", "STS at "+sts.URL, 1), test.hint)
		})
	}
}

// TestScopeThatCannotBe: what would widen, or not narrow, is not even asked for.
func TestScopeThatCannotBe(t *testing.T) {
	chained := func(r *session.Request) { r.Parent = scoping(r.Endpoint).Canonical() }
	for name, test := range map[string]struct {
		change       func(*session.Request)
		left         time.Duration
		class        session.Class
		public, hint string
	}{
		"a scope of a scope": {chained, time.Hour, session.Configuration, role + "its parent session is scoped already, and vendord scopes once", "put both policies into one scope_policy"},
		"a scope of a source that hands on a scope": {func(r *session.Request) {
			handed := session.Request{Source: session.Source{Name: "p", Type: session.ParentProfile}, Operation: session.SourceItself, Parent: scoping("").Canonical(), Region: "eu-west-1"}
			r.Parent = handed.Canonical()
		}, time.Hour, session.Configuration, role + "its parent session is scoped already, and vendord scopes once", "put both policies into one scope_policy"},
		"no parent": {func(r *session.Request) { r.Parent = "" }, time.Hour, session.Configuration, role + "there is no session to scope",
			"scope_policy and scope_duration narrow what the profile would give without them"},
		"nothing to scope with": {func(r *session.Request) { r.Policy = "" }, time.Hour, session.Configuration, role + "neither scope_policy nor scope_duration says how to scope it", "set one of them, or both"},
		"the global endpoint":   {func(r *session.Request) { r.Region = "aws-global" }, time.Hour, session.Configuration, role + `scoped credentials come from a region's own STS, and "aws-global" is none`, `set region, such as "eu-west-1"`},
		"no region":             {func(r *session.Request) { r.Region = "" }, time.Hour, session.Configuration, role + `region "" is not the name of a region`, `set region in the profile, the source or [daemon], such as "eu-west-1"`},
		"a parent that is over": {func(*session.Request) {}, -time.Second, session.Retry, role + "the session to scope has almost expired", "vendord renews it by itself"},
		"a parent that cannot be shortened": {func(r *session.Request) { r.Policy, r.Duration = "", time.Minute }, 61 * time.Second, session.Retry,
			role + "the session to scope has almost expired", "vendord renews it by itself"},
	} {
		t.Run(name, func(t *testing.T) {
			sts := newSTS(t, scopes(time.Hour, ""))
			r := scoping(sts.URL)
			test.change(&r)
			wantError(t, refused(t, mint.Config{Parent: parentOf(test.left)}, r), test.class, test.public, test.hint)
			if n := len(sts.requests()); n != 0 {
				t.Errorf("requests: got %d, want none", n)
			}
		})
	}
}

// TestScopeTriesAgain as the SDK's operations do: after what passes, with a clock
// that AWS corrected, and not after a refusal.
func TestScopeTriesAgain(t *testing.T) {
	calls := 0
	sts := newSTS(t, func(w http.ResponseWriter, r *http.Request) {
		switch calls++; calls {
		case 1:
			refuses(400, "Throttling", "slower")(w, r)
		case 2:
			panic(http.ErrAbortHandler)
		default:
			scopes(time.Hour, "")(w, r)
		}
	})
	mustMint(t, mint.Config{Parent: parentOf(time.Hour)}, scoping(sts.URL))

	sts = newSTS(t, func(w http.ResponseWriter, r *http.Request) {
		signed, _ := time.Parse("20060102T150405Z", r.Header.Get("X-Amz-Date"))
		if time.Since(signed).Abs() > 5*time.Minute {
			refuses(403, "SignatureDoesNotMatch", "Signature expired: 1 is now earlier than 2")(w, r)
			return
		}
		scopes(time.Hour, "")(w, r)
	})
	slow := func() time.Time { return time.Now().Add(-2 * time.Hour) }
	parent := func(context.Context, session.Request) (*session.Credentials, error) {
		c := session.NewCredentials(parentKey, "CANARY/ParentSecret", "CANARY/ParentToken", time.Now().Add(time.Hour))
		c.Minted, c.Life, c.Skew = slow(), time.Hour, 2*time.Hour
		return c, nil
	}
	got, _ := mustMint(t, mint.Config{Parent: parent, Now: slow}, scoping(sts.URL))
	if left := got.Left(slow()); (left-time.Hour).Abs() > 5*time.Second || len(sts.requests()) != 2 {
		t.Errorf("left: got %v after %d requests, want an hour after 2", left, len(sts.requests()))
	}

	ctx, cancel := context.WithTimeout(t.Context(), 300*time.Millisecond)
	defer cancel()
	over := make(chan struct{}) // not ctx's end: an answer can come before its asker has seen that
	sts = newSTS(t, func(http.ResponseWriter, *http.Request) { <-over })
	t.Cleanup(func() { close(over) })
	wantError(t, refusedWithin(t, ctx, mint.Config{Parent: parentOf(time.Hour)}, scoping(sts.URL)), session.Retry, "STS at "+sts.URL+": no answer in time", "")
}

// TestScopeAsksTheRegion: the region's own STS, of its partition.
func TestScopeAsksTheRegion(t *testing.T) {
	for region, want := range map[string]string{"eu-west-1": "sts.eu-west-1.amazonaws.com", "us-east-1": "sts.us-east-1.amazonaws.com", "cn-north-1": "sts.cn-north-1.amazonaws.com.cn"} {
		asked := ""
		s := httptest.NewTLSServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			asked = r.Host + r.URL.Path
			scopes(time.Hour, "")(w, r)
		}))
		client := &http.Client{Transport: &http.Transport{TLSClientConfig: &tls.Config{InsecureSkipVerify: true}, DialContext: func(ctx context.Context, _, _ string) (net.Conn, error) {
			return (&net.Dialer{}).DialContext(ctx, "tcp", s.Listener.Addr().String())
		}}}
		r := scoping("")
		r.Region = region
		mustMint(t, mint.Config{Parent: parentOf(time.Hour), HTTP: client}, r)
		s.Close()
		if asked != want+"/" {
			t.Errorf("%s: asked %s, want %s/", region, asked, want)
		}
	}
}
