package fakeaws

import (
	"crypto/md5"
	"crypto/sha1"
	"crypto/sha256"
	"crypto/sha512"
	"encoding/base64"
	"hash"
	"hash/crc32"
	"hash/crc64"
	"maps"
	"net/http"
	"slices"
	"strings"
)

const checksumPrefix = "x-amz-checksum-"

// checksum is one of the checksums that S3 keeps beside an object: its name
// and its value in base64.
type checksum struct{ name, value string }

// CRC-64/NVME, the default of SDKs since 2025 where they can compute it, in the reflected form that hash/crc64 takes.
const nvme = 0x9a6c9329ac4bc9b5

// sums are S3's checksum algorithms by the names of their headers, but for the
// xxHash family, which the standard library does not have.
var sums = map[string]func() hash.Hash{
	checksumPrefix + "crc32":     func() hash.Hash { return crc32.NewIEEE() },
	checksumPrefix + "crc32c":    func() hash.Hash { return crc32.New(crc32.MakeTable(crc32.Castagnoli)) },
	checksumPrefix + "crc64nvme": func() hash.Hash { return crc64.New(crc64.MakeTable(nvme)) },
	checksumPrefix + "md5":       md5.New,
	checksumPrefix + "sha1":      sha1.New,
	checksumPrefix + "sha256":    sha256.New,
	checksumPrefix + "sha512":    sha512.New,
}

// noChecksums are headers that look like checksums.
var noChecksums = []string{checksumPrefix + "mode", checksumPrefix + "type", checksumPrefix + "algorithm"}

// checkDigests compares a body with every digest that came with it, in headers
// and in a trailer, and returns the checksum to keep.
func checkDigests(header http.Header, trailer map[string]string, body []byte) (checksum, *failure) {
	if failed := checkMD5(header, body); failed != nil {
		return checksum{}, failed
	}
	// A checksum in the trailer and one in a header are two, as two headers
	// would be.
	given := maps.Clone(trailer)
	if given == nil {
		given = map[string]string{}
	}
	for name := range header {
		given[strings.ToLower(name)] = header.Get(name)
	}
	var kept checksum
	for name, value := range given {
		if !strings.HasPrefix(name, checksumPrefix) || slices.Contains(noChecksums, name) {
			continue
		}
		if kept.name != "" {
			return checksum{}, fail(http.StatusBadRequest, "InvalidRequest",
				"Expecting a single x-amz-checksum- header. Multiple checksum Types are not allowed.")
		}
		kept = checksum{name, value}
	}
	if kept.name == "" {
		return kept, nil
	}
	return kept, kept.check(body)
}

// checkMD5 compares a body with its Content-MD5.
func checkMD5(header http.Header, body []byte) *failure {
	value := header.Get("Content-Md5")
	if value == "" {
		return nil
	}
	sum := md5.Sum(body)
	if got, err := base64.StdEncoding.DecodeString(value); err != nil || len(got) != len(sum) {
		return fail(http.StatusBadRequest, "InvalidDigest", "The Content-MD5 you specified is not valid.")
	}
	if value != base64.StdEncoding.EncodeToString(sum[:]) {
		return fail(http.StatusBadRequest, "BadDigest", "The Content-MD5 you specified did not match what we received.")
	}
	return nil
}

// check compares a body with a checksum. One that cannot be one is told from
// one that is wrong: the first is the client's code, the second the road.
func (c checksum) check(body []byte) *failure {
	sum, known := sums[c.name]
	if !known {
		return fail(http.StatusNotImplemented, "NotImplemented", "fakeaws does not have the checksum %.60s.", c.name)
	}
	h := sum()
	if got, err := base64.StdEncoding.DecodeString(c.value); err != nil || len(got) != h.Size() {
		return fail(http.StatusBadRequest, "InvalidRequest", "Value for %s header is invalid.", c.name)
	}
	h.Write(body)
	if base64.StdEncoding.EncodeToString(h.Sum(nil)) != c.value {
		return fail(http.StatusBadRequest, "BadDigest", "The %s you specified did not match the calculated checksum.",
			strings.ToUpper(strings.TrimPrefix(c.name, checksumPrefix)))
	}
	return nil
}
