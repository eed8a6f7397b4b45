package fakeaws

import (
	"encoding/base64"
	"net/http"
	"strconv"
	"strings"
)

// maxKeys is the most that one page of a list has.
const maxKeys = 1000

// maxBuckets is the most that one page of buckets has.
const maxBuckets = 10000

// listBuckets lists the buckets of the caller's account.
func (f *Fake) listBuckets(rq *request, call *s3Call) (*answer, *failure) {
	if failed := f.allow(rq, "s3:ListAllMyBuckets", "arn:aws:s3:::*", call); failed != nil {
		return nil, failed
	}
	most, failed := call.number("max-buckets", 1, maxBuckets)
	if failed != nil {
		return nil, failed
	}
	after, failed := call.continuation()
	if failed != nil {
		return nil, failed
	}
	list := bucketsXML{Owner: rq.caller.account, Prefix: call.query.Get("prefix")}
	for _, name := range f.store.names(rq.caller.account) {
		if name <= after || !strings.HasPrefix(name, list.Prefix) {
			continue
		}
		if len(list.Buckets) == most {
			list.ContinuationToken = continueAfter(list.Buckets[most-1].Name)
			break
		}
		list.Buckets = append(list.Buckets, bucketXML{Name: name, CreationDate: s3Date(f.store.creation), BucketRegion: f.world.region})
	}
	return rq.s3XML(http.StatusOK, &list), nil
}

// number reads a count from the query, or returns the most there can be.
func (c *s3Call) number(name string, least, most int) (int, *failure) {
	if !c.query.Has(name) {
		return most, nil
	}
	n, err := strconv.ParseInt(c.query.Get(name), 10, 32)
	if err != nil || int(n) < least {
		return 0, badArgument("Provided " + name + " not an integer or within integer range")
	}
	return min(int(n), most), nil
}

// continueAfter makes the token that continues a list after a name. It is not
// signed: whoever makes one up sees the rest of a list that they may see.
func continueAfter(name string) string {
	return base64.URLEncoding.EncodeToString([]byte(name))
}

// continuation returns the name that a list goes on after, or "".
func (c *s3Call) continuation() (string, *failure) {
	after, err := base64.URLEncoding.DecodeString(c.query.Get("continuation-token"))
	if err != nil || c.query.Has("continuation-token") && len(after) == 0 {
		return "", badArgument("The continuation token provided is incorrect")
	}
	return string(after), nil
}

// getBucketLocation names the region; us-east-1 is the one without a name.
func (f *Fake) getBucketLocation(rq *request, call *s3Call) (*answer, *failure) {
	if failed := f.allow(rq, "s3:GetBucketLocation", call.arn(), call); failed != nil {
		return nil, failed
	}
	region := f.bucketRegion(rq)
	if region == "us-east-1" {
		region = ""
	}
	return rq.s3XML(http.StatusOK, &locationXML{Region: region}), nil
}

// headBucket says that the bucket is there.
func (f *Fake) headBucket(rq *request, call *s3Call) (*answer, *failure) {
	if failed := f.allow(rq, "s3:ListBucket", call.arn(), call); failed != nil {
		return nil, failed
	}
	return &answer{status: http.StatusOK, header: rq.s3Header("x-amz-bucket-region", f.bucketRegion(rq))}, nil
}

// bucketRegion is the region of every bucket, or in a world without regions
// the one that the client asked.
func (f *Fake) bucketRegion(rq *request) string {
	if f.world.region != "" {
		return f.world.region
	}
	return rq.auth.region
}

// listObjects is ListObjects and ListObjectsV2: one way through the keys, two
// ways to say where to go on.
func (f *Fake) listObjects(rq *request, call *s3Call) (*answer, *failure) {
	if failed := f.allow(rq, "s3:ListBucket", call.arn(), call); failed != nil {
		return nil, failed
	}
	p, failed := readPage(call)
	if failed != nil {
		return nil, failed
	}
	// Names that a client sent come back in the encoding it asked for.
	list := f.store.page(call.bucket, p)
	list.Name, list.Prefix, list.Delimiter, list.MaxKeys = call.bucket, p.encode(p.prefix), p.encode(p.delimiter), p.most
	if call.query.Get("encoding-type") == "url" {
		list.EncodingType = "url"
	}
	if call.operation == "ListObjects" {
		list.Marker = new(p.encode(p.after))
		if p.delimiter == "" {
			list.next = "" // version 1 says it only where keys were rolled up
		}
		list.NextMarker = p.encode(list.next)
		return rq.s3XML(http.StatusOK, &list.listXML), nil
	}
	list.KeyCount = new(len(list.Contents) + len(list.CommonPrefixes))
	list.StartAfter, list.ContinuationToken = p.encode(call.query.Get("start-after")), call.query.Get("continuation-token")
	if list.IsTruncated {
		list.NextContinuationToken = continueAfter(list.next)
	}
	return rq.s3XML(http.StatusOK, &list.listXML), nil
}

// page is which part of a bucket's keys is asked for.
type page struct {
	prefix, delimiter string
	after             string // keys up to this one were seen
	most              int
	encode            func(string) string
}

// readPage reads the parameters of a list. A token of continuation goes before
// start-after, which clients keep sending with it.
func readPage(call *s3Call) (page, *failure) {
	q := call.query
	p := page{prefix: q.Get("prefix"), delimiter: q.Get("delimiter"), after: q.Get("marker"),
		encode: func(s string) string { return s }}
	var failed *failure
	if p.most, failed = call.number("max-keys", 0, maxKeys); failed != nil {
		return p, failed
	}
	switch q.Get("encoding-type") {
	// Spaces become %20 here and + at AWS: botocore and the AWS CLI, which
	// always ask for this, read both.
	case "url":
		p.encode = func(s string) string { return uriEncode(s, true) }
	case "":
	default:
		return p, badArgument("Invalid Encoding Method specified in Request")
	}
	if call.operation == "ListObjects" {
		return p, nil
	}
	if p.after, failed = call.continuation(); p.after == "" {
		p.after = q.Get("start-after")
	}
	return p, failed
}

func badArgument(message string) *failure {
	return fail(http.StatusBadRequest, "InvalidArgument", "%s", message)
}

// pageXML is a page of a list, and where the next one begins.
type pageXML struct {
	listXML
	next string
}

// page returns the keys and common prefixes of a page, in the order of their
// bytes.
func (s *store) page(bucket string, p page) *pageXML {
	list := &pageXML{}
	rolled := "" // the common prefix that keys are being rolled into
	for _, o := range s.sorted(bucket, p.prefix) {
		common := ""
		if head, _, found := strings.Cut(o.key[len(p.prefix):], p.delimiter); found && p.delimiter != "" {
			common = p.prefix + head + p.delimiter
		}
		// A page that ended with a common prefix is continued after all
		// that is in it.
		seen := o.key <= p.after || common != "" && (common == rolled || common == p.after)
		if seen {
			continue
		}
		// One more would be too many; so there is one more, and the list
		// is truncated. A list of no keys is not: it could never end.
		if len(list.Contents)+len(list.CommonPrefixes) == p.most {
			list.IsTruncated = p.most > 0
			break
		}
		if rolled = common; common != "" {
			list.CommonPrefixes = append(list.CommonPrefixes, prefixXML{p.encode(common)})
			list.next = common
			continue
		}
		list.Contents = append(list.Contents, objectXML{Key: p.encode(o.key), LastModified: s3Date(o.modified),
			ETag: o.etag, Size: len(o.body), StorageClass: "STANDARD"})
		list.next = o.key
	}
	if !list.IsTruncated {
		list.next = ""
	}
	return list
}
