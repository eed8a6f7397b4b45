"""Programs on the AWS SDKs for JavaScript: v3, the newest and an old one, and v2."""

import glob
import json
import os
import shutil

from clients import AT_LEAST, Client, Own

NAMES = "js-v3", "js-v3-2024", "js-v2"
PACKAGES = {"js-v3": "@aws-sdk/client-s3", "js-v3-2024": "@aws-sdk/client-s3", "js-v2": "aws-sdk"}

# Its warning goes to a logger that is not there.
STOPS = Own(f"takes EC2 metadata's sessions of less than 15 seconds for an outage, and never answers. {AT_LEAST}",
            "https://github.com/aws/aws-sdk-js/blob/master/lib/credentials/ec2_metadata_credentials.js")
ON_V2 = {"metadata": STOPS, "metadata-port": STOPS}

REMOTE = "https://github.com/aws/aws-sdk-js/blob/master/lib/credentials/remote_credentials.js"
LACKS_V2 = {"relative": Own("sends no token to a relative URI", REMOTE), "pod-identity-ipv6": Own("takes no addresses of IPv6", REMOTE)}


def client(name, directory):
    directory = f"{directory}/{name}"
    with open(f"{directory}/node_modules/{PACKAGES[name]}/package.json") as f:
        version = json.load(f)["version"]
    program = node(directory), f"{directory}/program.mjs"
    verbs = dict(whoami=(*program, "whoami"), list=(*program, "list"), put=(*program, "put", "ten", "10"))
    settings = {"NODE_USE_ENV_PROXY": "1"}  # Node's own switch for HTTP_PROXY
    if name == "js-v2":
        return Client(name, "AWS SDK for JavaScript v2", version, **verbs, hours=ON_V2, lacks=LACKS_V2,
                      settings=settings | {"AWS_URL": "{aws}", "AWS_SDK_JS_SUPPRESS_MAINTENANCE_MODE_MESSAGE": "1"})
    if name == "js-v3-2024":
        return Client(name, "AWS SDK for JavaScript v3 of 2024", version, settings=settings, **verbs)
    # After four tries its chain asks a second, older provider, which knows
    # only the token in the environment. The chain then tells of that one.
    return Client(name, "AWS SDK for JavaScript v3", version, quick=True, settings=settings, tries=5, asks_anonymously=True,
                  blurts="Could not load credentials from any providers", uses_proxies=False, also=((*program, "chain"),), **verbs)


def node(directory):
    """The SDK needs Node 20 and Debian 12 has 18, which is enough for its npm. So
    Linux gets Node as a package, locked like the SDK; others bring their own."""
    packed = glob.glob(directory + "/node_modules/node-linux-*/bin/node")
    return os.path.realpath(packed[0]) if packed else shutil.which("node")
