package fakeaws_test

import (
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/s3"
	"github.com/vendord/vendord/fakeaws"
)

// shelf is the example world with these keys in lesson-bucket.
func shelf(keys ...string) fakeaws.State {
	s := fakeaws.Example()
	objects := map[string]string{}
	for _, k := range keys {
		objects[k] = k
	}
	s.Accounts[2].Buckets[0].Objects = objects
	return s
}

// TestPages walks through a bucket in pages of every size, in both versions:
// what comes out must not depend on the size.
func TestPages(t *testing.T) {
	p := start(t, fakeaws.Config{State: shelf("a", "b/1", "b/2", "b/c/3", "b0", "c/", "c/1", "d e", "é", "z/1", "z/2")})
	c := p.s3(p.lesson())
	for _, x := range []struct{ prefix, delimiter, want string }{
		{"", "", "a b/1 b/2 b/c/3 b0 c/ c/1 d_e z/1 z/2 é"},
		{"", "/", "a b/* b0 c/* d_e z/* é"},
		{"b", "/", "b/* b0"},
		{"b/", "/", "b/1 b/2 b/c/*"},
		{"c/", "/", "c/ c/1"},
		{"", "b/", "a b/* b0 c/ c/1 d_e z/1 z/2 é"},
		{"nothing", "", ""},
	} {
		for size := range int32(12) {
			size++
			name := fmt.Sprintf("prefix %q delimiter %q pages of %d", x.prefix, x.delimiter, size)
			v2 := s3.NewListObjectsV2Paginator(c, &s3.ListObjectsV2Input{Bucket: aws.String("lesson-bucket"), Prefix: &x.prefix, Delimiter: &x.delimiter, MaxKeys: &size})
			var got []string
			for v2.HasMorePages() {
				page, err := v2.NextPage(t.Context())
				if err != nil {
					t.Fatalf("%s: %v", name, err)
				}
				n := len(page.Contents) + len(page.CommonPrefixes)
				if int(*page.KeyCount) != n || n > int(size) {
					t.Errorf("%s: KeyCount %d for %d entries", name, *page.KeyCount, n)
				}
				for _, o := range page.Contents {
					got = append(got, *o.Key)
				}
				for _, o := range page.CommonPrefixes {
					got = append(got, *o.Prefix+"*")
				}
			}
			slices.Sort(got)
			if shown := strings.ReplaceAll(strings.Join(got, " "), "d e", "d_e"); shown != x.want {
				t.Errorf("%s: got %s, want %s", name, shown, x.want)
			}
		}
	}
}

func TestListVersion1(t *testing.T) {
	p := start(t, fakeaws.Config{State: shelf("a", "b/1", "b/2", "c")})
	c := p.s3(p.lesson())
	in := &s3.ListObjectsInput{Bucket: aws.String("lesson-bucket"), Delimiter: aws.String("/"), MaxKeys: aws.Int32(2)}
	out, err := c.ListObjects(t.Context(), in)
	if err != nil || !*out.IsTruncated || out.NextMarker == nil || *out.NextMarker != "b/" {
		t.Fatalf("ListObjects: got %+v, %v, want NextMarker b/", out, err)
	}
	in.Marker = out.NextMarker
	out, err = c.ListObjects(t.Context(), in)
	if err != nil || *out.IsTruncated || len(out.Contents) != 1 || *out.Contents[0].Key != "c" || *out.Marker != "b/" {
		t.Errorf("ListObjects: got %+v, %v, want c", out, err)
	}
	out, err = c.ListObjects(t.Context(), &s3.ListObjectsInput{Bucket: aws.String("lesson-bucket"), MaxKeys: aws.Int32(2)})
	if err != nil || !*out.IsTruncated || out.NextMarker != nil {
		t.Errorf("ListObjects without a delimiter: got NextMarker %v, %v, want none", out.NextMarker, err)
	}
}

func TestListParameters(t *testing.T) {
	p := start(t, fakeaws.Config{State: shelf("a&b", "c<d", "e f")})
	c := p.lesson()
	get := func(query string) reply { return p.send(object(c, "GET", "/lesson-bucket?"+query, "")) }
	get("list-type=2&max-keys=x").want(t, 400, "InvalidArgument", "Provided max-keys not an integer or within integer range")
	get("list-type=2&max-keys=-1").want(t, 400, "InvalidArgument", "Provided max-keys not an integer or within integer range")
	get("list-type=2&continuation-token=!").want(t, 400, "InvalidArgument", "The continuation token provided is incorrect")
	get("list-type=2&encoding-type=rot13").want(t, 400, "InvalidArgument", "Invalid Encoding Method specified in Request")
	for query, want := range map[string]string{
		"list-type=2&max-keys=0":              "<MaxKeys>0</MaxKeys><KeyCount>0</KeyCount><IsTruncated>false</IsTruncated>",
		"list-type=2&max-keys=5000":           "<MaxKeys>1000</MaxKeys>",
		"list-type=2&start-after=c%3Cd":       "<StartAfter>c&lt;d</StartAfter><Contents><Key>e f</Key>",
		"list-type=2&encoding-type=url":       "<Key>c%3Cd</Key>",
		"list-type=2&prefix=a&fetch-owner=no": "<Prefix>a</Prefix>",
		"prefix=e":                            "<Marker></Marker><Contents><Key>e f</Key>",
	} {
		if got := get(query); !strings.Contains(got.body, want) {
			t.Errorf("%s: got %s\nwant %s in it", query, got.body, want)
		}
	}
}

