package fakeaws

import (
	"net/http"
	"slices"
	"strings"
)

// knownHeaders are S3's own headers that the fake acts on, or that change
// nothing for it. Every other one asks for something, a lock or a key of KMS,
// that S3 would do: to ignore it would be a lie.
var knownHeaders = []string{
	"x-amz-content-sha256", "x-amz-copy-source", "x-amz-date", "x-amz-decoded-content-length", "x-amz-expected-bucket-owner",
	"x-amz-sdk-checksum-algorithm", "x-amz-security-token", "x-amz-trailer", "x-amz-user-agent",
	"x-amz-te", "x-amz-api-version", // always sent by Java v2 and by C++ (as of 2026-11); they ask for nothing
}

// defaultHeaders may say what is so anyway.
var defaultHeaders = map[string]string{
	"x-amz-acl": "private", "x-amz-server-side-encryption": "AES256", "x-amz-storage-class": "STANDARD",
}

// refusedHeaders are those of HTTP's own that S3 knows and the fake does not.
var refusedHeaders = []string{"if-modified-since", "if-range", "if-unmodified-since"}

// checkHeaders refuses what the fake does not do, and requests that are meant
// for another owner's bucket.
func (f *Fake) checkHeaders(r *http.Request, bucket string) *failure {
	for name := range r.Header {
		lower := strings.ToLower(name)
		own := strings.HasPrefix(lower, "x-amz-") && !slices.Contains(knownHeaders, lower) &&
			!strings.HasPrefix(lower, metaPrefix) && !strings.HasPrefix(lower, checksumPrefix)
		if value, ok := defaultHeaders[lower]; ok && r.Header.Get(name) == value {
			own = false
		}
		if own || slices.Contains(refusedHeaders, lower) {
			return notImplemented(lower)
		}
	}
	if owner := r.Header.Get("X-Amz-Expected-Bucket-Owner"); owner != "" && owner != f.store.owner(bucket) {
		return fail(http.StatusForbidden, "AccessDenied", "Access Denied")
	}
	return nil
}

// notImplemented is what S3 says of such headers, with the header's name.
func notImplemented(header string) *failure {
	return fail(http.StatusNotImplemented, "NotImplemented",
		"A header you provided implies functionality that is not implemented (fakeaws: %s).", header)
}

// metaPrefix begins the headers that are an object's own.
const metaPrefix = "x-amz-meta-"

// keptHeaders come back with an object as they came in, besides x-amz-meta-*.
var keptHeaders = []string{"Content-Type", "Cache-Control", "Content-Disposition", "Content-Language", "Expires"}

// objectHeaders returns what is kept of an upload's headers.
func objectHeaders(h http.Header) map[string]string {
	kept := map[string]string{}
	for _, name := range keptHeaders {
		if v := h.Get(name); v != "" {
			kept[name] = v
		}
	}
	for name, values := range h {
		if lower := strings.ToLower(name); strings.HasPrefix(lower, metaPrefix) {
			kept[lower] = strings.Join(values, ",")
		}
	}
	if coding := contentCoding(h); coding != "" {
		kept["Content-Encoding"] = coding
	}
	return kept
}

// contentCoding returns the Content-Encoding without aws-chunked, which is how
// the body travels and not what it is.
func contentCoding(h http.Header) string {
	var kept []string
	for coding := range strings.SplitSeq(h.Get("Content-Encoding"), ",") {
		if coding = strings.TrimSpace(coding); coding != "" && coding != "aws-chunked" {
			kept = append(kept, coding)
		}
	}
	return strings.Join(kept, ",")
}
