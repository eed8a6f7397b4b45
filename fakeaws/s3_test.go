package fakeaws_test

import (
	"bytes"
	"io"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"sync/atomic"
	"testing"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/s3"
	"github.com/aws/aws-sdk-go-v2/service/s3/types"
	"github.com/vendord/vendord/fakeaws"
)

// lesson is a session that may do everything in lesson-bucket.
func (p *place) lesson() aws.Credentials { return p.assume(john(), lessonRole, "lesson") }

// oddKeys are keys that somebody's encoding gets wrong.
var oddKeys = []string{"plain", "a b+c", "100%", "%41", "ü/ö ß.txt", "日本語", "//double//slash/", "a/../b", "q?x=1&y#z", "semi;colon,'quote'\"<&>", "~tilde*(star)!", " ", "."}

func TestObjects(t *testing.T) {
	p := start(t, fakeaws.Config{})
	c := p.s3(p.lesson())
	bucket := aws.String("lesson-bucket")
	for _, key := range oddKeys {
		t.Run(key, func(t *testing.T) {
			put, err := c.PutObject(t.Context(), &s3.PutObjectInput{Bucket: bucket, Key: &key, Body: strings.NewReader("hello"),
				ContentType: aws.String("text/plain"), Metadata: map[string]string{"owner": "ann"}})
			if err != nil {
				t.Fatalf("PutObject: %v", err)
			}
			if want := `"5d41402abc4b2a76b9719d911017c592"`; *put.ETag != want {
				t.Errorf("ETag: got %s, want %s", *put.ETag, want)
			}
			get, err := c.GetObject(t.Context(), &s3.GetObjectInput{Bucket: bucket, Key: &key})
			if err != nil {
				t.Fatalf("GetObject: %v", err)
			}
			body, err := io.ReadAll(get.Body)
			if string(body) != "hello" || err != nil || *get.ContentType != "text/plain" || get.Metadata["owner"] != "ann" {
				t.Errorf("GetObject: got %q, %v, %s, %v", body, err, *get.ContentType, get.Metadata)
			}
			head, err := c.HeadObject(t.Context(), &s3.HeadObjectInput{Bucket: bucket, Key: &key})
			if err != nil || *head.ContentLength != 5 || head.LastModified.IsZero() {
				t.Errorf("HeadObject: got %v, %v", head, err)
			}
			for _, encoding := range []types.EncodingType{"", "url"} {
				list, err := c.ListObjectsV2(t.Context(), &s3.ListObjectsV2Input{Bucket: bucket, Prefix: &key, EncodingType: encoding})
				if err != nil || len(list.Contents) != 1 {
					t.Errorf("ListObjectsV2: got %v, %v, want one object", list, err)
				}
			}
			if _, err := c.DeleteObject(t.Context(), &s3.DeleteObjectInput{Bucket: bucket, Key: &key}); err != nil {
				t.Errorf("DeleteObject: %v", err)
			}
			_, err = c.GetObject(t.Context(), &s3.GetObjectInput{Bucket: bucket, Key: &key})
			wantError(t, "GetObject", err, "NoSuchKey", "The specified key does not exist.")
		})
	}
}

