package fakeaws

import (
	"encoding/xml"
	"fmt"
	"net/http"
	"slices"
	"strconv"
	"strings"
)

const (
	iamVersion   = "2010-05-08"
	iamNamespace = "https://iam.amazonaws.com/doc/2010-05-08/"
)

// iam is what the fake has of Identity and Access Management: reading managed
// policies. It is one service for all regions and signed for us-east-1.
var iam = service{name: "iam", region: "us-east-1", serve: (*Fake).serveIAM, failure: iamFailure, auth: iamWords}

var iamOperations = map[string]queryOperation{
	"GetPolicy":          (*Fake).getPolicy,
	"GetPolicyVersion":   (*Fake).getPolicyVersion,
	"ListPolicyVersions": (*Fake).listPolicyVersions,
}

// managedText is a managed policy as IAM shows it: the texts of its versions by
// id.
type managedText struct {
	arn, defaultVersion string
	versions            map[string]string
}

var versionShape = pattern(`v[1-9][0-9]*(\.[A-Za-z0-9-]*)?`, "")

func (f *Fake) serveIAM(rq *request) (*answer, *failure) {
	return f.serveQuery(rq, iamVersion, iamOperations, func(action string) *failure {
		return fail(http.StatusBadRequest, "InvalidAction", "fakeaws does not have the operation %.60s of IAM %s.", action, iamVersion)
	})
}

// getPolicy describes a managed policy, without its text.
func (f *Fake) getPolicy(rq *request, form form) (*answer, *failure) {
	p, failed := f.managedPolicy(rq, form, &constraints{})
	if failed != nil {
		return nil, failed
	}
	m := policyARNPattern.FindStringSubmatch(p.arn)
	return rq.iamAnswer(&getPolicyResult{PolicyName: m[3], Path: m[2], PolicyID: uniqueID("ANPA", "", p.arn), ARN: p.arn,
		DefaultVersionID: p.defaultVersion, IsAttachable: true, CreateDate: f.store.creation.Format(expiryFormat),
		UpdateDate: f.store.creation.Format(expiryFormat)}), nil
}

// getPolicyVersion gives the text of a version, percent-encoded as IAM does.
func (f *Fake) getPolicyVersion(rq *request, form form) (*answer, *failure) {
	var c constraints
	c.required(form, "VersionId")
	id := c.optional(form, "VersionId", 1, unlimited, versionShape)
	p, failed := f.managedPolicy(rq, form, &c)
	if failed != nil {
		return nil, failed
	}
	text, ok := p.versions[id]
	if !ok {
		return nil, noSuchEntity(fmt.Sprintf("Policy %s version %s does not exist or is not attachable.", p.arn, id))
	}
	v := f.policyVersion(p, id)
	v.Document = uriEncode(text, false)
	return rq.iamAnswer(&getPolicyVersionResult{Version: v}), nil
}

// listPolicyVersions lists the versions, the newest first.
func (f *Fake) listPolicyVersions(rq *request, form form) (*answer, *failure) {
	var c constraints
	most := c.number(form, "MaxItems", 1, 1000, 100)
	after := c.number(form, "Marker", 0, 1000, 0)
	p, failed := f.managedPolicy(rq, form, &c)
	if failed != nil {
		return nil, failed
	}
	var all []policyVersionXML
	for id := range p.versions {
		all = append(all, f.policyVersion(p, id))
	}
	slices.SortFunc(all, func(a, b policyVersionXML) int { return versionNumber(b.VersionID) - versionNumber(a.VersionID) })
	from := min(after, len(all))
	to := min(from+most, len(all))
	result := &listPolicyVersionsResult{Versions: all[from:to], IsTruncated: to < len(all)}
	if result.IsTruncated {
		result.Marker = strconv.Itoa(to)
	}
	return rq.iamAnswer(result), nil
}

func versionNumber(id string) int {
	n, _ := strconv.Atoi(strings.TrimPrefix(id, "v"))
	return n
}

