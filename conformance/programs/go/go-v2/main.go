// Command go-v2 is a user's program on the AWS SDK for Go v2: the default chain,
// and nothing in it that is there for vendord.
//
// go-v2 whoami | list | put PREFIX COUNT
package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"strconv"
	"strings"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/config"
	"github.com/aws/aws-sdk-go-v2/service/s3"
	"github.com/aws/aws-sdk-go-v2/service/sts"
)

const bucket = "company1-hr"

func main() {
	if err := run(context.Background(), os.Args[1:]); err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
}

func run(ctx context.Context, args []string) error {
	cfg, err := config.LoadDefaultConfig(ctx)
	if err != nil {
		return err
	}
	// The name of a bucket in the host's would need a name server of its own.
	client := s3.NewFromConfig(cfg, func(o *s3.Options) { o.UsePathStyle = true })
	switch {
	case len(args) == 1 && args[0] == "whoami":
		who, err := sts.NewFromConfig(cfg).GetCallerIdentity(ctx, &sts.GetCallerIdentityInput{})
		if err != nil {
			return err
		}
		fmt.Println(aws.ToString(who.Arn))
		return nil
	case len(args) == 1 && args[0] == "list":
		return list(ctx, client)
	case len(args) == 3 && args[0] == "put":
		return put(ctx, client, args[1], args[2])
	}
	return errors.New("usage: whoami | list | put PREFIX COUNT")
}

func list(ctx context.Context, client *s3.Client) error {
	pages := s3.NewListObjectsV2Paginator(client, &s3.ListObjectsV2Input{Bucket: aws.String(bucket)})
	for pages.HasMorePages() {
		page, err := pages.NextPage(ctx)
		if err != nil {
			return err
		}
		for _, o := range page.Contents {
			fmt.Println(aws.ToString(o.Key))
		}
	}
	return nil
}

func put(ctx context.Context, client *s3.Client, prefix, count string) error {
	n, err := strconv.Atoi(count)
	if err != nil {
		return err
	}
	for i := range n {
		_, err := client.PutObject(ctx, &s3.PutObjectInput{
			Bucket: aws.String(bucket), Key: aws.String(fmt.Sprintf("%s/%d", prefix, i)), Body: strings.NewReader("x")})
		if err != nil {
			return err
		}
	}
	return nil
}
