"""The clients of the conformance suite: what each is, how it is run as a program,
and what sets it apart. One module for each family has NAMES, what the family's
clients are called, and client(name, directory), which describes one of them once
conformance/setup/FAMILY has installed it there."""

import dataclasses
import importlib
import json
import os
import pkgutil
import subprocess

PROGRAMS = os.path.join(os.path.dirname(os.path.dirname(os.path.abspath(__file__))), "programs")

# The endpoints, as the command line and `lacks` name them, and as the page does.
ENDPOINTS = {
    "token": "container: token",
    "token-file": "container: token file",
    "both": "container: token and file",
    "process": "container: no token, by the kernel",
    "relative": "relative URI, with a token",
    "relative-id": "relative URI, id in the path",
    "pod-identity": "Pod Identity, IPv4",
    "pod-identity-ipv6": "Pod Identity, IPv6",
    "metadata": "EC2 metadata",
    "metadata-port": "EC2 metadata, custom port",
}

AT_LEAST = "vendord's have 25 minutes and more, where the profile's duration is an hour: with those it does not happen"

# What is looked at, at each endpoint, in this order.
CHECKS = {
    "identity": "GetCallerIdentity",
    "put": "puts ten objects, one after another, in one process",
    "list": "lists them",
    "switch": "goes on with another profile, once `vendord use` says so",
    "expiry": "goes on when its session ends",
    "restart": "goes on when the daemon restarts",
    "proxy": "HTTP_PROXY is not asked for credentials",
    "poison": "`vendord exec` beats a poisoned [default] profile",
    "stranger": "fails where vendord does not know it",
    "denied": "fails where AWS denies the role",
}


@dataclasses.dataclass(frozen=True)
class Own:
    """What a client cannot do through its own doing, so that nothing here can mend it."""
    reason: str
    """What it does instead, in a few words for the page: "takes no token from a file"."""
    issue: str
    """Where its makers know of it: the URL of an issue, of a page of its documentation or of its source; "" where nobody has told them."""


@dataclasses.dataclass(frozen=True)
class Client:
    """A client. Programs find nothing in their environment but what `vendord env` gives,
    AWS_ENDPOINT_URL, AWS's own region, PATH, HOME and the settings. In their arguments and
    settings, {aws} stands for AWS's URL, {host} for its host and port, {home} for HOME,
    which is the working directory, and belongs to somebody else who lets them read."""

    name: str
    """As on the command line: "boto3"."""
    title: str
    """As on the page: "AWS SDK for Python (boto3)"."""
    version: str
    """As the client itself has it, not as it was asked for."""

    whoami: tuple[str, ...] = ()
    """The program that prints the ARN of GetCallerIdentity; () for a client that has no such call."""
    list: tuple[str, ...] = ()
    """The program that prints the keys of the bucket company1-hr, between white space; () where it cannot."""
    put: tuple[str, ...] = ()
    """The program that puts ten objects named ten/0 to ten/9, one after another, in one process; a tool finds them as files in {home}/ten. () where it cannot."""
    exact: bool = True
    """Its puts are ten PutObjects, and its list is of ten keys. A tool that has ways of its own makes some, and lists what it likes."""
    cannot: dict[str, str] = dataclasses.field(default_factory=dict)
    """Why a program of the above is missing, for the page: {"whoami": "no such command"}."""

    settings: dict[str, str] = dataclasses.field(default_factory=dict)
    """Variables that its user would set."""
    settings_at: dict[str, dict[str, str]] = dataclasses.field(default_factory=dict)
    """Those that its user would set for one endpoint alone: {"relative-id": {...}}."""
    metadata_v1: bool = False
    """Whether it asks the metadata service without a session token, so that its app has imdsv1 = true."""
    aws: str = ""
    """The state of fakeaws, a file, where its role needs rights that the others' has not."""
    lacks: dict[str, Own] = dataclasses.field(default_factory=dict)
    """The endpoints that it does not support. That it does fail there is looked at."""
    fails: dict[tuple[str, str], Own] = dataclasses.field(default_factory=dict)
    """Its own failures: (endpoint, check), or ("*", check). That they happen is looked at: one that is mended must go."""
    hours: dict[str, Own] = dataclasses.field(default_factory=dict)
    """Endpoints where its sessions are of an hour, which goes by for it and for AWS in a moment, as it cannot live with those of seconds; and why, for the page."""
    quick: bool = False
    """Whether it is among those that every change must pass, in all of scenarios.py."""

    # What scenarios.py expects of the quick ones. For the others what is observed is compared with docs/clients.md.
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

    def lack(self, endpoint):
        return self.lacks.get(endpoint)

    def own(self, endpoint, check):
        return self.fails.get((endpoint, check)) or self.fails.get(("*", check))

    def filled(self, words, aws, home):
        """Arguments or settings with the places in them filled."""
        places = (("{aws}", aws), ("{host}", aws.partition("//")[2]), ("{home}", home))
        return [_replaced(word, places) for word in words]


def _replaced(word, places):
    for place, value in places:
        word = word.replace(place, value)
    return word


def families():
    """The modules of this package, by the names of their families."""
    names = sorted(m.name for m in pkgutil.iter_modules(__path__))
    return {name: importlib.import_module(f"{__name__}.{name}") for name in names}


def printed(*argv):
    """What a command prints: for versions."""
    return subprocess.run(argv, capture_output=True, text=True, timeout=60, check=True).stdout.strip()
