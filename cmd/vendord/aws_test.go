package main

import (
	"bytes"
	"cmp"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"os"
	"path"
	"slices"
	"strings"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	v4 "github.com/aws/aws-sdk-go-v2/aws/signer/v4"
	"github.com/aws/aws-sdk-go-v2/config"
	"github.com/aws/aws-sdk-go-v2/service/s3"
	"github.com/aws/aws-sdk-go-v2/service/sts"
)

// awsCLI stands for the AWS CLI in scripts, so that they read as the examples do:
// the few commands that those have, through the Go SDK's default chain.
func awsCLI() {
	ctx, cancel := context.WithTimeout(context.Background(), 2*time.Minute)
	defer cancel()
	if err := runAWS(ctx, os.Args[1:]); err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
}

func runAWS(ctx context.Context, args []string) error {
	cfg, err := config.LoadDefaultConfig(ctx)
	if err != nil {
		return err
	}
	c := cli{cfg, s3.NewFromConfig(cfg, func(o *s3.Options) { o.UsePathStyle = true })}
	switch command := strings.Join(args[:min(2, len(args))], " "); command {
	case "s3 cp":
		if args[2] == "--recursive" {
			return c.copyAll(ctx, args[3], args[4])
		}
		return c.copy(ctx, args[2], args[3])
	case "s3 ls":
		return c.list(ctx, args[2])
	case "s3 rm":
		bucket, key := object(args[2])
		_, err := c.s3.DeleteObject(ctx, &s3.DeleteObjectInput{Bucket: &bucket, Key: &key})
		return err
	case "sts get-caller-identity":
		who, err := sts.NewFromConfig(cfg).GetCallerIdentity(ctx, nil)
		if err == nil {
			fmt.Println(*who.Arn)
		}
		return err
	case "ec2 run-instances":
		if !slices.Contains(args, "--dry-run") {
			return errors.New("ec2 run-instances: only with --dry-run")
		}
		return c.runInstances(ctx, args[1+slices.Index(args, "--region")])
	default:
		return fmt.Errorf("aws %s: not here", command)
	}
}

type cli struct {
	cfg aws.Config
	s3  *s3.Client
}

// object takes an s3:// URL apart.
func object(at string) (bucket, key string) {
	bucket, key, _ = strings.Cut(strings.TrimPrefix(at, "s3://"), "/")
	return bucket, key
}

// copy puts a file, or writes an object to standard output.
func (c cli) copy(ctx context.Context, from, to string) error {
	if bucket, key := object(from); from != bucket+"/"+key && strings.HasPrefix(from, "s3://") {
		got, err := c.s3.GetObject(ctx, &s3.GetObjectInput{Bucket: &bucket, Key: &key})
		if err != nil {
			return err
		}
		defer got.Body.Close()
		_, err = io.Copy(os.Stdout, got.Body)
		return err
	}
	text, err := os.ReadFile(from)
	if err != nil {
		return err
	}
	bucket, key := object(to)
	if key == "" {
		key = path.Base(from)
	}
	_, err = c.s3.PutObject(ctx, &s3.PutObjectInput{Bucket: &bucket, Key: &key, Body: bytes.NewReader(text)})
	return err
}

// copyAll puts the files of a directory, one after another.
func (c cli) copyAll(ctx context.Context, from, to string) error {
	files, err := os.ReadDir(from)
	for _, file := range files {
		err = cmp.Or(err, c.copy(ctx, from+"/"+file.Name(), to+"/"+file.Name()))
	}
	return err
}

// list prints the keys of a bucket.
func (c cli) list(ctx context.Context, at string) error {
	bucket, prefix := object(at)
	got, err := c.s3.ListObjectsV2(ctx, &s3.ListObjectsV2Input{Bucket: &bucket, Prefix: &prefix})
	if err != nil {
		return err
	}
	for _, o := range got.Contents {
		fmt.Println(*o.Key)
	}
	return nil
}

// runInstances asks EC2 whether it would. The service's own client would be
// larger than the rest of the module.
func (c cli) runInstances(ctx context.Context, region string) error {
	body := url.Values{"Action": {"RunInstances"}, "Version": {"2016-11-15"}, "DryRun": {"true"},
		"ImageId": {"ami-12345678"}, "InstanceType": {"t3.nano"}, "MinCount": {"1"}, "MaxCount": {"1"}}.Encode()
	r, err := http.NewRequestWithContext(ctx, http.MethodPost, cmp.Or(aws.ToString(c.cfg.BaseEndpoint), "https://ec2."+region+".amazonaws.com")+"/", strings.NewReader(body))
	if err != nil {
		return err
	}
	r.Header.Set("Content-Type", "application/x-www-form-urlencoded; charset=utf-8")
	keys, err := c.cfg.Credentials.Retrieve(ctx)
	if err != nil {
		return err
	}
	sum := sha256.Sum256([]byte(body))
	if err := v4.NewSigner().SignHTTP(ctx, keys, r, hex.EncodeToString(sum[:]), "ec2", region, time.Now()); err != nil {
		return err
	}
	answer, err := http.DefaultClient.Do(r)
	if err != nil {
		return err
	}
	defer answer.Body.Close()
	text, err := io.ReadAll(io.LimitReader(answer.Body, 1<<20))
	if err != nil {
		return err
	}
	return fmt.Errorf("An error occurred (%s) when calling the RunInstances operation: %s",
		element(string(text), "<Code>", "</Code>"), element(string(text), "<Message>", "</Message>"))
}

func element(text, begin, end string) string {
	_, text, _ = strings.Cut(text, begin)
	text, _, _ = strings.Cut(text, end)
	return text
}
