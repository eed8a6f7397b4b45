"""The clients: how each is run as a program, and what sets it apart."""

import dataclasses
import json
import os
import subprocess
import sys

PROGRAM = os.path.join(os.path.dirname(os.path.abspath(__file__)), "program.py")
NODE, JS_PROGRAM, GO_PROGRAM = os.environ["NODE"], os.environ["JS_PROGRAM"], os.environ["GO_PROGRAM"]


@dataclasses.dataclass(frozen=True)
class Client:
    name: str
    version: str
    whoami: tuple[str, ...]
    """The program that makes one signed call to STS."""
    put: tuple[str, ...]
    """The program that makes ten signed calls to S3, one after another, in one process."""
    also: tuple[tuple[str, ...], ...] = ()
    """Programs that find the same chain in another way; each makes one signed call."""
    tries: int = 3
    """How often it asks before it gives up on a refusal, whatever the status; but see insists."""
    insists: int = 0
    """How often it asks where the refusal may come right by itself, if that is more often: Go tries three times, thrice."""
    blurts: str = ""
    """What it says where it keeps the reason of a refusal to itself; "" for a client that shows it."""
    as_json: bool = True
    """It prints the body as it came, or the message in it."""
    asks_anonymously: bool = False
    """Its last try has no token where the token is in a file."""
    uses_proxies: bool = True
    """Whether HTTP_PROXY leads its calls to AWS anywhere. One that goes nowhere cannot go wrong."""
    settings: dict[str, str] = dataclasses.field(default_factory=dict)
    """Variables that its user would have."""

    def refused(self, status, from_file=False):
        """The statuses that one refused program gets."""
        anonymous = from_file and self.asks_anonymously
        tries = max(self.tries, self.insists) if status == 503 else self.tries
        return [status] * (tries - anonymous) + [401] * anonymous

    def shows(self, line):
        """What its user reads of a refusal, given the refusal's line of the record."""
        if self.blurts:
            return [self.blurts]
        texts = line["message"][:80], line.get("hint", "")[:60]  # the beginnings, as vendord cuts what is long
        return [json.dumps(text, ensure_ascii=False)[1:-1] for text in texts] if self.as_json else texts


def printed(*argv):
    return subprocess.run(argv, capture_output=True, text=True, timeout=60, check=True).stdout.strip()


def clients():
    """Every client that the table of scenarios is gone through with."""
    cli, boto3 = printed("aws", "--version").split()[0], printed(sys.executable, "-c", "import boto3; print(boto3.__version__)")
    go = printed("go", "list", "-m", "-f", "{{.Version}}", "github.com/aws/aws-sdk-go-v2")
    with open(os.path.join(os.path.dirname(JS_PROGRAM), "node_modules/@aws-sdk/client-s3/package.json")) as f:
        js = json.load(f)["version"]
    return [
        Client("AWS CLI", cli.removeprefix("aws-cli/"),
               whoami=("aws", "sts", "get-caller-identity", "--query", "Arn", "--output", "text"),
               put=("aws", "s3", "cp", "--recursive", "--no-progress", "ten", "s3://company1-hr/ten")),
        Client("boto3", boto3, whoami=(sys.executable, PROGRAM, "whoami"), put=(sys.executable, PROGRAM, "put", "ten", "10")),
        # After four tries its chain asks a second, older provider, which knows
        # only the token in the environment. The chain then tells of that one.
        Client("JS v3", js, tries=5, asks_anonymously=True, blurts="Could not load credentials from any providers",
               uses_proxies=False, settings={"NODE_USE_ENV_PROXY": "1"},  # Node's own switch for HTTP_PROXY
               whoami=(NODE, JS_PROGRAM, "whoami"), also=((NODE, JS_PROGRAM, "chain"),),
               put=(NODE, JS_PROGRAM, "put", "ten", "10")),
        # Go itself takes no proxy for this machine's own addresses, as which AWS is here.
        Client("Go v2", go.removeprefix("v"), tries=1, insists=9, as_json=False, uses_proxies=False,
               whoami=(GO_PROGRAM, "sts", "get-caller-identity"),
               put=(GO_PROGRAM, "s3", "cp", "--recursive", "ten", "s3://company1-hr/ten")),
    ]