func TestBuckets(t *testing.T) {
	p := start(t, fakeaws.Config{})
	out, err := p.s3(john()).ListBuckets(t.Context(), &s3.ListBucketsInput{})
	if err != nil || len(out.Buckets) != 1 || *out.Buckets[0].Name != "company1-hr" {
		t.Errorf("ListBuckets: got %v, %v, want the account's one bucket", out, err)
	}
	admin := p.s3(p.assume(john(), adminRole, "s3-session"))
	if head, err := admin.HeadBucket(t.Context(), &s3.HeadBucketInput{Bucket: aws.String("payroll")}); err != nil || *head.BucketRegion != region {
		t.Errorf("HeadBucket: got %v, %v", head, err)
	}
	if at, err := admin.GetBucketLocation(t.Context(), &s3.GetBucketLocationInput{Bucket: aws.String("payroll")}); err != nil || string(at.LocationConstraint) != region {
		t.Errorf("GetBucketLocation: got %v, %v", at, err)
	}
	pages := s3.NewListBucketsPaginator(admin, &s3.ListBucketsInput{MaxBuckets: aws.Int32(1)})
	var names []string
	for pages.HasMorePages() {
		page, err := pages.NextPage(t.Context())
		if err != nil || len(page.Buckets) > 1 {
			t.Fatalf("ListBuckets: got %v, %v, want one bucket", page, err)
		}
		for _, b := range page.Buckets {
			names = append(names, *b.Name)
		}
	}
	if want := []string{"NewHireOrientation", "payroll"}; !slices.Equal(names, want) {
		t.Errorf("ListBuckets in pages of one: got %v, want %v", names, want)
	}
	for owner, status := range map[string]int{"111122223333": 200, "629470240201": 403} {
		r := object(p.assume(john(), adminRole, "s3-session"), "GET", "/payroll", "")
		r.header["X-Amz-Expected-Bucket-Owner"] = []string{owner}
		if got := p.send(r); got.status != status {
			t.Errorf("expected owner %s: got %d %s, want %d", owner, got.status, got.message, status)
		}
	}
	_, err = admin.ListObjectsV2(t.Context(), &s3.ListObjectsV2Input{Bucket: aws.String("nobodys")})
	wantError(t, "ListObjectsV2", err, "NoSuchBucket", "The specified bucket does not exist")
	_, err = admin.ListObjectsV2(t.Context(), &s3.ListObjectsV2Input{Bucket: aws.String("company1-hr")})
	wantError(t, "another account's bucket", err, "AccessDenied",
		"User: arn:aws:sts::111122223333:assumed-role/SecurityAdminAccess/s3-session is not authorized to perform: s3:ListBucket on resource: "+
			`"arn:aws:s3:::company1-hr" because no resource-based policy allows the s3:ListBucket action`)
	_, err = p.s3(p.assume(john(), uploadRole, "upload")).ListBuckets(t.Context(), &s3.ListBucketsInput{})
	wantError(t, "ListBuckets", err, "AccessDenied",
		"User: "+uploaderARN+" is not authorized to perform: s3:ListAllMyBuckets because no identity-based policy allows the s3:ListAllMyBuckets action")
}

// TestMissingKey: who may not list a bucket does not learn what is in it.
func TestMissingKey(t *testing.T) {
	p := start(t, fakeaws.Config{})
	blind := p.assume(john(), lessonRole, "lesson", with(allow("s3:GetObject", "arn:aws:s3:::lesson-bucket/*")))
	_, err := p.client(blind).Get(t.Context(), "lesson-bucket", "nope")
	wantError(t, "Get without s3:ListBucket", err, "AccessDenied",
		"User: arn:aws:sts::123456789012:assumed-role/Uploader/lesson is not authorized to perform: s3:ListBucket on resource: "+
			`"arn:aws:s3:::lesson-bucket" because no session policy allows the s3:ListBucket action`)
	_, err = p.client(p.lesson()).Get(t.Context(), "lesson-bucket", "nope")
	wantError(t, "Get", err, "NoSuchKey", "The specified key does not exist.")
	_, err = p.client(p.lesson()).Head(t.Context(), "lesson-bucket", "nope")
	wantError(t, "Head", err, "Not Found", "")
}

func TestRange(t *testing.T) {
	p := start(t, fakeaws.Config{})
	for header, want := range map[string]string{
		"bytes=0-6": "Welcome", "bytes=9-": "Lunch is at noon.\n", "bytes=-6": "noon.\n", "bytes=21-900": "noon.\n", "bytes=-900": "Welcome. Lunch is at noon.\n",
		"bytes=6-5": "Welcome. Lunch is at noon.\n", "bytes=0-1,3-4": "Welcome. Lunch is at noon.\n", "lines=1-2": "Welcome. Lunch is at noon.\n",
	} {
		r := object(john(), "GET", "/company1-hr/handbook.txt", "")
		r.header["Range"] = []string{header}
		if got := p.send(r); got.body != want {
			t.Errorf("Range %s: got %d %q, want %q", header, got.status, got.body, want)
		}
	}
	r := object(john(), "GET", "/company1-hr/handbook.txt", "")
	r.header["Range"] = []string{"bytes=27-"}
	p.send(r).want(t, 416, "InvalidRange", "The requested range is not satisfiable")
	r.header["Range"] = []string{"bytes=1-2"}
	if got := p.send(r); got.status != 206 || got.header.Get("Content-Range") != "bytes 1-2/27" || got.header.Get("Content-Length") != "2" {
		t.Errorf("bytes=1-2: got %d, %v", got.status, got.header)
	}
}

