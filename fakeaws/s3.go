package fakeaws

import (
	"cmp"
	"fmt"
	"net/http"
	"net/url"
	"slices"
	"strings"
)

// s3 is the Simple Storage Service, path style.
var s3 = service{name: s3Name, serve: (*Fake).serveS3, failure: s3Failure, auth: s3Words}

// s3Name is S3's in a signature.
const s3Name = "s3"

// s3Call is an S3 request, taken apart.
type s3Call struct {
	operation   string // one of s3Operations, or what AWS calls it, or unknown
	bucket, key string
	query       url.Values
	strange     string // a parameter that the operation does not know, for a message
}

// s3Operation is one operation of S3: the query parameters that it knows and
// what it does. An operation on a bucket finds the bucket there.
type s3Operation struct {
	query []string
	do    func(*Fake, *request, *s3Call) (*answer, *failure)
}

var listQuery = []string{"list-type", "prefix", "delimiter", "max-keys", "encoding-type", "marker", "continuation-token",
	"start-after", "fetch-owner"}

// s3Operations are what the fake's S3 can do.
var s3Operations = map[string]s3Operation{
	"ListBuckets":       {[]string{"prefix", "max-buckets", "continuation-token"}, (*Fake).listBuckets},
	"ListObjects":       {listQuery, (*Fake).listObjects},
	"ListObjectsV2":     {listQuery, (*Fake).listObjects},
	"GetBucketLocation": {[]string{"location"}, (*Fake).getBucketLocation},
	"HeadBucket":        {nil, (*Fake).headBucket},
	"GetObject":         {nil, (*Fake).getObject},
	"HeadObject":        {nil, (*Fake).getObject},
	"PutObject":         {nil, (*Fake).putObject},
	"DeleteObject":      {nil, (*Fake).deleteObject},
}

// unknown is the operation of a call that nobody has a name for.
const unknown = "Unknown"

// hashPattern is the form of x-amz-content-sha256 with a signed body.
var hashPattern = expr(`^[0-9a-f]{64}$`)

// serveS3 answers a request to S3: who asks, then what for.
func (f *Fake) serveS3(rq *request) (*answer, *failure) {
	call, failed := readS3Call(rq.Request)
	if failed != nil {
		return nil, failed
	}
	if failed := f.begin(rq, call.operation); failed != nil {
		return nil, failed
	}
	payload, failed := payloadHash(rq.Request)
	if failed != nil {
		return nil, failed
	}
	if failed := f.authenticate(rq, payload); failed != nil {
		return nil, failed
	}
	operation, ok := s3Operations[call.operation]
	switch {
	case !ok && call.operation != unknown:
		return nil, fail(http.StatusNotImplemented, "NotImplemented", "fakeaws does not have the operation %s.", call.operation)
	case !ok:
		return nil, fail(http.StatusNotImplemented, "NotImplemented",
			"fakeaws does not have this operation: %s of %s%s", rq.Method, call.level(), call.strange)
	}
	// S3 says that a bucket is not there before it asks who may know.
	if call.bucket != "" && f.store.owner(call.bucket) == "" {
		return nil, fail(http.StatusNotFound, "NoSuchBucket", "The specified bucket does not exist")
	}
	if failed := f.checkHeaders(rq.Request, call.bucket); failed != nil {
		return nil, failed
	}
	return operation.do(f, rq, call)
}

// readS3Call takes a request apart and names its operation.
func readS3Call(r *http.Request) (*s3Call, *failure) {
	query, err := url.ParseQuery(r.URL.RawQuery)
	if err != nil {
		return nil, fail(http.StatusBadRequest, "InvalidURI", "Couldn't parse the specified URI.")
	}
	// Only the first slash parts bucket and key: "a//b" and "/a" are keys.
	bucket, key, _ := strings.Cut(strings.TrimPrefix(r.URL.Path, "/"), "/")
	if bucket == "" && r.URL.Path != "/" {
		return nil, fail(http.StatusBadRequest, "InvalidBucketName", "The specified bucket is not valid.")
	}
	c := &s3Call{bucket: bucket, key: key, query: query}
	c.operation = c.name(r)
	// What a parameter asks for that nobody here knows would not be done:
	// the call is another operation (?acl), or another than it seems. x-id
	// is a label that SDKs put on for their own logs.
	for name := range query {
		if name != "x-id" && !slices.Contains(s3Operations[c.operation].query, name) && s3Operations[c.operation].do != nil {
			c.operation, c.strange = unknown, fmt.Sprintf(" with the parameter %q", name)
		}
	}
	if key == "" {
		return c, nil
	}
	return c, checkKey(key)
}

// level is what a call is about.
func (c *s3Call) level() string {
	switch {
	case c.key != "":
		return "an object"
	case c.bucket != "":
		return "a bucket"
	}
	return "all buckets"
}

// name names the operation.
func (c *s3Call) name(r *http.Request) string {
	switch {
	case c.key != "":
		return c.objectOperation(r)
	case c.bucket != "":
		return c.bucketOperation(r)
	case r.Method == http.MethodGet:
		return "ListBuckets"
	}
	return unknown
}

