package fakeaws_test

import (
	"slices"
	"strings"
	"testing"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/s3"
	"github.com/aws/aws-sdk-go-v2/service/sts"
	"github.com/aws/aws-sdk-go-v2/service/sts/types"
	"github.com/vendord/vendord/fakeaws"
)

// TestStory is the one that the documentation tells, with AWS's own SDK.
func TestStory(t *testing.T) {
	p := start(t, fakeaws.Config{})
	put := func(c aws.Credentials, bucket string) error {
		_, err := p.s3(c).PutObject(t.Context(), &s3.PutObjectInput{Bucket: &bucket, Key: aws.String("report.txt"), Body: strings.NewReader("done")})
		return err
	}
	ls := func(c aws.Credentials, bucket string) ([]string, error) {
		out, err := p.s3(c).ListObjectsV2(t.Context(), &s3.ListObjectsV2Input{Bucket: &bucket})
		if err != nil {
			return nil, err
		}
		var keys []string
		for _, o := range out.Contents {
			keys = append(keys, *o.Key)
		}
		return keys, nil
	}

	t.Run("john lists his bucket and cannot write to it", func(t *testing.T) {
		keys, err := ls(john(), "company1-hr")
		if want := []string{"handbook.txt", "policies/dress.txt", "policies/leave.txt"}; err != nil || !slices.Equal(keys, want) {
			t.Errorf("ListObjectsV2: got %v, %v, want %v", keys, err, want)
		}
		wantError(t, "PutObject", put(john(), "company1-hr"), "AccessDenied",
			"User: "+johnARN+" is not authorized to perform: s3:PutObject on resource: "+
				`"arn:aws:s3:::company1-hr/report.txt" because no identity-based policy allows the s3:PutObject action`)
	})
	t.Run("the upload role writes", func(t *testing.T) {
		if err := put(p.assume(john(), uploadRole, "upload"), "company1-hr"); err != nil {
			t.Errorf("PutObject: got %v, want nil", err)
		}
	})
	t.Run("a session policy takes writing away", func(t *testing.T) {
		c := p.assume(john(), uploadRole, "upload", with(allow("s3:ListBucket s3:GetObject", "arn:aws:s3:::company1-hr arn:aws:s3:::company1-hr/*")))
		if _, err := ls(c, "company1-hr"); err != nil {
			t.Errorf("ListObjectsV2: got %v, want nil", err)
		}
		wantError(t, "PutObject", put(c, "company1-hr"), "AccessDenied",
			"User: "+uploaderARN+" is not authorized to perform: s3:PutObject on resource: "+
				`"arn:aws:s3:::company1-hr/report.txt" because no session policy allows the s3:PutObject action`)
	})
	t.Run("a session policy gives nothing that the role has not", func(t *testing.T) {
		c := p.assume(john(), uploadRole, "upload", with(allow("s3:*", "*")))
		wantError(t, "DeleteObject", p.client(c).Delete(t.Context(), "company1-hr", "handbook.txt"), "AccessDenied",
			"User: "+uploaderARN+" is not authorized to perform: s3:DeleteObject on resource: "+
				`"arn:aws:s3:::company1-hr/handbook.txt" because no identity-based policy allows the s3:DeleteObject action`)
	})
	t.Run("a managed policy narrows like an inline one", func(t *testing.T) {
		c := p.assume(john(), adminRole, "s3-session", func(in *sts.AssumeRoleInput) {
			in.PolicyArns = []types.PolicyDescriptorType{{Arn: aws.String("arn:aws:iam::aws:policy/AmazonS3ReadOnlyAccess")}}
		})
		if _, err := ls(c, "payroll"); err != nil {
			t.Errorf("ListObjectsV2: got %v, want nil", err)
		}
		wantError(t, "PutObject", put(c, "payroll"), "AccessDenied",
			"User: arn:aws:sts::111122223333:assumed-role/SecurityAdminAccess/s3-session is not authorized to perform: s3:PutObject on resource: "+
				`"arn:aws:s3:::payroll/report.txt" because no session policy allows the s3:PutObject action`)
	})
	t.Run("an administrator is narrowed to one bucket", func(t *testing.T) {
		c := p.assume(john(), adminRole, "s3-session", with(allow("s3:ListBucket s3:GetObject", "arn:aws:s3:::NewHireOrientation arn:aws:s3:::NewHireOrientation/*")))
		if _, err := ls(c, "NewHireOrientation"); err != nil {
			t.Errorf("ListObjectsV2: got %v, want nil", err)
		}
		_, err := ls(c, "payroll")
		wantError(t, "ListObjectsV2", err, "AccessDenied",
			"User: arn:aws:sts::111122223333:assumed-role/SecurityAdminAccess/s3-session is not authorized to perform: s3:ListBucket on resource: "+
				`"arn:aws:s3:::payroll" because no session policy allows the s3:ListBucket action`)
	})
	t.Run("an explicit deny of the session policy is named", func(t *testing.T) {
		c := p.assume(john(), lessonRole, "lesson", with(`{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Action":"s3:*","Resource":"*"},
 {"Effect":"Deny","Action":"s3:PutObject","Resource":"*"}]}`))
		wantError(t, "PutObject", put(c, "lesson-bucket"), "AccessDenied",
			"User: arn:aws:sts::123456789012:assumed-role/Uploader/lesson is not authorized to perform: s3:PutObject on resource: "+
				`"arn:aws:s3:::lesson-bucket/report.txt" with an explicit deny in a session policy`)
	})
	t.Run("the lesson's session may upload and no longer read", func(t *testing.T) {
		c := p.assume(john(), lessonRole, "uploadSession", with(allow("s3:PutObject", "arn:aws:s3:::lesson-bucket/*")))
		if err := put(c, "lesson-bucket"); err != nil {
			t.Errorf("PutObject: got %v, want nil", err)
		}
		_, err := p.client(c).Get(t.Context(), "lesson-bucket", "lesson.txt")
		wantError(t, "GetObject", err, "AccessDenied",
			"User: arn:aws:sts::123456789012:assumed-role/Uploader/uploadSession is not authorized to perform: s3:GetObject on resource: "+
				`"arn:aws:s3:::lesson-bucket/lesson.txt" because no session policy allows the s3:GetObject action`)
	})
}
