"""A program on the AWS SDK for Rust."""

import os
import tomllib

from clients import PROGRAMS, Client

NAMES = ("rust",)


def client(name, directory):
    program = (f"{directory}/debug/program",)
    with open(os.path.join(PROGRAMS, "rust/Cargo.lock"), "rb") as f:  # which the compiler keeps to
        locked = {p["name"]: p["version"] for p in tomllib.load(f)["package"]}
    return Client(name, "AWS SDK for Rust", locked["aws-config"] + " (aws-config)",
                  whoami=(*program, "whoami"), list=(*program, "list"), put=(*program, "put", "ten", "10"))