// bucketOperation names an operation on a bucket.
func (c *s3Call) bucketOperation(r *http.Request) string {
	switch {
	case r.Method == http.MethodHead:
		return "HeadBucket"
	case r.Method == http.MethodPut:
		return "CreateBucket"
	case r.Method == http.MethodDelete:
		return "DeleteBucket"
	case r.Method == http.MethodPost && c.query.Has("delete"):
		return "DeleteObjects"
	case r.Method != http.MethodGet:
		return unknown
	case c.query.Has("location"):
		return "GetBucketLocation"
	case c.query.Get("list-type") == "2":
		return "ListObjectsV2"
	}
	return "ListObjects"
}

// objectOperation names an operation on an object.
func (c *s3Call) objectOperation(r *http.Request) string {
	switch {
	case c.query.Has("uploads"):
		return "CreateMultipartUpload"
	case c.query.Has("uploadId"):
		return "UploadPart"
	case r.Method == http.MethodPut && r.Header.Get("X-Amz-Copy-Source") != "":
		return "CopyObject"
	}
	return cmp.Or(map[string]string{http.MethodGet: "GetObject", http.MethodHead: "HeadObject",
		http.MethodPut: "PutObject", http.MethodDelete: "DeleteObject"}[r.Method], unknown)
}

// payloadHash returns what the client signed as the hash of its body. Whether
// the body has it is seen where the body is read: the signature can be checked,
// and the request refused, before.
func payloadHash(r *http.Request) (string, *failure) {
	hash := r.Header.Get("X-Amz-Content-Sha256")
	switch {
	case hash == "" && r.Header.Get("Authorization") != "":
		return "", fail(http.StatusBadRequest, "InvalidRequest", "Missing required header for this request: x-amz-content-sha256")
	case hash == "", hashPattern.MatchString(hash), hash == unsignedPayload, streaming[hash]:
		return hash, nil
	}
	return "", fail(http.StatusBadRequest, "InvalidArgument", "x-amz-content-sha256 must be %s, %s, %s, %s or a valid sha256 value.",
		unsignedPayload, unsignedTrailer, signedChunks, signedTrailer)
}

// allow asks whether the caller may do action on resource, and returns S3's
// denial if not. There are no bucket policies, so nobody reaches a bucket of
// another account.
func (f *Fake) allow(rq *request, action, resource string, call *s3Call) *failure {
	context := f.context(rq)
	context["s3:authType"] = []string{"REST-HEADER"}
	context["s3:signatureversion"] = []string{algorithm}
	if owner := f.store.owner(call.bucket); owner != "" {
		context["aws:ResourceAccount"] = []string{owner}
		context["s3:ResourceAccount"] = []string{owner}
	}
	// An empty prefix that was sent is a value, one that was not is none:
	// policies tell them apart.
	if strings.HasPrefix(call.operation, "ListObjects") {
		for _, name := range []string{"prefix", "delimiter", "max-keys"} {
			if call.query.Has(name) {
				context["s3:"+name] = []string{call.query.Get(name)}
			}
		}
	}
	// The caller's own policies speak first: it is their words that AWS shows
	// even where the bucket's owner would have refused as well.
	d := rq.caller.may(action, resource, context)
	if call.bucket != "" && rq.caller.account != f.store.owner(call.bucket) && d == "" {
		d = noResource
	}
	if d == "" {
		return nil
	}
	if call.bucket == "" {
		resource = "" // named in policies, and not in messages
	}
	return rq.caller.denied(d, action, resource)
}

// arn returns the ARN of a call's bucket, or of its object.
func (c *s3Call) arn() string {
	if c.key == "" {
		return "arn:aws:s3:::" + c.bucket
	}
	return "arn:aws:s3:::" + c.bucket + "/" + c.key
}

// s3Failure wraps an error. The region in the header is what clients that
// signed for another one try again with.
func s3Failure(rq *request, f *failure) *answer {
	e := &s3Error{Code: f.code, Message: f.message, Resource: rq.URL.Path, ID: rq.id, HostID: hostID}
	if f.code == "AuthorizationHeaderMalformed" {
		e.Region = rq.region
	}
	a := rq.s3XML(f.status, e)
	if rq.region != "" {
		a.header["x-amz-bucket-region"] = rq.region
	}
	return a
}

const hostID = "fakeaws"

// s3XML makes an answer of a body, with the headers of S3.
func (rq *request) s3XML(status int, body any) *answer {
	return &answer{status: status, body: encode(body), header: rq.s3Header("Content-Type", "application/xml")}
}

// s3Header returns S3's headers, and more as pairs of name and value.
func (rq *request) s3Header(more ...string) map[string]string {
	h := map[string]string{"x-amz-request-id": rq.id, "x-amz-id-2": hostID}
	for i := 0; i+1 < len(more); i += 2 {
		h[more[i]] = more[i+1]
	}
	return h
}
