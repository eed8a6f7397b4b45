// Command go-v1 is a user's program on the AWS SDK for Go v1, whose support has
// ended: the default chain, and nothing in it that is there for vendord.
//
// go-v1 whoami | list | put PREFIX COUNT
package main

import (
	"errors"
	"fmt"
	"os"
	"strconv"
	"strings"

	"github.com/aws/aws-sdk-go/aws"
	"github.com/aws/aws-sdk-go/aws/session"
	"github.com/aws/aws-sdk-go/service/s3"
	"github.com/aws/aws-sdk-go/service/sts"
)

const bucket = "company1-hr"

func main() {
	if err := run(os.Args[1:]); err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
}

func run(args []string) error {
	// The SDK knows no variable for AWS's address, so programs have a setting. The
	// name of a bucket in the host's would need a name server of its own.
	config := aws.Config{S3ForcePathStyle: aws.Bool(true)}
	if endpoint := os.Getenv("AWS_ENDPOINT_URL"); endpoint != "" {
		config.Endpoint = aws.String(endpoint)
	}
	sess, err := session.NewSession(&config)
	if err != nil {
		return err
	}
	switch {
	case len(args) == 1 && args[0] == "whoami":
		who, err := sts.New(sess).GetCallerIdentity(&sts.GetCallerIdentityInput{})
		if err != nil {
			return err
		}
		fmt.Println(aws.StringValue(who.Arn))
		return nil
	case len(args) == 1 && args[0] == "list":
		return s3.New(sess).ListObjectsV2Pages(&s3.ListObjectsV2Input{Bucket: aws.String(bucket)}, show)
	case len(args) == 3 && args[0] == "put":
		return put(s3.New(sess), args[1], args[2])
	}
	return errors.New("usage: whoami | list | put PREFIX COUNT")
}

func show(page *s3.ListObjectsV2Output, _ bool) bool {
	for _, o := range page.Contents {
		fmt.Println(aws.StringValue(o.Key))
	}
	return true
}

func put(client *s3.S3, prefix, count string) error {
	n, err := strconv.Atoi(count)
	if err != nil {
		return err
	}
	for i := range n {
		_, err := client.PutObject(&s3.PutObjectInput{
			Bucket: aws.String(bucket), Key: aws.String(fmt.Sprintf("%s/%d", prefix, i)), Body: strings.NewReader("x")})
		if err != nil {
			return err
		}
	}
	return nil
}
