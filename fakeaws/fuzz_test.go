package fakeaws_test

import (
	"fmt"
	"hash/crc32"
	"net/http/httptest"
	"slices"
	"strings"
	"testing"

	"encoding/base64"
	"encoding/binary"

	"github.com/vendord/vendord/fakeaws"
)

// FuzzAuthorization: what is accepted has one reading, and can be written down
// again to be read the same.
func FuzzAuthorization(f *testing.F) {
	const good = "AWS4-HMAC-SHA256 Credential=AKIAIOSFODNN7EXAMPLE/20261121/eu-west-1/sts/aws4_request, SignedHeaders=host;x-amz-date, Signature="
	f.Add(good + strings.Repeat("0a", 32))
	f.Add(strings.ReplaceAll(good, ", ", ",") + strings.Repeat("f", 64))
	f.Add("AWS4-HMAC-SHA256 Credential=a/b,Signature=")
	f.Add("AWS4-HMAC-SHA256 =,=,=")
	f.Fuzz(func(t *testing.T, value string) {
		keyID, scope, signed, err := fakeaws.ParseAuthorization(value)
		if err != nil {
			return
		}
		if keyID == "" || strings.Contains(keyID, "/") || strings.Count(scope, "/") != 3 || !strings.HasSuffix(scope, "/aws4_request") {
			t.Errorf("%q: got key %q and scope %q", value, keyID, scope)
		}
		if !slices.IsSorted(signed) || strings.ToLower(strings.Join(signed, "")) != strings.Join(signed, "") {
			t.Errorf("%q: got headers %v", value, signed)
		}
		again := fmt.Sprintf("AWS4-HMAC-SHA256 Credential=%s/%s, SignedHeaders=%s, Signature=%064d", keyID, scope, strings.Join(signed, ";"), 0)
		if k, s, h, err := fakeaws.ParseAuthorization(again); err != nil || k != keyID || s != scope || !slices.Equal(h, signed) {
			t.Errorf("%q: written again it reads %q, %q, %v, %v", value, k, s, h, err)
		}
	})
}

// FuzzForm: members are numbered without gaps, and no parameter of a list is
// dropped.
func FuzzForm(f *testing.F) {
	f.Add("Action=AssumeRole&Tags.member.1.Key=a&Tags.member.1.Value=b&PolicyArns.member.1.arn=x")
	f.Add("Tags.member.2.Key=a")
	f.Add("PolicyArns.member.1.Arn=x")
	f.Add("a=%zz&b=;")
	f.Fuzz(func(t *testing.T, body string) {
		tags, arns, err := fakeaws.ParseForm(body)
		if err != nil {
			return
		}
		n := 0
		for _, list := range [][]map[string]string{tags, arns} {
			for i, m := range list {
				if len(m) == 0 {
					t.Errorf("%q: member %d is empty", body, i+1)
				}
				n += len(m)
			}
		}
		if most := strings.Count(body, "=") + strings.Count(body, "&") + 1; n > most {
			t.Errorf("%q: %d fields of at most %d parameters", body, n, most)
		}
	})
}

// FuzzChunks: a decoded body has the announced length, and every framing of a
// body decodes to it.
func FuzzChunks(f *testing.F) {
	f.Add("5\r\nhello\r\n0\r\nx-amz-checksum-crc32:NhCmhg==\r\n\r\n", "hello", uint16(1))
	f.Add("ffffffffffffffff\r\n", "", uint16(9000))
	f.Add("0\r\n\r\n\r\n", strings.Repeat("x", 20000), uint16(8192))
	f.Fuzz(func(t *testing.T, hostile, content string, size uint16) {
		if got, _, ok := fakeaws.DecodeChunks(hostile, int64(len(content))); ok && len(got) != len(content) {
			t.Errorf("%q: got %d bytes, want %d", hostile, len(got), len(content))
		}
		var b strings.Builder
		for rest := content; rest != ""; {
			n := min(len(rest), max(8192, int(size)))
			fmt.Fprintf(&b, "%x\r\n%s\r\n", n, rest[:n])
			rest = rest[n:]
		}
		sum := base64.StdEncoding.EncodeToString(binary.BigEndian.AppendUint32(nil, crc32.ChecksumIEEE([]byte(content))))
		b.WriteString("0\r\nx-amz-checksum-crc32:" + sum + "\r\n\r\n")
		if got, checksum, ok := fakeaws.DecodeChunks(b.String(), int64(len(content))); !ok || got != content || checksum != sum {
			t.Errorf("a body of %d bytes in chunks of %d: got %d bytes, %t", len(content), size, len(got), ok)
		}
	})
}

// FuzzRange: a range is within the object.
func FuzzRange(f *testing.F) {
	for _, header := range []string{"bytes=0-1", "bytes=-1", "bytes=5-", "bytes=9999999999999999999-", "bytes=--1", ""} {
		f.Add(header, uint16(27))
	}
	f.Fuzz(func(t *testing.T, header string, size uint16) {
		from, to, ok := fakeaws.ParseRange(header, int(size))
		if ok && (from < 0 || from > to || to > int(size)) {
			t.Errorf("%q of %d: got %d to %d", header, size, from, to)
		}
	})
}

// FuzzRequest sends anything at all: unsigned, it must get an error, and the
// fake must stand.
func FuzzRequest(f *testing.F) {
	fake, err := fakeaws.New(fakeaws.Config{State: fakeaws.Example()})
	if err != nil {
		f.Fatal(err)
	}
	f.Add("POST", "/", "Action=AssumeRole", "AWS4-HMAC-SHA256 x=y")
	f.Add("GET", "/company1-hr?list-type=2", "", "")
	f.Add("PUT", "/company1-hr/%zz", "", "AWS4-HMAC-SHA256 Credential=AKIAIOSFODNN7EXAMPLE/20261121/eu-west-1/s3/aws4_request, SignedHeaders=host, Signature="+strings.Repeat("0", 64))
	f.Fuzz(func(t *testing.T, method, path, body, authorization string) {
		if method == "" || strings.ContainsAny(method, " /\x00\r\n") || !strings.HasPrefix(path, "/") || strings.ContainsAny(path, " \r\n\x7f") {
			return
		}
		defer func() {
			if r := recover(); r != nil && !strings.Contains(fmt.Sprint(r), "invalid NewRequest") {
				panic(r)
			}
		}()
		r := httptest.NewRequest(method, path, strings.NewReader(body))
		r.Host = "127.0.0.1"
		r.Header.Set("Content-Type", "application/x-www-form-urlencoded")
		r.Header.Set("Authorization", authorization)
		w := httptest.NewRecorder()
		fake.ServeHTTP(w, r)
		if w.Code < 400 && !strings.HasPrefix(r.URL.Path, "/_fake/") {
			t.Errorf("%s %s: got %d", method, path, w.Code)
		}
	})
}
