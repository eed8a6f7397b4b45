package mint_test

import (
	"context"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/vendord/vendord/fakeaws"
	"github.com/vendord/vendord/mint"
	"github.com/vendord/vendord/session"
)

// John's keys in the fake are those of AWS's documentation.
const johnSecret = "wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY"

// fake is an AWS that checks signatures, tokens, clocks, trust and sizes.
func fake(t *testing.T, now func() time.Time) (*fakeaws.Fake, string) {
	t.Helper()
	f, err := fakeaws.New(fakeaws.Config{State: fakeaws.Example(), Now: now})
	if err != nil {
		t.Fatal(err)
	}
	s := httptest.NewServer(f)
	t.Cleanup(s.Close)
	return f, s.URL
}

func johns() mint.Config {
	return mint.Config{Environ: []string{"AWS_ACCESS_KEY_ID=" + keyID, "AWS_SECRET_ACCESS_KEY=" + johnSecret}}
}

const readOnly = `{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Action":["s3:ListBucket","s3:GetObject"],` +
	`"Resource":["arn:aws:s3:::company1-hr","arn:aws:s3:::company1-hr/*"]}]}`

// TestStory: John's session, narrowed by a policy, and who AWS takes it for.
func TestStory(t *testing.T) {
	f, url := fake(t, nil)
	r := request(url)
	r.Policy = readOnly
	got, _ := mustMint(t, johns(), r)
	if got.Principal != "arn:aws:sts::629470240201:assumed-role/JohnUploadRole/john-uploader" || got.AccountID != "629470240201" || got.TokenUse <= 0 {
		t.Errorf("got %s of %s, %d %%", got.Principal, got.AccountID, got.TokenUse)
	}
	calls := f.Journal()
	if len(calls) != 1 || calls[0].Principal != john || calls[0].Parameters["Policy"] != readOnly {
		t.Errorf("AWS saw %+v", calls)
	}
	who, err := mint.WhoAmI(t.Context(), got, "eu-west-1", url)
	if err != nil || who.ARN != got.Principal || who.Account != "629470240201" {
		t.Errorf("WhoAmI: got %+v, %v, want %s", who, err, got.Principal)
	}
}

// TestStoryOfAChild: a session assumes the next role, which trusts its account.
func TestStoryOfAChild(t *testing.T) {
	_, url := fake(t, nil)
	m, _ := newMinter(t, johns())
	r, parent := child(url)
	parent.RoleARN, r.RoleARN = "arn:aws:iam::111122223333:role/SecurityAdminAccess", "arn:aws:iam::111122223333:role/SecurityAdminAccess"
	r.Parent = parent.Canonical()
	c := johns()
	c.Parent = func(ctx context.Context, r session.Request) (*session.Credentials, error) { return m.Mint(ctx, r) }
	r.Duration = 4 * time.Hour
	if got, _ := mustMint(t, c, r); got.Life > time.Hour {
		t.Errorf("life: got %v, want an hour", got.Life)
	}
}

// TestStoryGoesWrong: what the fake refuses as AWS does.
func TestStoryGoesWrong(t *testing.T) {
	tests := map[string]struct {
		environ []string
		change  func(*session.Request)
		class   session.Class
		code    string
		public  string // the beginning
	}{
		"a wrong secret key":                {[]string{"AWS_ACCESS_KEY_ID=" + keyID, "AWS_SECRET_ACCESS_KEY=" + secretKey}, nil, session.Person, "SignatureDoesNotMatch", source + "its secret key does not fit its access key " + keyID},
		"an unknown key":                    {[]string{"AWS_ACCESS_KEY_ID=AKIANOBODYNOBODY0000", "AWS_SECRET_ACCESS_KEY=" + secretKey}, nil, session.Person, "InvalidClientTokenId", source + "AWS does not know its access key AKIANOBODYNOBODY0000"},
		"a role that is not there":          {nil, func(r *session.Request) { r.RoleARN += "x" }, session.Administrator, "AccessDenied", "role " + roleARN + "x: AWS denies sts:AssumeRole to " + john},
		"tags that the trust does not have": {nil, func(r *session.Request) { r.Tags = session.Pairs(map[string]string{"a": "b"}) }, session.Administrator, "AccessDenied", role + "AWS denies sts:TagSession to " + john},
		"longer than the role allows":       {nil, func(r *session.Request) { r.Duration = 2 * time.Hour }, session.Configuration, "ValidationError", role + "AWS refuses a session of 2h: the role allows less"},
		"a policy that is none":             {nil, func(r *session.Request) { r.Policy = `{"Version":"2012-10-17"}` }, session.Configuration, "MalformedPolicyDocument", role + "AWS refuses its session policy: "},
		"a name that is none":               {nil, func(r *session.Request) { r.SessionName = "a b" }, session.Configuration, "ValidationError", role + "AWS refuses the request: "},
		"a policy that is not there": {nil, func(r *session.Request) {
			r.PolicyARNs = session.List([]string{"arn:aws:iam::629470240201:policy/Nope"})
		}, session.Administrator, "InvalidParameterValue", role + "one of its policy_arns does not exist: "},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			_, url := fake(t, nil)
			c := johns()
			if test.environ != nil {
				c.Environ = test.environ
			}
			r := request(url)
			if test.change != nil {
				test.change(&r)
			}
			got := refused(t, c, r)
			if got.Class != test.class || got.Code != test.code || !strings.HasPrefix(got.Public, test.public) {
				t.Errorf("got %v %s %q (%s), want %v %s %q", got.Class, got.Code, got.Public, got.Err, test.class, test.code, test.public)
			}
		})
	}
}

