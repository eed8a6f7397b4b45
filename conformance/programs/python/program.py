"""A user's program on boto3: nothing in it is there for vendord.

python program.py whoami | list | put PREFIX COUNT
"""

import sys

import boto3

match sys.argv[1:]:
    case ["whoami"]:
        print(boto3.client("sts").get_caller_identity()["Arn"])
    case ["list"]:
        for thing in boto3.client("s3").list_objects_v2(Bucket="company1-hr").get("Contents", []):
            print(thing["Key"])
    case ["put", prefix, count]:
        s3 = boto3.client("s3")
        for i in range(int(count)):
            s3.put_object(Bucket="company1-hr", Key=f"{prefix}/{i}", Body=b"x")
    case other:
        sys.exit(f"{other}: unknown")
