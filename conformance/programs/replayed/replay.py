"""What the AWS SDKs for .NET, PHP, C++ and Swift send, byte for byte, and what they
make of the answers, for those that cannot be had from a package registry here. Each
has a module with its rules, and where its source has them; the rest is Python's.

python replay.py dotnet|php|cpp|swift whoami | list | put PREFIX COUNT
"""

import os
import sys

import aws
import files
from cpp import Cpp
from dotnet import DotNet
from php import PHP
from swift import Swift
from wire import Failed

SDKS = {"dotnet": DotNet, "php": PHP, "cpp": Cpp, "swift": Swift}


def main(name, *words):
    keys = files.keys(os.environ)
    sdk = None if keys else SDKS[name](os.environ)

    def call(*request):
        """One signed call: an SDK asks its provider before each."""
        return aws.call(keys or sdk.credentials(), *request)

    match words:
        case ["whoami"]:
            print(aws.element(call("sts", "POST", "/", b"Action=GetCallerIdentity&Version=2011-06-15"), "Arn"))
        case ["list"]:
            print(*aws.elements(call("s3", "GET", "/company1-hr", b"", "list-type=2"), "Key"), sep="\n")
        case ["put", prefix, count]:
            for i in range(int(count)):
                call("s3", "PUT", f"/company1-hr/{prefix}/{i}", b"x")
        case other:
            raise Failed(f"{other}: unknown")


if __name__ == "__main__":
    try:
        main(*sys.argv[1:])
    except Failed as failed:
        sys.exit(str(failed))
