"""docs/clients.md: written from observed.json, which is what the cells last showed.
Both are the same each time that the same is observed."""

import difflib
import json
import os
import sys

from clients import CHECKS, ENDPOINTS

HERE = os.path.dirname(os.path.abspath(__file__))
OBSERVED, PAGE = os.path.join(HERE, "observed.json"), os.path.join(HERE, "..", "docs", "clients.md")
METADATA = "metadata", "metadata-port"
REFUSALS = {"stranger": "vendord does not know it", "denied": "AWS denies the role"}
COLUMNS = {"put": "ten calls ask", "switch": "another profile", "expiry": "a session ends", "restart": "vendord restarts",
           "proxy": "asks HTTP_PROXY", "stranger": "not known to vendord", "denied": "denied by AWS"}


def settle(observed, write):
    """Writes what was observed, or compares it with what stands there, and tells of each difference."""
    known = read()
    if write:
        now = merged(known, observed)
        for path, text in ((OBSERVED, as_text(now)), (PAGE, page(now))):
            with open(path, "w") as f:
                f.write(text)
        return
    stands = {name: {**known[name], "at": {e: known[name]["at"].get(e) for e in client["at"]}} for name, client in observed.items() if name in known}
    differs = difference("docs/clients.md", as_text(stands), as_text(bare(observed)))
    with open(PAGE) as f:
        differs = differs or difference("docs/clients.md", f.read(), page(known))
    if differs:
        sys.exit(differs + "\ndocs/clients.md says something else than what was observed\nhint: UPDATE=1 conformance/run " + " ".join(observed))


def read():
    if not os.path.exists(OBSERVED):
        return {}
    with open(OBSERVED) as f:
        return json.load(f)


def bare(observed):
    """What is kept of what was observed: not what went wrong, as nothing has."""
    return {name: client | {"at": {e: {k: v for k, v in cell.items() if k != "wrong"} for e, cell in client["at"].items()}}
            for name, client in observed.items()}


def merged(known, observed):
    now = dict(known)
    for name, client in bare(observed).items():
        cells = known.get(name, {}).get("at", {}) | client["at"]
        now[name] = client | {"at": cells}
    return now


def as_text(observed):
    return json.dumps(observed, indent=1, sort_keys=True, ensure_ascii=False) + "\n"


def difference(name, old, new):
    return "".join(difflib.unified_diff(old.splitlines(True), new.splitlines(True), name, "what was observed"))


def page(observed):
    clients = sorted(observed.values(), key=lambda client: client["title"].lower())
    notes = Notes()
    glance = table(["client", "version", *ENDPOINTS.values()],
                   ([f"[{c['title']}](#{anchor(c)})", c["version"], *(verdict(c["at"].get(e), notes) for e in ENDPOINTS)] for c in clients))
    words = table(["client", "ten calls ask vendord", "refused, it asks", "its user reads vendord's reason"], (summary(c) for c in clients))
    meaning = MEANING % (BUT if "yes, but" in glance else "")
    return "\n\n".join([HEAD.strip(), glance, meaning.strip(), notes.text(), OBSERVING.strip(), WORDS.strip(), words, DETAILS.strip(), *(details(c, notes) for c in clients)]) + "\n"


class Notes:
    """What is numbered below a table: the same reason once."""

    def __init__(self):
        self.numbers = {}

    def number(self, reason, issue):
        return self.numbers.setdefault((reason, issue), len(self.numbers) + 1)

    def text(self):
        return "\n".join(f"{n}. {reason}{f' ({issue})' if issue else ''}" for (reason, issue), n in self.numbers.items())


def verdict(cell, notes):
    """"yes", "yes [1]", "yes, but [1]", "no [2]": one field of the table at a glance."""
    if cell is None:
        return "?"
    if "lacks" in cell:
        return f"no [{notes.number(cell['lacks'], cell['issue'])}]"
    own = sorted({notes.number(cell["checks"][name]["saw"], cell["checks"][name]["own"]) for name in CHECKS if "own" in cell["checks"].get(name, {})})
    but = "yes, but " + " ".join(f"[{n}]" for n in own) if own else "yes"
    return f"{but} [{notes.number(cell['hours'], cell['issue'])}]" if "hours" in cell else but


def summary(client):
    """A client at the first container endpoint that it has, and at EC2 metadata."""
    works = {e: cell for e, cell in in_order(client).items() if "checks" in cell}
    metadata = [e for e in works if e in METADATA]
    chosen = [e for e in works if e not in METADATA][:1] + metadata[:1]
    def both(check):
        return "; ".join(dict.fromkeys(works[e]["checks"][check]["saw"] for e in chosen))
    return client["title"], both("put"), both("stranger"), "; ".join(dict.fromkeys(says_why(works[e], e in METADATA) for e in chosen))


def says_why(cell, metadata):
    """Whether what its user reads of a role that AWS denies has vendord's sentence in it."""
    return ("yes" if "AWS denies" in cell["read"].get("denied", "") else "no") + (" (EC2 metadata)" if metadata else "")


