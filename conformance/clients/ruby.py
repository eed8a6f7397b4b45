"""Programs on the AWS SDK for Ruby: of 2024, and of 2022, which is Debian 12's."""

import glob
import os

from clients import PROGRAMS, Client, Own, printed

NAMES = "ruby", "ruby-2022"

CHANGES = "https://github.com/aws/aws-sdk-ruby/blob/version-3/gems/aws-sdk-core/CHANGELOG.md"
NO_URI = Own("knows no AWS_CONTAINER_CREDENTIALS_FULL_URI: that came with 3.171.0", CHANGES + "#31710-2023-03-22")
NO_TOKEN = Own("sends no token: that came with 3.171.0; an id in the path is for it", CHANGES + "#31710-2023-03-22")
NO_TOKEN_FILE = Own("knows neither token files nor EKS's addresses: those came with 3.188.0", CHANGES + "#31880-2023-11-22")
NO_PORT = Own("asks at port 80, whatever the endpoint's port: mended in 3.191.5", CHANGES + "#31915-2024-03-26")


def client(name, directory):
    here = [] if name == "ruby-2022" else libraries(directory)
    ruby = "ruby", *(f"-I{lib}" for lib in here)
    program = *ruby, os.path.join(PROGRAMS, "ruby/program.rb")
    version = printed(*ruby, "-e", 'require "aws-sdk-core"; print Aws::CORE_GEM_VERSION')
    verbs = dict(whoami=(*program, "whoami"), list=(*program, "list"), put=(*program, "put", "ten", "10"))
    if name == "ruby":
        return Client(name, "AWS SDK for Ruby", version, **verbs)
    return Client(name, "AWS SDK for Ruby of 2022", version, **verbs,
                  lacks={"token": NO_URI, "both": NO_URI, "process": NO_URI, "relative": NO_TOKEN, "token-file": NO_TOKEN_FILE,
                         "pod-identity": NO_TOKEN_FILE, "pod-identity-ipv6": NO_TOKEN_FILE, "metadata-port": NO_PORT})


def libraries(directory):
    """Where Debian's packages have their libraries, below the directory that they were unpacked to."""
    share = f"{directory}/usr/share/rubygems-integration/all/gems/*/lib"
    return [*sorted(glob.glob(share)), f"{directory}/usr/lib/ruby/vendor_ruby"]