func TestPreconditions(t *testing.T) {
	p := start(t, fakeaws.Config{})
	c := p.lesson()
	try := func(method, key, name, value string) reply {
		r := object(c, method, "/lesson-bucket/"+key, "")
		r.header[name] = []string{value}
		return p.send(r)
	}
	etag := p.send(object(c, "GET", "/lesson-bucket/lesson.txt", "")).header.Get("Etag")
	const failed = "At least one of the pre-conditions you specified did not hold "
	try("GET", "lesson.txt", "If-Match", etag).want(t, 200, "", "")
	try("GET", "lesson.txt", "If-Match", `"other"`).want(t, 412, "PreconditionFailed", failed+"(If-Match)")
	try("GET", "lesson.txt", "If-None-Match", etag).want(t, 304, "", "")
	try("PUT", "lesson.txt", "If-None-Match", "*").want(t, 412, "PreconditionFailed", failed+"(If-None-Match)")
	try("PUT", "new.txt", "If-None-Match", "*").want(t, 200, "", "")
	try("PUT", "new.txt", "If-None-Match", etag).want(t, 501, "NotImplemented",
		"A header you provided implies functionality that is not implemented (fakeaws: if-none-match).")
	try("DELETE", "new.txt", "If-Match", etag).want(t, 501, "NotImplemented",
		"A header you provided implies functionality that is not implemented (fakeaws: if-match).")
	try("PUT", "newer.txt", "If-Match", etag).want(t, 412, "PreconditionFailed", failed+"(If-Match)")
	try("PUT", "lesson.txt", "If-Match", etag).want(t, 200, "", "")
}

// TestNotImplemented: what the fake does not do it refuses by name.
func TestNotImplemented(t *testing.T) {
	p := start(t, fakeaws.Config{})
	c := p.lesson()
	for request, message := range map[string]string{
		"PUT /new-bucket":                              "fakeaws does not have the operation CreateBucket.",
		"DELETE /lesson-bucket":                        "fakeaws does not have the operation DeleteBucket.",
		"POST /lesson-bucket?delete":                   "fakeaws does not have the operation DeleteObjects.",
		"POST /lesson-bucket/big?uploads":              "fakeaws does not have the operation CreateMultipartUpload.",
		"PUT /lesson-bucket/big?partNumber=1&uploadId": "fakeaws does not have the operation UploadPart.",
		"POST /lesson-bucket":                          "fakeaws does not have this operation: POST of a bucket",
		"POST /lesson-bucket/form":                     "fakeaws does not have this operation: POST of an object",
		"GET /lesson-bucket?acl":                       `fakeaws does not have this operation: GET of a bucket with the parameter "acl"`,
		"GET /lesson-bucket/lesson.txt?versionId=1":    `fakeaws does not have this operation: GET of an object with the parameter "versionId"`,
		"PUT /": "fakeaws does not have this operation: PUT of all buckets",
	} {
		t.Run(request, func(t *testing.T) {
			method, path, _ := strings.Cut(request, " ")
			p.send(object(c, method, path, "")).want(t, 501, "NotImplemented", message)
		})
	}
	for name, value := range map[string]string{"X-Amz-Acl": "public-read", "X-Amz-Tagging": "a=b", "X-Amz-Server-Side-Encryption": "aws:kms", "X-Amz-Anything": "x", "If-Modified-Since": "x"} {
		r := object(c, "PUT", "/lesson-bucket/x", "x")
		r.header[name] = []string{value}
		p.send(r).want(t, 501, "NotImplemented", "A header you provided implies functionality that is not implemented (fakeaws: "+strings.ToLower(name)+").")
	}
	r := object(c, "PUT", "/lesson-bucket/copy", "")
	r.header["X-Amz-Copy-Source"] = []string{"/lesson-bucket/lesson.txt"}
	p.send(r).want(t, 501, "NotImplemented", "fakeaws does not have the operation CopyObject.")
}