// TestStoryOfBadDays: each fault once, with what it should be taken for.
func TestStoryOfBadDays(t *testing.T) {
	tests := map[fakeaws.FaultKind]struct {
		class session.Class // 0: it passes
		part  string
	}{
		fakeaws.Throttle:     {session.Retry, "asks for fewer requests"},
		fakeaws.ServerError:  {session.Retry, "has trouble of its own"},
		fakeaws.AccessDenied: {session.Administrator, "AWS denies sts:AssumeRole"},
		fakeaws.Skewed:       {session.Person, "this machine's clock"},
		fakeaws.Garbage:      {session.Retry, "its answer cannot be understood (HTTP 200)"},
		fakeaws.Truncated:    {session.Retry, "its answer cannot be understood (HTTP 200)"},
		fakeaws.Reset:        {session.Retry, "the connection broke"},
		fakeaws.Hang:         {session.Retry, "no answer in time"},
		fakeaws.EmptyKey:     {session.Retry, "credentials without a proper access key id"},
		fakeaws.PastExpiry:   {session.Retry, "credentials that had expired already"},
		fakeaws.FarExpiry:    {0, ""},
		fakeaws.ShortLife:    {0, ""},
	}
	for kind, test := range tests {
		t.Run(string(kind), func(t *testing.T) {
			t.Parallel()
			f, url := fake(t, nil)
			f.Inject(fakeaws.Fault{Operation: "AssumeRole", Kind: kind, Life: 30 * time.Minute})
			patience := time.Minute
			if kind == fakeaws.Hang {
				patience = time.Second
			}
			ctx, cancel := context.WithTimeout(t.Context(), patience)
			defer cancel()
			if test.class != 0 {
				if got := refusedWithin(t, ctx, johns(), request(url)); got.Class != test.class || !strings.Contains(got.Public, test.part) {
					t.Errorf("got %v %q, want %v %q", got.Class, got.Public, test.class, test.part)
				}
				return
			}
			got, _ := mustMint(t, johns(), request(url))
			want := map[fakeaws.FaultKind]time.Duration{fakeaws.FarExpiry: time.Hour, fakeaws.ShortLife: 30 * time.Minute}[kind]
			if (got.Life-want).Abs() > 3*time.Second || (time.Until(got.Expires)-want).Abs() > time.Minute {
				t.Errorf("life and expiry: got %v and %v, want %v", got.Life, time.Until(got.Expires), want)
			}
		})
	}
}

// TestStoryWithShiftedClock: the demo's clock goes ahead, for AWS and vendord
// alike, and everything still fits.
func TestStoryWithShiftedClock(t *testing.T) {
	now := func() time.Time { return time.Now().Add(50 * time.Minute) }
	_, url := fake(t, now)
	c := johns()
	c.Now = now
	got, _ := mustMint(t, c, request(url))
	if left := got.Left(now()); got.Skew.Abs() > time.Second || (left-time.Hour).Abs() > 3*time.Second {
		t.Errorf("skew and left: got %v and %v, want none and an hour", got.Skew, left)
	}
}
