package server

import (
	"encoding/json"
	"strings"
	"testing"
	"time"

	"github.com/vendord/vendord/session"
)

// FuzzSessionToken shows sessions any token: only what they made is good, for whom they
// made it, as long as they said.
func FuzzSessionToken(f *testing.F) {
	s := newSessions([]byte("0123456789abcdef0123456789abcdef"))
	now := time.UnixMilli(1_800_000_000_000)
	john := holder{1000, "web"}
	good := s.issue(john, now.Add(time.Minute))
	for _, seed := range []string{"", good, good[:55], good + "A", strings.Repeat("A", 56), good[:10] + "\n" + good[11:], strings.Repeat("=", 56)} {
		f.Add(seed, uint32(1000), "web", int64(0))
	}
	f.Add(good, uint32(1001), "web", int64(0))
	f.Add(good, uint32(1000), "", int64(0))
	f.Add(good, uint32(1000), "web", int64(time.Minute))
	f.Fuzz(func(t *testing.T, token string, uid uint32, app string, passed int64) {
		at := now.Add(time.Duration(passed))
		left := s.left(holder{uid, app}, token, at)
		want := time.Duration(0)
		if token == good && (holder{uid, app}) == john && passed < int64(time.Minute) && at.After(now.Add(-longestSession)) {
			want = time.Minute - time.Duration(passed)
		}
		if left != want {
			t.Errorf("left(%d %q, %q) after %v: got %v, want %v", uid, app, token, time.Duration(passed), left, want)
		}
		mine := s.issue(holder{uid, app}, at.Add(time.Hour))
		if left := s.left(holder{uid, app}, mine, at); left <= 59*time.Minute || left > time.Hour {
			t.Errorf("left of %q: got %v, want an hour", mine, left)
		}
	})
}

// FuzzMetadataPath finds what is at any path: what is found is found again with one slash
// more or less at its end, and no role has a name that no profile could have.
func FuzzMetadataPath(f *testing.F) {
	for path := range facts {
		f.Add("/latest/" + path)
	}
	for _, seed := range []string{"/", "//", "/latest", "/latest//", "/latest/api/token", "/latest/" + rolesPath + "/a", "/2021-03-23/" + rolesPath + "/a/", "/latest/../latest", "/latest/%2e"} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, uri string) {
		if !strings.HasPrefix(uri, "/") {
			return // the guard's business
		}
		at := find(uri)
		switch {
		case at.kind == role && (!isProfile(at.role) || !strings.HasSuffix(strings.TrimSuffix(uri, "/"), "/"+at.role)):
			t.Errorf("find(%q): got the role %q", uri, at.role)
		case at.kind == fact && at.of == nil, at.kind == listing && at.text == "":
			t.Errorf("find(%q): got %+v", uri, at)
		case at.kind == nothing || at.kind == sessionToken || at.kind == noSessionToken || uri == "/":
			return
		}
		other := uri + "/"
		if strings.HasSuffix(uri, "/") {
			other = strings.TrimSuffix(uri, "/")
		}
		if also := find(other); also.kind != at.kind || also.text != at.text || also.role != at.role {
			t.Errorf("find(%q): got %+v, but %+v at %q", uri, at, also, other)
		}
		if strings.Contains(uri, "//") || strings.ContainsAny(uri, "%?#\\ \x00") {
			t.Errorf("find(%q): got %+v, want nothing", uri, at)
		}
	})
}

// TestEveryListedPathIsThere: agents ask for all that they find.
func TestEveryListedPathIsThere(t *testing.T) {
	found := 0
	for dir, names := range listings {
		for name := range strings.SplitSeq(names, "\n") {
			path := "/latest/" + strings.TrimPrefix(dir+"/"+name, "/")
			at := find(path)
			if at.kind == nothing || (at.kind == listing || at.kind == roles) != (strings.HasSuffix(name, "/") || dir == "") {
				t.Errorf("%s is listed: got %+v", path, at)
			}
			if at.kind == fact {
				found++
			}
		}
	}
	if found != len(facts) {
		t.Errorf("%d facts are listed, want %d", found, len(facts))
	}
}

func TestZones(t *testing.T) {
	for region, want := range map[string]string{
		"eu-west-1":      "euw1-az1 aws amazonaws.com",
		"us-east-1":      "use1-az1 aws amazonaws.com",
		"ap-southeast-2": "apse2-az1 aws amazonaws.com",
		"ap-northeast-1": "apne1-az1 aws amazonaws.com",
		"eu-central-1":   "euc1-az1 aws amazonaws.com",
		"cn-north-1":     "cnn1-az1 aws-cn amazonaws.com.cn",
		"cn-northwest-1": "cnnw1-az1 aws-cn amazonaws.com.cn",
		"us-gov-west-1":  "usgw1-az1 aws-us-gov amazonaws.com",
		"us-iso-east-1":  "usie1-az1 aws-iso c2s.ic.gov",
		"us-isob-east-1": "usibe1-az1 aws-iso-b sc2s.sgov.gov",
		"eusc-de-east-1": "euscdee1-az1 aws-eusc amazonaws.eu",
	} {
		p := partitionOf(region)
		if got := zoneID(region) + " " + p.name + " " + p.domain; got != want {
			t.Errorf("%s: got %s, want %s", region, got, want)
		}
	}
}

// TestAccountOf: of a session without a role it is that of whoever signs for it.
func TestAccountOf(t *testing.T) {
	role := session.Request{RoleARN: "arn:aws-cn:iam::123456789012:role/path/Name"}
	for name, row := range map[string]struct {
		request session.Request
		want    string
	}{
		"a role":             {role, "aws-cn 123456789012"},
		"what narrows it":    {session.Request{Operation: session.GetScopedCredentials, Parent: role.Canonical()}, "aws-cn 123456789012"},
		"a source's own":     {session.Request{Operation: session.SourceItself}, " "},
		"a parent of nobody": {session.Request{Parent: session.Request{}.Canonical()}, " "},
		"not an ARN":         {session.Request{RoleARN: "Name"}, " "},
	} {
		if partition, account := accountOf(row.request); partition+" "+account != row.want {
			t.Errorf("%s: got %q %q, want %q", name, partition, account, row.want)
		}
	}
	at := newInstance(make([]byte, 32), time.Now()).to("p", session.Request{Region: "eu-west-1"})
	if _, found := at.info(); found {
		t.Error("info without an account: found, want nothing")
	}
	var document map[string]any
	if text, _ := at.document(); json.Unmarshal([]byte(text), &document) != nil || document["accountId"] != nil || document["region"] != "eu-west-1" {
		t.Errorf("document without an account: got %s", text)
	}
}
