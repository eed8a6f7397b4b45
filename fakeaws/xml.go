package fakeaws

import (
	"encoding/xml"
	"time"
)

// The XML of both services. Elements are those of AWS's API references;
// clients do not care about their order.

const (
	stsNamespace = "https://sts.amazonaws.com/doc/2011-06-15/"
	expiryFormat = "2006-01-02T15:04:05Z" // whole seconds, as STS has them
	s3Time       = "2006-01-02T15:04:05.000Z"
)

// stsResponse is named for its operation, and its Result names itself.
type stsResponse struct {
	XMLName xml.Name
	Result  any
	ID      string `xml:"ResponseMetadata>RequestId"`
}

// stsError is STS's error. The Go SDK takes the code from Error>Code and calls
// anything that is nested otherwise UnknownError.
type stsError struct {
	XMLName xml.Name `xml:"https://sts.amazonaws.com/doc/2011-06-15/ ErrorResponse"`
	Type    string   `xml:"Error>Type"`
	Code    string   `xml:"Error>Code"`
	Message string   `xml:"Error>Message"`
	ID      string   `xml:"RequestId"`
}

// callerIdentityResult is what GetCallerIdentity answers: no credentials.
type callerIdentityResult struct {
	XMLName xml.Name `xml:"GetCallerIdentityResult"`
	ARN     string   `xml:"Arn"`
	UserID  string   `xml:"UserId"`
	Account string
}

// credentialsXML are temporary credentials on the wire. Expiration is text: its
// format is STS's, and not Go's.
type credentialsXML struct {
	AccessKeyID     string `xml:"AccessKeyId"`
	SecretAccessKey string
	SessionToken    string
	Expiration      string
}

// issued is what every operation that issues credentials answers.
type issued struct {
	Credentials             credentialsXML
	SessionTokenSize        int
	SessionTokenUtilization int
}

type sessionTokenResult struct {
	XMLName xml.Name `xml:"GetSessionTokenResult"`
	issued
}

// assumeRoleResult is what AssumeRole answers. The source identity is there
// also when it came along from the calling session.
type assumeRoleResult struct {
	XMLName xml.Name `xml:"AssumeRoleResult"`
	issued
	AssumedRoleID    string `xml:"AssumedRoleUser>AssumedRoleId"`
	ARN              string `xml:"AssumedRoleUser>Arn"`
	PackedPolicySize int
	SourceIdentity   string `xml:",omitempty"`
}

// federationTokenResult is what GetFederationToken answers.
type federationTokenResult struct {
	XMLName xml.Name `xml:"GetFederationTokenResult"`
	issued
	ID               string `xml:"FederatedUser>FederatedUserId"`
	ARN              string `xml:"FederatedUser>Arn"`
	PackedPolicySize int
}

// webIdentityResult is what AssumeRoleWithWebIdentity answers.
type webIdentityResult struct {
	XMLName xml.Name `xml:"AssumeRoleWithWebIdentityResult"`
	issued
	AssumedRoleID    string `xml:"AssumedRoleUser>AssumedRoleId"`
	ARN              string `xml:"AssumedRoleUser>Arn"`
	PackedPolicySize int
	SourceIdentity   string `xml:",omitempty"`
	Subject          string `xml:"SubjectFromWebIdentityToken"`
	Audience         string
	Provider         string
}

// samlResult is what AssumeRoleWithSAML answers.
type samlResult struct {
	XMLName xml.Name `xml:"AssumeRoleWithSAMLResult"`
	issued
	AssumedRoleID    string `xml:"AssumedRoleUser>AssumedRoleId"`
	ARN              string `xml:"AssumedRoleUser>Arn"`
	PackedPolicySize int
	SourceIdentity   string `xml:",omitempty"`
	Issuer           string
	Audience         string
	Subject          string
	SubjectType      string
	NameQualifier    string
}

// scopedResult is what GetScopedCredentials answers. The names of its members
// were not published when this was written; those are its siblings'.
type scopedResult struct {
	XMLName xml.Name `xml:"GetScopedCredentialsResult"`
	*issued
	Nested *issued `xml:"ScopedSession>Issued"`
	ARN    string  `xml:"ScopedSession>Arn"`
	ID     string  `xml:"ScopedSession>ScopedSessionId"`
}

// s3Error is S3's error, which has no wrapper and no namespace.
type s3Error struct {
	XMLName  struct{} `xml:"Error"`
	Code     string
	Message  string
	Resource string
	Region   string `xml:",omitempty"`
	ID       string `xml:"RequestId"`
	HostID   string `xml:"HostId"`
}

// bucketsXML is a page of ListBuckets.
type bucketsXML struct {
	XMLName xml.Name    `xml:"http://s3.amazonaws.com/doc/2006-03-01/ ListAllMyBucketsResult"`
	Owner   string      `xml:"Owner>ID"`
	Buckets []bucketXML `xml:"Buckets>Bucket"`
	Prefix  string      `xml:",omitempty"`

	ContinuationToken string `xml:",omitempty"`
}

type bucketXML struct {
	Name         string
	CreationDate string
	BucketRegion string `xml:",omitempty"`
}

// locationXML is the answer of GetBucketLocation: the only one of S3's whose
// root element holds text.
type locationXML struct {
	XMLName xml.Name `xml:"http://s3.amazonaws.com/doc/2006-03-01/ LocationConstraint"`
	Region  string   `xml:",chardata"`
}

// listXML is a list of either version. Pointers are elements that one version
// has and the other not.
type listXML struct {
	XMLName               xml.Name `xml:"http://s3.amazonaws.com/doc/2006-03-01/ ListBucketResult"`
	Name                  string
	Prefix                string
	Delimiter             string `xml:",omitempty"`
	MaxKeys               int
	EncodingType          string `xml:",omitempty"`
	KeyCount              *int
	IsTruncated           bool
	Marker                *string
	NextMarker            string      `xml:",omitempty"`
	StartAfter            string      `xml:",omitempty"`
	ContinuationToken     string      `xml:",omitempty"`
	NextContinuationToken string      `xml:",omitempty"`
	Contents              []objectXML `xml:"Contents"`
	CommonPrefixes        []prefixXML `xml:"CommonPrefixes"`
}

// objectXML is an object in a list.
type objectXML struct {
	Key          string
	LastModified string
	ETag         string
	Size         int
	StorageClass string
}

// prefixXML is what keys were rolled up into.
type prefixXML struct{ Prefix string }

// encode writes a document.
func encode(v any) []byte {
	body, err := xml.Marshal(v)
	if err != nil {
		panic(err) // structs of ours: cannot fail
	}
	return append([]byte(xml.Header), body...)
}

// s3Date formats a time as S3's lists do.
func s3Date(t time.Time) string { return t.UTC().Format(s3Time) }