// managedPolicy finds the policy that a call names, for who may see it: whether
// it is there is told to nobody else.
func (f *Fake) managedPolicy(rq *request, form form, c *constraints) (*managedText, *failure) {
	c.required(form, "PolicyArn")
	arn := c.optional(form, "PolicyArn", 20, 2048, arnShape)
	if failed := c.failure(); failed != nil {
		return nil, failed
	}
	if !policyARNPattern.MatchString(arn) {
		return nil, invalid("ARN %s is not valid.", arn)
	}
	if failed := f.mayRead(rq, "iam:"+rq.call.Operation, arn); failed != nil {
		return nil, failed
	}
	p := f.world.texts[arn]
	if p == nil {
		return nil, noSuchEntity(fmt.Sprintf("Policy %s was not found.", arn))
	}
	return p, nil
}

// mayRead asks the caller's policies. A user's session from GetSessionToken
// without MFA may not call IAM at all (STS API reference, GetSessionToken), and
// another account's policies are nobody's.
func (f *Fake) mayRead(rq *request, action, arn string) *failure {
	c := rq.caller
	if c.session != nil && c.kind != iamRole && c.session.MFA == 0 {
		return iamWords.badToken
	}
	d := c.may(action, arn, f.context(rq))
	if d == "" && !sameOwner(arn, c.account) {
		d = noResource
	}
	if d == "" {
		return nil
	}
	return &failure{http.StatusForbidden, "AccessDenied", c.unauthorized(d, action, "policy "+arn)}
}

func noSuchEntity(message string) *failure {
	return &failure{http.StatusNotFound, "NoSuchEntity", message}
}

type getPolicyResult struct {
	XMLName          xml.Name `xml:"GetPolicyResult"`
	PolicyName       string   `xml:"Policy>PolicyName"`
	PolicyID         string   `xml:"Policy>PolicyId"`
	ARN              string   `xml:"Policy>Arn"`
	Path             string   `xml:"Policy>Path"`
	DefaultVersionID string   `xml:"Policy>DefaultVersionId"`
	IsAttachable     bool     `xml:"Policy>IsAttachable"`
	CreateDate       string   `xml:"Policy>CreateDate"`
	UpdateDate       string   `xml:"Policy>UpdateDate"`
}

type getPolicyVersionResult struct {
	XMLName xml.Name         `xml:"GetPolicyVersionResult"`
	Version policyVersionXML `xml:"PolicyVersion"`
}

type listPolicyVersionsResult struct {
	XMLName     xml.Name           `xml:"ListPolicyVersionsResult"`
	Versions    []policyVersionXML `xml:"Versions>member"`
	IsTruncated bool
	Marker      string `xml:",omitempty"`
}

type policyVersionXML struct {
	Document         string `xml:",omitempty"`
	VersionID        string `xml:"VersionId"`
	IsDefaultVersion bool
	CreateDate       string
}

// policyVersion describes a version.
func (f *Fake) policyVersion(p *managedText, id string) policyVersionXML {
	return policyVersionXML{VersionID: id, IsDefaultVersion: id == p.defaultVersion, CreateDate: f.store.creation.Format(expiryFormat)}
}

// iamAnswer wraps a result.
func (rq *request) iamAnswer(result any) *answer {
	return rq.iamXML(http.StatusOK, &stsResponse{
		XMLName: xml.Name{Space: iamNamespace, Local: rq.call.Operation + "Response"}, Result: result, ID: rq.id})
}

// iamError is STS's in another namespace.
type iamError struct {
	XMLName xml.Name `xml:"https://iam.amazonaws.com/doc/2010-05-08/ ErrorResponse"`
	Type    string   `xml:"Error>Type"`
	Code    string   `xml:"Error>Code"`
	Message string   `xml:"Error>Message"`
	ID      string   `xml:"RequestId"`
}

func iamFailure(rq *request, f *failure) *answer {
	blame := "Sender"
	if f.status >= http.StatusInternalServerError {
		blame = "Receiver"
	}
	return rq.iamXML(f.status, &iamError{Type: blame, Code: f.code, Message: f.message, ID: rq.id})
}

func (rq *request) iamXML(status int, body any) *answer {
	return &answer{status: status, body: encode(body), header: map[string]string{"Content-Type": "text/xml", "x-amzn-RequestId": rq.id}}
}
