"""What leads a program to each endpoint: the environment that its user gives it, as
`vendord env` prints it, and the user that it runs as."""

import os

from cell import equal
from place import PROGRAM, STRANGER

TOKENS = ("token", "token-file", "both", "relative", "relative-id", "pod-identity", "pod-identity-ipv6")
METADATA = ("metadata", "metadata-port")
POD = {"pod-identity": "http://169.254.170.23", "pod-identity-ipv6": "http://[fd00:ec2::23]"}
FILE = "AWS_CONTAINER_AUTHORIZATION_TOKEN_FILE"
URI, RELATIVE = "AWS_CONTAINER_CREDENTIALS_FULL_URI", "AWS_CONTAINER_CREDENTIALS_RELATIVE_URI"


def url(endpoint):
    """Where its programs ask, without the path."""
    return {"relative": "http://169.254.170.2", "relative-id": "http://169.254.170.2", "metadata": "http://169.254.169.254",
            "metadata-port": "http://127.0.0.1:9254"}.get(endpoint) or POD.get(endpoint) or "http://127.0.0.1:9797"


def program(place, endpoint):
    """The environment of a program that gets credentials, and what its command begins with."""
    return (by_token(place, endpoint, app(endpoint)), ()) if endpoint in TOKENS else by_kernel(place, endpoint, PROGRAM)


def app(endpoint):
    """The app whose program it is: a token's is the daemon's own user's, the kernel's is another user's."""
    return "program" if endpoint in TOKENS else "by-kernel"


def stranger(place, endpoint):
    """Those of one that vendord does not know: its token is revoked, or its user is nobody's."""
    if endpoint not in TOKENS:
        return by_kernel(place, endpoint, STRANGER)
    env = by_token(place, endpoint, "revoked")
    equal("token revoke", place.vendord("token", "revoke", "revoked").returncode, 0)
    return env, ()


def by_kernel(place, endpoint, user):
    env = place.environment(app(endpoint), *["--metadata"] * (endpoint == "metadata-port"))
    if endpoint == "metadata":  # the program finds it by itself, and needs no variable but where AWS is
        env = {name: value for name, value in env.items() if not name.startswith(("AWS_CONTAINER_", "AWS_EC2_"))}
    return env, as_user(user)


def by_token(place, endpoint, app):
    file = os.path.join(place.home, "token-" + app)
    match endpoint:
        case "token":
            return place.environment(app)
        case "token-file":
            return place.environment(app, "--file", file)
        case "both":
            env = place.environment(app, "--file", file)
            with open(file) as f:
                return env | {FILE.removesuffix("_FILE"): f.read()}
        case "relative":
            return place.environment(app, "--relative")
        case "relative-id":
            env = place.environment(app, "--relative")
            del env[FILE.removesuffix("_FILE")]
            name, _, path = place.vendord("token", "issue", app, "--path").stdout.strip().partition("=")
            equal("what token issue --path prints", name, RELATIVE)
            return env | {name: path}
        case _:  # as a pod's is: set by Kubernetes
            return place.environment(app, "--file", file) | {URI: POD[endpoint] + "/v1/credentials"}


def as_user(uid):
    """Makes a program another user's, who may read everything, as the programs are somebody else's."""
    caps = "-all,+dac_read_search"
    return ("setpriv", f"--reuid={uid}", f"--regid={uid}", "--clear-groups",
            f"--bounding-set={caps}", f"--inh-caps={caps}", f"--ambient-caps={caps}")