func TestBadRequests(t *testing.T) {
	p := start(t, fakeaws.Config{})
	c := p.lesson()
	header := func(r raw, pairs ...string) raw {
		for i := 0; i < len(pairs); i += 2 {
			r.header[pairs[i]] = []string{pairs[i+1]}
		}
		return r
	}
	hello := func() raw { return object(c, "PUT", "/lesson-bucket/x", "hello") }
	for _, x := range []struct {
		name          string
		r             raw
		status        int
		code, message string
	}{
		{"a key of 1,025 bytes", object(c, "PUT", "/lesson-bucket/"+strings.Repeat("k", 1025), ""), 400, "KeyTooLongError", "Your key is too long"},
		{"a key that is not UTF-8", object(c, "PUT", "/lesson-bucket/%ff", ""), 400, "InvalidURI", "Couldn't parse the specified URI."},
		{"a checksum that the fake has not", header(hello(), "X-Amz-Checksum-Xxhash64", "AAAAAAAAAAA="), 501, "NotImplemented", "fakeaws does not have the checksum x-amz-checksum-xxhash64."},
		{"no bucket", object(c, "GET", "//key", ""), 400, "InvalidBucketName", "The specified bucket is not valid."},
		{"a hash that is none", header(hello(), "X-Amz-Content-Sha256", "abc"), 400, "InvalidArgument", "x-amz-content-sha256 must be UNSIGNED-PAYLOAD, " +
			"STREAMING-UNSIGNED-PAYLOAD-TRAILER, STREAMING-AWS4-HMAC-SHA256-PAYLOAD, STREAMING-AWS4-HMAC-SHA256-PAYLOAD-TRAILER or a valid sha256 value."},
		{"the hash of another body", header(hello(), "X-Amz-Content-Sha256", strings.Repeat("0", 64)), 400, "XAmzContentSHA256Mismatch",
			"The provided 'x-amz-content-sha256' header does not match what was computed."},
		{"Content-MD5 that is none", header(hello(), "Content-Md5", "abc"), 400, "InvalidDigest", "The Content-MD5 you specified is not valid."},
		{"Content-MD5 of another body", header(hello(), "Content-Md5", "1B2M2Y8AsgTpgAmY7PhCfg=="), 400, "BadDigest", "The Content-MD5 you specified did not match what we received."},
		{"Content-MD5 as it should be", header(hello(), "Content-Md5", "XUFAKrxLKna5cZ2REBfFkg=="), 200, "", ""},
		{"CRC32 of another body", header(hello(), "X-Amz-Checksum-Crc32", "AAAAAA=="), 400, "BadDigest", "The CRC32 you specified did not match the calculated checksum."},
		{"CRC32 that is none", header(hello(), "X-Amz-Checksum-Crc32", "AA=="), 400, "InvalidRequest", "Value for x-amz-checksum-crc32 header is invalid."},
		{"CRC64NVME of another body", header(hello(), "X-Amz-Checksum-Crc64nvme", "AAAAAAAAAAA="), 400, "BadDigest", "The CRC64NVME you specified did not match the calculated checksum."},
		{"two checksums", header(hello(), "X-Amz-Checksum-Crc32", "NhCmhg==", "X-Amz-Checksum-Crc32c", "mnG7TA=="), 400, "InvalidRequest",
			"Expecting a single x-amz-checksum- header. Multiple checksum Types are not allowed."},
		{"an object that is too large", object(c, "PUT", "/lesson-bucket/x", strings.Repeat("x", 16<<20+1)), 400, "EntityTooLarge",
			"Your proposed upload exceeds the maximum allowed size (fakeaws: 16 MiB for one object)."},
	} {
		t.Run(x.name, func(t *testing.T) { p.send(x.r).want(t, x.status, x.code, x.message) })
	}
	t.Run("a query that is none", func(t *testing.T) {
		r := object(c, "GET", "/lesson-bucket", "")
		r.after = func(rq *http.Request) { rq.URL.RawQuery = "prefix=%zz" }
		p.send(r).want(t, 400, "InvalidURI", "Couldn't parse the specified URI.")
	})
	t.Run("no hash", func(t *testing.T) {
		r := hello()
		r.after = func(rq *http.Request) { rq.Header.Del("X-Amz-Content-Sha256") }
		p.send(r).want(t, 400, "InvalidRequest", "Missing required header for this request: x-amz-content-sha256")
	})
	t.Run("no length", func(t *testing.T) {
		r := hello()
		r.header["X-Amz-Content-Sha256"] = []string{"UNSIGNED-PAYLOAD"}
		r.before = func(rq *http.Request) { rq.ContentLength, rq.Body = -1, io.NopCloser(strings.NewReader("hello")) }
		p.send(r).want(t, 411, "MissingContentLength", "You must provide the Content-Length HTTP header.")
	})
}

