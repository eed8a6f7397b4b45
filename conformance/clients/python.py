"""Programs on botocore: boto3, the newest and an old one, and the AWS CLI v1."""

import os

from clients import AT_LEAST, PROGRAMS, Client, Own, printed

NAMES = "boto3", "boto3-2024", "aws-cli-v1"

# It takes a session that ends soon for an outage of AWS.
STRETCHES = Own(f"takes EC2 metadata's sessions of less than 15 minutes for longer ones, and is denied at their end. {AT_LEAST}",
                "https://github.com/boto/botocore/blob/develop/botocore/utils.py")
ON_BOTOCORE = {"metadata": STRETCHES, "metadata-port": STRETCHES}


def client(name, directory):
    if name == "aws-cli-v1":
        return aws_cli_v1(directory + "/newest/bin/aws")
    newest = name == "boto3"
    python = f"{directory}/{'newest' if newest else '2024'}/bin/python"
    versions = printed(python, "-c", "import boto3, botocore; print(boto3.__version__, botocore.__version__)").split()
    program = python, os.path.join(PROGRAMS, "python/program.py")
    return Client(name, "boto3" if newest else "boto3 of 2024", "{} (botocore {})".format(*versions), quick=newest, hours=ON_BOTOCORE,
                  whoami=(*program, "whoami"), list=(*program, "list"), put=(*program, "put", "ten", "10"))


def aws_cli_v1(aws):
    return Client("aws-cli-v1", "AWS CLI v1", printed(aws, "--version").split()[0].removeprefix("aws-cli/"), quick=True, hours=ON_BOTOCORE,
                  whoami=(aws, "sts", "get-caller-identity", "--query", "Arn", "--output", "text"),
                  list=(aws, "s3api", "list-objects-v2", "--bucket", "company1-hr", "--query", "Contents[].Key", "--output", "text"),
                  put=(aws, "s3", "cp", "--recursive", "--no-progress", "ten", "s3://company1-hr/ten"))