// TestConditions has policies decide by what the request is about.
func TestConditions(t *testing.T) {
	statement := func(condition string) string {
		return `{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Action":"s3:*","Resource":"*","Condition":` + condition + `}]}`
	}
	p := start(t, fakeaws.Config{})
	for _, x := range []struct {
		name, condition, path string
		want                  bool
	}{
		{"the prefix asked for", `{"StringLike":{"s3:prefix":"home/*"}}`, "?list-type=2&prefix=home/ann", true},
		{"another prefix", `{"StringLike":{"s3:prefix":"home/*"}}`, "?list-type=2&prefix=work/", false},
		{"no prefix", `{"StringLike":{"s3:prefix":"home/*"}}`, "?list-type=2", false},
		{"an empty prefix", `{"StringEquals":{"s3:prefix":""}}`, "?list-type=2&prefix=", true},
		{"few keys", `{"NumericLessThanEquals":{"s3:max-keys":"10"}}`, "?max-keys=10", true},
		{"many keys", `{"NumericLessThanEquals":{"s3:max-keys":"10"}}`, "?max-keys=11", false},
		{"the delimiter", `{"StringEquals":{"s3:delimiter":"/"}}`, "?delimiter=/", true},
		{"the role", `{"ArnEquals":{"aws:PrincipalArn":"` + lessonRole + `"}}`, "", true},
		{"the account", `{"StringEquals":{"aws:PrincipalAccount":"123456789012","aws:ResourceAccount":"123456789012"}}`, "", true},
		{"the session's id", `{"StringLike":{"aws:userid":"AROA*:lesson"}}`, "", true},
		{"no user name for a role", `{"Null":{"aws:username":"true"}}`, "", true},
		{"no source identity", `{"Null":{"aws:SourceIdentity":"true"}}`, "", true},
		{"the region", `{"StringEquals":{"aws:RequestedRegion":"eu-west-1"}}`, "", true},
		{"from this machine", `{"IpAddress":{"aws:SourceIp":"127.0.0.0/8"}}`, "", true},
		{"from elsewhere", `{"IpAddress":{"aws:SourceIp":"10.0.0.0/8"}}`, "", false},
		{"over TLS only", `{"Bool":{"aws:SecureTransport":"true"}}`, "", false},
		{"with MFA only", `{"Bool":{"aws:MultiFactorAuthPresent":"true"}}`, "", false},
		{"until 2020", `{"DateLessThan":{"aws:CurrentTime":"2020-01-01T00:00:00Z"}}`, "", false},
		{"since 2020", `{"DateGreaterThan":{"aws:CurrentTime":"2020-01-01T00:00:00Z","aws:EpochTime":"1577836800","aws:TokenIssueTime":"2020-01-01T00:00:00Z"}}`, "", true},
	} {
		t.Run(x.name, func(t *testing.T) {
			c := p.assume(john(), lessonRole, "lesson", with(statement(x.condition)))
			if got := p.send(object(c, "GET", "/lesson-bucket"+x.path, "")); (got.status == 200) != x.want {
				t.Errorf("got %d %s, want allowed: %t", got.status, got.message, x.want)
			}
		})
	}
	t.Run("tags and source identity of the session", func(t *testing.T) {
		got := p.send(form(john(), "Action=AssumeRole", "RoleArn="+adminRole, "RoleSessionName=s3-session", "SourceIdentity=ann", tag[0], tag[1],
			"Policy="+statement(`{"StringEquals":{"aws:PrincipalTag/Team":"red","aws:SourceIdentity":"ann"}}`)))
		if c := credentialsOf(t, got.body); p.send(object(c, "GET", "/payroll", "")).status != 200 {
			t.Error("got a refusal, want the session known by its tags")
		}
	})
	t.Run("john by his name, and what only sessions have", func(t *testing.T) {
		s := fakeaws.Example()
		s.Accounts[0].Users[0].Policies = fakeaws.Documents{statement(`{"StringEquals":{"aws:username":"john"},"Null":{"aws:MultiFactorAuthPresent":"true","aws:TokenIssueTime":"true"}}`)}
		if _, err := start(t, fakeaws.Config{State: s}).client(john()).ListBuckets(t.Context()); err != nil {
			t.Errorf("ListBuckets: %v", err)
		}
	})
	t.Run("an explicit deny of the identity", func(t *testing.T) {
		s := fakeaws.Example()
		s.Accounts[0].Users[0].Policies = append(s.Accounts[0].Users[0].Policies, `{"Version":"2012-10-17","Statement":[{"Effect":"Deny","Action":"s3:GetObject","Resource":"*"}]}`)
		_, err := start(t, fakeaws.Config{State: s}).client(john()).Get(t.Context(), "company1-hr", "handbook.txt")
		wantError(t, "Get", err, "AccessDenied", "User: "+johnARN+" is not authorized to perform: s3:GetObject on resource: "+
			`"arn:aws:s3:::company1-hr/handbook.txt" with an explicit deny in an identity-based policy`)
	})
}
