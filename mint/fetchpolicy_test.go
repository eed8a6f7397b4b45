package mint_test

import (
	"errors"
	"net/http"
	"net/url"
	"strings"
	"testing"
	"time"

	"github.com/vendord/vendord/mint"
	"github.com/vendord/vendord/session"
)

const policyARN = "arn:aws:iam::629470240201:policy/DevCalifornia"

// holdsPolicy is an IAM with one policy.
func holdsPolicy(w http.ResponseWriter, r *http.Request) {
	inner := "<Policy><Arn>" + policyARN + "</Arn><DefaultVersionId>v3</DefaultVersionId></Policy>"
	if r.PostForm.Get("Action") == "GetPolicyVersion" {
		inner = "<PolicyVersion><Document>" + url.PathEscape(readOnly+"+") + "</Document><VersionId>v3</VersionId></PolicyVersion>"
	}
	says(200, result(r.PostForm.Get("Action"), inner))(w, r)
}

// TestFetchPolicy asks with the credentials that would sign, in IAM's own region.
func TestFetchPolicy(t *testing.T) {
	iam := newSTS(t, holdsPolicy)
	m, log := newMinter(t, mint.Config{Parent: parentOf(time.Hour)})
	document, version, err := m.FetchPolicy(t.Context(), request(""), policyARN, iam.URL)
	if document != readOnly+"+" || version != "v3" || err != nil {
		t.Fatalf("FetchPolicy: got %q, %q, %v", document, version, err)
	}
	got := iam.requests()
	if len(got) != 2 || got[0].form.Encode() != "Action=GetPolicy&PolicyArn="+url.QueryEscape(policyARN)+"&Version=2010-05-08" ||
		got[1].form.Encode() != "Action=GetPolicyVersion&PolicyArn="+url.QueryEscape(policyARN)+"&Version=2010-05-08&VersionId=v3" {
		t.Errorf("requests: got %+v", got)
	}
	if auth := got[1].header.Get("Authorization"); !strings.Contains(auth, "Credential="+keyID+"/") || !strings.Contains(auth, "/us-east-1/iam/aws4_request") {
		t.Errorf("Authorization: got %q", auth)
	}
	if _, _, err := m.FetchPolicy(t.Context(), scoping(""), policyARN, iam.URL); err != nil {
		t.Errorf("FetchPolicy with a parent: %v", err)
	} else if auth := iam.requests()[2].header.Get("Authorization"); !strings.Contains(auth, "Credential="+parentKey+"/") {
		t.Errorf("Authorization: got %q, want the parent's", auth)
	}
	noSecrets(t, log.String(), &session.Error{})
}

func TestFetchPolicyFails(t *testing.T) {
	for name, test := range map[string]struct {
		arn          string
		answer       http.HandlerFunc
		class        session.Class
		public, hint string
	}{
		"no policy's ARN": {"arn:aws:iam::629470240201:role/R", holdsPolicy, session.Configuration, "policy arn:aws:iam::629470240201:role/R: that is not the ARN of a managed policy", "one is like arn:aws:iam::aws:policy/ReadOnlyAccess"},
		"too long a name": {"arn:aws:iam::aws:policy/" + strings.Repeat("a", 641), holdsPolicy, session.Configuration,
			"policy arn:aws:iam::aws:policy/" + strings.Repeat("a", 125) + "…: that is not the ARN of a managed policy", "one is like arn:aws:iam::aws:policy/ReadOnlyAccess"},
		"no partition": {"arn:aws-mars:iam::aws:policy/R", holdsPolicy, session.Configuration, "policy arn:aws-mars:iam::aws:policy/R: that is not the ARN of a managed policy", "one is like arn:aws:iam::aws:policy/ReadOnlyAccess"},
		"none there":   {policyARN, refuses(404, "NoSuchEntity", "no"), session.Configuration, "policy " + policyARN + ": there is none of that name", "correct the ARN; AWS needs some seconds to notice a new policy"},
		"denied": {policyARN, refuses(403, "AccessDenied", "User: "+john+" is not authorized to perform: iam:GetPolicy on resource: x"), session.Administrator,
			"policy " + policyARN + ": AWS denies iam:GetPolicy to " + john, "the policies of " + john + " do not allow iam:GetPolicy"},
		"no version": {policyARN, says(200, result("GetPolicy", "")), session.Retry, "{iam}: answered with no DefaultVersionId", ""},
		"no text":    {policyARN, says(200, result("GetPolicy", "<DefaultVersionId>v1</DefaultVersionId>")), session.Retry, "{iam}: answered with no Document", ""},
		"odd text":   {policyARN, says(200, result("GetPolicy", "<DefaultVersionId>v1</DefaultVersionId><Document>%zz</Document>")), session.Retry, "{iam}: answered with a policy that cannot be decoded", ""},
	} {
		t.Run(name, func(t *testing.T) {
			iam := newSTS(t, test.answer)
			m, log := newMinter(t, mint.Config{})
			document, version, err := m.FetchPolicy(t.Context(), request(""), test.arn, iam.URL)
			failure, ok := errors.AsType[*session.Error](err)
			if !ok || document != "" || version != "" {
				t.Fatalf("FetchPolicy: got %q, %q, %v, want a failure", document, version, err)
			}
			noSecrets(t, log.String(), failure)
			wantError(t, failure, test.class, strings.Replace(test.public, "{iam}", "IAM at "+iam.URL, 1), test.hint)
		})
	}
	m, _ := newMinter(t, mint.Config{})
	if _, _, err := m.FetchPolicy(t.Context(), bare(t, session.AssumeRoleWithSAML, ""), policyARN, "http://127.0.0.1:1"); session.AsError(err).Class != session.Configuration {
		t.Errorf("FetchPolicy with an assertion: got %v, want class configuration", err)
	}
}
