// Command minio-go is a user's program on minio-go, with the chain that MinIO's own
// mc and restic have: keys of the environment, of files, then those of a container
// or a machine. Nothing in it is there for vendord.
//
// It knows S3 alone, and no other service of AWS: it cannot ask who it is.
//
// minio-go list | put PREFIX COUNT
package main

import (
	"context"
	"errors"
	"fmt"
	"net/url"
	"os"
	"strconv"
	"strings"

	"github.com/minio/minio-go/v7"
	"github.com/minio/minio-go/v7/pkg/credentials"
)

const bucket = "company1-hr"

func main() {
	if err := run(context.Background(), os.Args[1:]); err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
}

func run(ctx context.Context, args []string) error {
	client, err := connect()
	if err != nil {
		return err
	}
	switch {
	case len(args) == 1 && args[0] == "list":
		return list(ctx, client)
	case len(args) == 3 && args[0] == "put":
		return put(ctx, client, args[1], args[2])
	}
	return errors.New("usage: list | put PREFIX COUNT")
}

func connect() (*minio.Client, error) {
	endpoint, err := url.Parse(os.Getenv("AWS_ENDPOINT_URL"))
	if err != nil || endpoint.Host == "" {
		return nil, errors.New("AWS_ENDPOINT_URL: must be a URL")
	}
	return minio.New(endpoint.Host, &minio.Options{
		Secure: endpoint.Scheme == "https",
		Region: os.Getenv("AWS_REGION"),
		Creds: credentials.NewChainCredentials([]credentials.Provider{
			&credentials.EnvAWS{},
			&credentials.FileAWSCredentials{},
			&credentials.IAM{},
		}),
	})
}

func list(ctx context.Context, client *minio.Client) error {
	for o := range client.ListObjects(ctx, bucket, minio.ListObjectsOptions{Recursive: true}) {
		if o.Err != nil {
			return o.Err
		}
		fmt.Println(o.Key)
	}
	return nil
}

func put(ctx context.Context, client *minio.Client, prefix, count string) error {
	n, err := strconv.Atoi(count)
	if err != nil {
		return err
	}
	for i := range n {
		if _, err := client.PutObject(ctx, bucket, fmt.Sprintf("%s/%d", prefix, i), strings.NewReader("x"), 1, minio.PutObjectOptions{}); err != nil {
			return err
		}
	}
	return nil
}
