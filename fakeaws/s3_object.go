package fakeaws

import (
	"fmt"
	"maps"
	"net/http"
	"strconv"
	"strings"
)

// getObject is GetObject and HeadObject, which are one permission and one
// answer: request.write leaves the body out for HEAD.
func (f *Fake) getObject(rq *request, call *s3Call) (*answer, *failure) {
	if failed := f.allow(rq, "s3:GetObject", call.arn(), call); failed != nil {
		return nil, failed
	}
	o := f.store.get(call.bucket, call.key)
	if o == nil {
		return nil, f.noSuchKey(rq, call)
	}
	if m := rq.Header.Get("If-Match"); m != "" && !matches(m, o.etag) {
		return nil, precondition("If-Match")
	}
	h := rq.objectHeader(o)
	// 304 has the headers of the object and not its length, which clients
	// would wait for.
	if m := rq.Header.Get("If-None-Match"); m != "" && matches(m, o.etag) {
		delete(h, "Content-Length")
		return &answer{status: http.StatusNotModified, header: h}, nil
	}
	return rq.body(o, h)
}

// noSuchKey is what S3 says of a key that is not there: nothing, to those who
// may not list the bucket.
func (f *Fake) noSuchKey(rq *request, call *s3Call) *failure {
	if failed := f.allow(rq, "s3:ListBucket", "arn:aws:s3:::"+call.bucket, call); failed != nil {
		return failed
	}
	return fail(http.StatusNotFound, "NoSuchKey", "The specified key does not exist.")
}

// objectHeader returns the headers of an object.
func (rq *request) objectHeader(o *object) map[string]string {
	h := rq.s3Header("ETag", o.etag, "Last-Modified", o.modified.UTC().Format(http.TimeFormat),
		"Accept-Ranges", "bytes", "Content-Length", strconv.Itoa(len(o.body)), "Content-Type", "binary/octet-stream")
	maps.Copy(h, o.header)
	// SDKs verify what they get if they asked for it, as they do by default;
	// the checksum is that of the whole object, so a range goes without.
	if strings.EqualFold(rq.Header.Get("X-Amz-Checksum-Mode"), "enabled") && rq.Header.Get("Range") == "" {
		maps.Copy(h, o.checksum.header())
	}
	return h
}

// header returns the headers that show a checksum.
func (c checksum) header() map[string]string {
	if c.name == "" {
		return nil
	}
	return map[string]string{c.name: c.value, "x-amz-checksum-type": "FULL_OBJECT"}
}

// body answers with an object, or the range of it that was asked for.
func (rq *request) body(o *object, h map[string]string) (*answer, *failure) {
	from, to, ok := parseRange(rq.Header.Get("Range"), len(o.body))
	if !ok {
		return nil, fail(http.StatusRequestedRangeNotSatisfiable, "InvalidRange", "The requested range is not satisfiable")
	}
	if from == 0 && to == len(o.body) && rq.Header.Get("Range") == "" {
		return &answer{status: http.StatusOK, header: h, body: o.body}, nil
	}
	h["Content-Length"] = strconv.Itoa(to - from)
	h["Content-Range"] = fmt.Sprintf("bytes %d-%d/%d", from, to-1, len(o.body))
	return &answer{status: http.StatusPartialContent, header: h, body: o.body[from:to]}, nil
}

// putObject stores an object. Everything that can be refused by headers alone
// is refused before the body is read.
func (f *Fake) putObject(rq *request, call *s3Call) (*answer, *failure) {
	if failed := f.allow(rq, "s3:PutObject", call.arn(), call); failed != nil {
		return nil, failed
	}
	// From here on the client's claim about its body is taken seriously:
	// first there must be room for it.
	size, failed := bodySize(rq.Request)
	if failed != nil {
		return nil, failed
	}
	if failed := f.store.reserve(size); failed != nil {
		return nil, failed
	}
	o, failed := rq.readObject(size)
	if failed != nil {
		f.store.release(size)
		return nil, failed
	}
	if failed := f.store.put(call.bucket, call.key, o, size, rq.mayReplace); failed != nil {
		return nil, failed
	}
	h := rq.s3Header("ETag", o.etag)
	maps.Copy(h, o.checksum.header())
	return &answer{status: http.StatusOK, header: h}, nil
}

// mayReplace checks the conditions of an upload against the object in its
// place: "only if there is none", and "only if it is still that one".
func (rq *request) mayReplace(before *object) *failure {
	switch m := rq.Header.Get("If-None-Match"); {
	case m != "" && m != "*":
		return notImplemented("if-none-match") // nor has S3 another value
	case m == "*" && before != nil:
		return precondition("If-None-Match")
	}
	if m := rq.Header.Get("If-Match"); m != "" && (before == nil || !matches(m, before.etag)) {
		return precondition("If-Match")
	}
	return nil
}

// readObject reads and checks the body of an upload.
func (rq *request) readObject(size int64) (*object, *failure) {
	body, trailer, failed := rq.readBody(size)
	if failed != nil {
		return nil, failed
	}
	sum, failed := checkDigests(rq.Header, trailer, body)
	if failed != nil {
		return nil, failed
	}
	o := newObject(body, rq.now)
	o.checksum, o.header = sum, objectHeaders(rq.Header)
	return o, nil
}

// deleteObject removes an object. S3 does not say whether there was one.
func (f *Fake) deleteObject(rq *request, call *s3Call) (*answer, *failure) {
	if failed := f.allow(rq, "s3:DeleteObject", call.arn(), call); failed != nil {
		return nil, failed
	}
	if rq.Header.Get("If-Match") != "" {
		return nil, notImplemented("if-match") // S3 has it since 2025
	}
	f.store.remove(call.bucket, call.key)
	return &answer{status: http.StatusNoContent, header: rq.s3Header()}, nil
}

// precondition is the refusal of a condition that does not hold.
func precondition(name string) *failure {
	return fail(http.StatusPreconditionFailed, "PreconditionFailed",
		"At least one of the pre-conditions you specified did not hold (%s)", name)
}

// matches reports whether a list of entity tags has this one.
func matches(list, etag string) bool {
	for tag := range strings.SplitSeq(list, ",") {
		tag = strings.TrimSpace(tag)
		if tag == "*" || strings.Trim(tag, `"`) == strings.Trim(etag, `"`) {
			return true
		}
	}
	return false
}

// parseRange reads a Range header of one range of bytes. Any other form is
// ignored, as HTTP has it; ok is false for a range outside the object.
func parseRange(header string, size int) (from, to int, ok bool) {
	spec, found := strings.CutPrefix(header, "bytes=")
	first, last, dash := strings.Cut(spec, "-")
	a, errA := strconv.Atoi(first)
	b, errB := strconv.Atoi(last)
	switch {
	// A suffix of nothing, and a range that begins after the end, cannot be
	// satisfied; a range whose ends are swapped is no range.
	case !found || !dash || errA != nil && first != "" || errB != nil && last != "" || first == "" && last == "":
		return 0, size, true
	case a < 0 || b < 0 || first != "" && last != "" && a > b:
		return 0, size, true
	case first == "":
		return max(0, size-b), size, b > 0 && size > 0
	case last == "" || b >= size:
		return a, size, a < size
	}
	return a, b + 1, true
}
