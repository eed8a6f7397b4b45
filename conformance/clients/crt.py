"""A program on the AWS Common Runtime alone, which is below mountpoint-s3 and parts of other SDKs."""

import os

from clients import PROGRAMS, Client, printed

NAMES = ("crt",)


def client(name, directory):
    python = f"{directory}/bin/python"
    program = python, os.path.join(PROGRAMS, "crt/program.py")
    version = printed(python, "-c", "import awscrt; print(awscrt.__version__)")
    return Client(name, "AWS Common Runtime (awscrt)", version,
                  whoami=(*program, "whoami"), list=(*program, "list"), put=(*program, "put", "ten", "10"))
