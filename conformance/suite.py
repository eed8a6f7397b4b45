"""Chooses clients, runs their cells side by side, each in a network namespace of its
own, and compares what was observed with what docs/clients.md says.

    python suite.py choose [CLIENT|FAMILY...|all] [--endpoint NAME]...
    python suite.py run [CLIENT|FAMILY...|all] [--endpoint NAME]...
    python suite.py cell            (what run starts; a client and an endpoint on standard input)
"""

import argparse
import concurrent.futures
import json
import os
import pickle
import subprocess
import sys
import time
import traceback

import page
from clients import CHECKS, ENDPOINTS, families

QUICK = {"go": ("go-v2",), "javascript": ("js-v3",), "python": ("boto3", "aws-cli-v1")}
# What every change must pass, besides scenarios.py, which has the container endpoints of loopback.
QUICK_ENDPOINTS = "relative-id", "pod-identity", "metadata"
SIDE_BY_SIDE = 4  # most of a cell's time is an SDK's sleep between two tries, or a session's life


def choose(names):
    """The families, and which of their clients, that are meant by names on the command line."""
    if not names:
        return QUICK
    chosen = {}
    for family, module in families().items():
        meant = [client for client in module.NAMES if {"all", family, client} & set(names)]
        if meant:
            chosen[family] = tuple(meant)
    known = {"all", *families(), *(client for module in families().values() for client in module.NAMES)}
    for name in names:
        if name not in known:
            sys.exit(f"client {name!r}: unknown\nhint: one of {', '.join(sorted(known))}")
    return chosen


def described(chosen):
    """The clients themselves, as they were set up."""
    return [families()[family].client(name, os.environ["CLIENTS_" + family]) for family, names in chosen.items() for name in names]


def run(chosen, endpoints):
    """Runs the cells. What was observed: {client: {"title", "version", "at": {endpoint: cell}}}."""
    clients = described(chosen)
    with concurrent.futures.ThreadPoolExecutor(SIDE_BY_SIDE) as pool:
        asked = {(c.name, e): pool.submit(one, c, e) for c in clients for e in endpoints}
        cells = {cell: result.result() for cell, result in asked.items()}
    # Clients give up after a second, and sessions of five end while a machine is busy:
    # what went wrong among others is tried once more with nothing beside it, and counts then.
    for c in clients:
        for e in endpoints:
            if cells[c.name, e]["wrong"]:
                print("once more, alone: " + "\n".join(cells[c.name, e]["wrong"]), file=sys.stderr, flush=True)
                cells[c.name, e] = one(c, e)
    return {c.name: {"title": c.title, "version": c.version, "at": {e: cells[c.name, e] for e in endpoints}} for c in clients}


def one(client, endpoint):
    """Runs a cell as a process of its own, and says so."""
    began = time.monotonic()
    done = subprocess.run(["unshare", "--net", sys.executable, os.path.abspath(__file__), "cell"], input=pickle.dumps((client, endpoint)),
                          capture_output=True, timeout=900)
    cell = json.loads(done.stdout) if done.returncode == 0 else {"wrong": [done.stderr.decode()]}
    print(f"{client.name}, {endpoint}: {'; '.join(problem.splitlines()[0] for problem in cell['wrong']) or 'as expected'} ({time.monotonic() - began:.0f} s)", flush=True)
    return cell


def cell(client, endpoint):
    """What was observed of a client at an endpoint: what the page says of each check, and what went wrong."""
    from checks import FUNCTIONS, Looking, refused, skipped  # the outer process has no daemon to look at
    from place import Place
    place = Place(client, endpoint)
    try:
        look = Looking(place, client, endpoint)
        if lack := client.lack(endpoint):
            try:
                refused(look, "lacks", look.env, look.prefix)
            except AssertionError as problem:
                return {"lacks": lack.reason, "issue": lack.issue, "wrong": [f"it is said not to support this: {problem}"]}
            return {"lacks": lack.reason, "issue": lack.issue, "read": look.read["lacks"], "wrong": []}
        seen, wrong = {}, []
        for check in CHECKS:
            if reason := skipped(look, check):
                seen[check] = {"saw": reason, "skipped": True}
                continue
            own = client.own(endpoint, check)
            try:
                saw = FUNCTIONS[check](look)
            except Exception as problem:
                look.quiet()
                if own:
                    seen[check] = {"saw": own.reason, "own": own.issue}
                    continue
                wrong.append(f"{check}: {problem if isinstance(problem, AssertionError) else traceback.format_exc()}")
                seen[check] = {"saw": "FAILED"}
                if check in ("identity", "put"):
                    break  # nothing else would say more
                continue
            seen[check] = {"saw": saw}
            if own:
                wrong.append(f"{check}: it is said to fail by its own doing, and works: {own.reason}")
        note = client.hours.get(endpoint)
        return {"checks": seen, "read": look.read, "wrong": wrong} | ({"hours": note.reason, "issue": note.issue} if note else {})
    finally:
        place.close()


def arguments():
    parser = argparse.ArgumentParser(prog="conformance/run")
    parser.add_argument("step", choices=["choose", "run", "cell"])
    parser.add_argument("names", nargs="*", metavar="CLIENT|FAMILY|all")
    parser.add_argument("--endpoint", choices=list(ENDPOINTS), action="append")
    return parser.parse_args()


def main():
    asked = arguments()
    if asked.step == "cell":
        client, endpoint = pickle.load(sys.stdin.buffer)
        print(json.dumps(cell(client, endpoint)))
        return
    chosen = choose(asked.names)
    if asked.step == "choose":
        for family, names in chosen.items():
            print(family, *names)
        return
    if os.getuid() != 0:
        sys.exit("conformance: needs root, to make network namespaces\nhint: run it as root, or in a container that is privileged")
    observed = run(chosen, asked.endpoint or list(ENDPOINTS if asked.names else QUICK_ENDPOINTS))
    wrong = [f"{name}, {endpoint}: {problem}" for name, client in observed.items() for endpoint, cell in client["at"].items() for problem in cell["wrong"]]
    for client in observed.values():
        client["at"] = {endpoint: cell for endpoint, cell in client["at"].items() if not cell["wrong"]}
    if wrong:
        print("\n".join(["\nWhat went wrong, and is not written:", *wrong]), file=sys.stderr, flush=True)
    page.settle(observed, write=bool(os.environ.get("UPDATE")) or asked.names == ["all"])
    sys.exit(1 if wrong else 0)


if __name__ == "__main__":
    main()
