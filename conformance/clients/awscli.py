"""The AWS CLI v2, as Debian has it."""

from clients import Client, Own, printed
from clients.python import ON_BOTOCORE

NAMES = ("aws-cli-v2",)
AWS = "/usr/bin/aws"  # by its path: another version may come first in PATH

MINIMUM = "https://docs.aws.amazon.com/eks/latest/userguide/pod-id-minimum-sdk.html"
NO_FILE = Own("is of January 2023, and takes a token from a file since 2.15.0", MINIMUM)
NO_POD = Own("is of January 2023, and knows Pod Identity's addresses since 2.15.0", MINIMUM)

NO_SLASH = Own("is of January 2023, and makes an address of AWS_EC2_METADATA_SERVICE_ENDPOINT only where that ends in a slash",
               "https://github.com/boto/botocore/blob/develop/botocore/utils.py")


def client(name, directory):
    aws = AWS, "--endpoint-url", "{aws}"  # it is older than AWS_ENDPOINT_URL
    return Client(name, "AWS CLI v2", printed(AWS, "--version").split()[0].removeprefix("aws-cli/"), hours=ON_BOTOCORE,
                  lacks={"token-file": NO_FILE, "pod-identity": NO_POD, "pod-identity-ipv6": NO_POD, "metadata-port": NO_SLASH},
                  whoami=(*aws, "sts", "get-caller-identity", "--query", "Arn", "--output", "text"),
                  list=(*aws, "s3api", "list-objects-v2", "--bucket", "company1-hr", "--query", "Contents[].Key", "--output", "text"),
                  put=(*aws, "s3", "cp", "--recursive", "--no-progress", "ten", "s3://company1-hr/ten"))
