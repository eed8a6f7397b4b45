package fakeaws

import (
	"crypto/sha256"
	"encoding/hex"
	"encoding/xml"
	"net/http"
	"slices"
	"strings"
)

const stsVersion = "2011-06-15"

// sts is the Security Token Service, as its query protocol has it.
var sts = service{name: "sts", serve: (*Fake).serveSTS, failure: stsFailure, auth: stsWords}

// stsOperation is one operation of STS.
type stsOperation struct {
	serve func(*Fake, *request, form) (*answer, *failure)
	// proof says that its request is not signed: a JWT or an assertion is
	// the proof.
	proof bool
}

// stsOperations are what the fake's STS can do.
var stsOperations = map[string]stsOperation{
	"AssumeRole":                {serve: (*Fake).assumeRole},
	"AssumeRoleWithSAML":        {serve: (*Fake).assumeRoleWithSAML, proof: true},
	"AssumeRoleWithWebIdentity": {serve: (*Fake).assumeRoleWithWebIdentity, proof: true},
	"GetCallerIdentity":         {serve: (*Fake).getCallerIdentity},
	"GetFederationToken":        {serve: (*Fake).getFederationToken},
	"GetScopedCredentials":      {serve: (*Fake).getScopedCredentials},
	"GetSessionToken":           {serve: (*Fake).getSessionToken},
}

// otherOperations are AWS's and not ours: refused by name, so that nobody
// looks for the mistake in their own client.
var otherOperations = []string{"AssumeRoot", "DecodeAuthorizationMessage", "GetAccessKeyInfo", "GetDelegatedAccessToken",
	"GetWebIdentityToken"}

// serveSTS answers a request to STS: the form, the operation, then who asks,
// and then what for.
func (f *Fake) serveSTS(rq *request) (*answer, *failure) {
	body, form, failed := readForm(rq.Request)
	if failed != nil {
		return nil, failed
	}
	f.journal.form(rq, map[string][]string(form))
	// For an operation that is not there nobody is asked who may: AWS routes
	// before it authenticates.
	action, operation, failed := findOperation(form)
	if failed != nil {
		return nil, failed
	}
	if failed := f.begin(rq, action); failed != nil {
		return nil, failed
	}
	sum := sha256.Sum256(body)
	hash := hex.EncodeToString(sum[:])
	// S3's clients send the hash along, STS's need not; it cannot be wrong.
	if said := rq.Header.Get("X-Amz-Content-Sha256"); said != "" && said != hash {
		return nil, stsWords.mismatch
	}
	// A signature beside a proof is not looked at, as STS does not; but who
	// sends one tells a secret to an operation that has no use for it.
	if operation.proof {
		f.journal.unasked(rq)
	} else if failed := f.authenticate(rq, hash); failed != nil {
		return nil, failed
	}
	return operation.serve(f, rq, form)
}

// findOperation finds the operation that a form asks for.
func findOperation(form form) (string, stsOperation, *failure) {
	action, _ := form.get("Action")
	version, _ := form.get("Version")
	operation, ok := stsOperations[action]
	switch {
	case action == "":
		return "", stsOperation{}, fail(http.StatusBadRequest, "MissingAction", "The request is missing an action.")
	case version != stsVersion:
		return "", stsOperation{}, fail(http.StatusBadRequest, "NoSuchVersion",
			"The requested version ( %.20s ) of service AWSSecurityTokenService does not exist", version)
	case ok:
		return action, operation, nil
	}
	if slices.Contains(otherOperations, action) {
		return "", stsOperation{}, fail(http.StatusBadRequest, "InvalidAction", "fakeaws does not have the operation %s.", action)
	}
	return "", stsOperation{}, fail(http.StatusBadRequest, "InvalidAction", "Could not find operation %.60s for version %s", action, version)
}

// getCallerIdentity says who the caller is. Everyone may ask, also whom a
// policy denies it (STS API reference, GetCallerIdentity).
func (f *Fake) getCallerIdentity(rq *request, _ form) (*answer, *failure) {
	return rq.stsAnswer(&callerIdentityResult{ARN: rq.caller.arn(), UserID: rq.caller.userID(), Account: rq.caller.account}), nil
}

// stsAnswer wraps a result.
func (rq *request) stsAnswer(result any) *answer {
	return rq.stsXML(http.StatusOK, &stsResponse{
		XMLName: xml.Name{Space: stsNamespace, Local: rq.call.Operation + "Response"},
		Result:  result,
		ID:      rq.id,
	})
}

// stsFailure wraps an error. Receiver means that AWS is to blame.
func stsFailure(rq *request, f *failure) *answer {
	blame := "Sender"
	if f.status >= http.StatusInternalServerError {
		blame = "Receiver"
	}
	return rq.stsXML(f.status, &stsError{Type: blame, Code: f.code, Message: f.message, ID: rq.id})
}

// stsXML makes an answer of a body, with the headers of STS.
func (rq *request) stsXML(status int, body any) *answer {
	return &answer{status: status, body: encode(body), header: map[string]string{
		"Content-Type":                  "text/xml",
		"x-amzn-RequestId":              rq.id,
		"x-amz-sts-extended-request-id": strings.ReplaceAll(rq.id, "-", ""),
	}}
}