// TestChecksums has the SDK send and verify every checksum, over HTTP and over
// TLS, where it signs no body and sends the checksum behind it.
func TestChecksums(t *testing.T) {
	p := start(t, fakeaws.Config{})
	c := p.lesson()
	var signed atomic.Value // what the latest upload over TLS signed of its body
	s := httptest.NewTLSServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.Method == http.MethodPut {
			signed.Store(r.Header.Get("X-Amz-Content-Sha256"))
		}
		p.ServeHTTP(w, r)
	}))
	t.Cleanup(s.Close)
	over := map[string]*s3.Client{
		"http": p.s3(c),
		"tls": s3.New(s3.Options{Region: region, BaseEndpoint: &s.URL, Credentials: static(c), Retryer: aws.NopRetryer{}, UsePathStyle: true,
			HTTPClient: s.Client()}),
	}
	body := bytes.Repeat([]byte("0123456789abcdef"), 20<<10/16)
	for name, client := range over {
		for _, algorithm := range types.ChecksumAlgorithm("").Values() {
			if strings.HasPrefix(string(algorithm), "XXHASH") || algorithm == "MD5" || algorithm == "SHA512" {
				continue // the SDK computes none of these itself
			}
			t.Run(name+" "+string(algorithm), func(t *testing.T) {
				_, err := client.PutObject(t.Context(), &s3.PutObjectInput{Bucket: aws.String("lesson-bucket"), Key: aws.String("sum"),
					Body: bytes.NewReader(body), ChecksumAlgorithm: algorithm})
				if err != nil {
					t.Fatalf("PutObject: %v", err)
				}
				if got := signed.Load(); name == "tls" && got != "STREAMING-UNSIGNED-PAYLOAD-TRAILER" {
					t.Errorf("x-amz-content-sha256: got %s, want a trailer", got)
				}
				out, err := client.GetObject(t.Context(), &s3.GetObjectInput{Bucket: aws.String("lesson-bucket"), Key: aws.String("sum"), ChecksumMode: types.ChecksumModeEnabled})
				if err != nil {
					t.Fatalf("GetObject: %v", err)
				}
				got, err := io.ReadAll(out.Body)
				if err != nil || !bytes.Equal(got, body) || out.ChecksumType != types.ChecksumTypeFullObject || out.ContentEncoding != nil {
					t.Errorf("GetObject: got %d bytes, %v, %s", len(got), err, out.ChecksumType)
				}
			})
		}
	}
	t.Run("a stream of unknown content over tls", func(t *testing.T) {
		_, err := over["tls"].PutObject(t.Context(), &s3.PutObjectInput{Bucket: aws.String("lesson-bucket"), Key: aws.String("stream"),
			Body: io.MultiReader(bytes.NewReader(body)), ContentLength: aws.Int64(int64(len(body)))})
		if err != nil {
			t.Errorf("PutObject: %v", err)
		}
	})
}