def details(client, notes):
    rows, reads = {}, {}
    for endpoint, cell in in_order(client).items():
        if "lacks" in cell:
            continue
        fields = tuple(field(cell["checks"].get(check, {"saw": "-"}), notes) for check in COLUMNS)
        rows.setdefault(fields, []).append(ENDPOINTS[endpoint])
        for why, text in sorted(cell["read"].items()):
            reads.setdefault((why, text), []).append(ENDPOINTS[endpoint])
    parts = [f"### {client['title']}", f"Version {client['version']}.",
             table(["endpoint", *COLUMNS.values()], (["; ".join(endpoints), *fields] for fields, endpoints in rows.items()))]
    for why, title in REFUSALS.items():
        for (_, text), endpoints in ((key, value) for key, value in reads.items() if key[0] == why):
            parts.append(f"Where {title} ({'; '.join(endpoints)}):\n\n" + "\n".join("    " + line for line in text.splitlines() or ["(nothing)"]))
    return "\n\n".join(parts)


def in_order(client):
    """Its cells in the order of the endpoints: those that are read again have another."""
    return {e: client["at"][e] for e in ENDPOINTS if e in client["at"]}


def field(check, notes):
    return f"no [{notes.number(check['saw'], check['own'])}]" if "own" in check else check["saw"]


def anchor(client):
    return "".join(ch for ch in client["title"].lower().replace(" ", "-") if ch.isalnum() or ch in "-_")


def table(head, rows):
    lines = [head, ["---"] * len(head), *rows]
    return "\n".join("| " + " | ".join(str(field).replace("|", "\\|") for field in line) + " |" for line in lines)


HEAD = """
# Which clients work with vendord, and what to set for them

Nearly all do, nearly everywhere: take an endpoint at which yours says yes, and set what stands here. Which endpoint is for whom, and how to have it: [endpoints.md](endpoints.md).

| endpoint | set for the program | or type |
| --- | --- | --- |
| container: token | `AWS_CONTAINER_CREDENTIALS_FULL_URI=http://127.0.0.1:9797/v1/credentials` and `AWS_CONTAINER_AUTHORIZATION_TOKEN=vnd_…` | `eval "$(vendord env APP)"` |
| container: token file | the same address, and `AWS_CONTAINER_AUTHORIZATION_TOKEN_FILE=PATH` | `eval "$(vendord env APP --file PATH)"` |
| container: token and file | the same address, and both | |
| container: no token, by the kernel | `AWS_CONTAINER_CREDENTIALS_FULL_URI=http://127.0.0.1:9797/v1/process/credentials` | `eval "$(vendord env APP)"`, of an app with `match` |
| relative URI, with a token | `AWS_CONTAINER_CREDENTIALS_RELATIVE_URI=/v1/credentials`, and a token or its file | `eval "$(vendord env APP --relative)"` |
| relative URI, id in the path | `AWS_CONTAINER_CREDENTIALS_RELATIVE_URI=/v2/credentials/vndp_…` | `vendord token issue APP --path` |
| Pod Identity, IPv4 | `AWS_CONTAINER_CREDENTIALS_FULL_URI=http://169.254.170.23/v1/credentials`, and a token file | `vendord token issue APP --file PATH` |
| Pod Identity, IPv6 | `AWS_CONTAINER_CREDENTIALS_FULL_URI=http://[fd00:ec2::23]/v1/credentials`, and a token file | `vendord token issue APP --file PATH` |
| EC2 metadata | nothing | |
| EC2 metadata, custom port | `AWS_EC2_METADATA_SERVICE_ENDPOINT=http://127.0.0.1:9254` | `eval "$(vendord env APP --metadata)"` |

9797 is the port of the machine's vendord; one of your own has another, which `vendord status` says. Where you set variables by hand and there is a proxy, set [`NO_PROXY`](endpoints.md#proxies) too.
"""

MEANING = """
**yes**: it makes calls, ten calls in a row, goes on when another profile is used, when its session ends and when the daemon restarts, asks no proxy for credentials where `NO_PROXY` is as `vendord env` sets it, and fails, not for ever, where it is refused. **yes [n]**: all of that, with sessions as vendord hands them out, of an hour, which was made to go by in a moment; the note says of which sessions it cannot make use. %s**no**: it knows no such endpoint, or does not take it.
"""

BUT = "**yes, but**: all of that but what the note says. "

OBSERVING = """
Written by `conformance/run` from what it observed: the real SDKs and tools, pinned, each with a program that has no code for vendord and finds its credentials by the SDK's own default chain. Every field is one client at one endpoint, in a network of its own, with a daemon and an AWS that enforces signatures, expiry and policies. Where a client is said to know no such endpoint, or not to go on, that is tried too: a note is taken away when it is no longer so. *Replayed, not run* is a client whose requests, byte for byte, were sent by a program of ours.
"""

WORDS = """
## How much it asks, and what it says

Of a container endpoint, then of EC2 metadata where that is other. Ten calls are made by one process; *PUT* is for the metadata service's token. A refusal is of a program that vendord does not know.
"""

DETAILS = """
## Each client

Of each endpoint: what ten calls ask of vendord; whether it goes on with another profile once `vendord use` says so, with a new session when its session ends, and over a restart of the daemon, whose sockets the service manager holds meanwhile; whether it asks `HTTP_PROXY` for its credentials (*asked without NO_PROXY*: `vendord env` and `exec` set that variable); and what a refused program asks before it gives up, with the status that it got. Below it is what its user reads then, without the trace.
"""
