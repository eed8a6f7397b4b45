"""The scenarios, each for every quick client: what happens around vendord, at its
own address on loopback. What a client does with an endpoint is looked at in checks.py.
A scenario is a function of a cell; the first line of its text is its name in the table.
A client's ways are fields of Client, with the reason where they are set: no scenario
names a client."""

import datetime
import json
import os
import re
import sys

from cell import AS_OTHER, OTHER, Recorder, equal, true
from world import wait_for


def one_request(cell):
    """ten calls in a row ask once"""
    cell.works(cell.client.put, cell.environment())
    equal("calls that AWS let through", len(cell.keys()), 10)
    equal("requests", cell.statuses(), [200])
    for program in cell.client.also:
        cell.works(program, cell.environment())
    equal("requests", cell.statuses(), [200] * (1 + len(cell.client.also)))


def token_file(cell):
    """a token in a file, the profile in the address"""
    env = cell.environment("uploader", "--file", cell.world.home + "/token")
    true("the token is in the environment", "AWS_CONTAINER_AUTHORIZATION_TOKEN" not in env)
    env["AWS_CONTAINER_CREDENTIALS_FULL_URI"] += "/company1-hr-upload"
    cell.works(cell.client.whoami, env)
    equal("requests", cell.statuses(), [200])


def rotated_token(cell):
    """the token in its file is rotated while it works"""
    path = cell.world.home + "/token"
    program = cell.start(cell.client.put, short_lived(cell, "--file", path))
    wait_for("three calls", lambda: len(cell.keys()) >= 3, seconds=40)
    done = cell.world.vendord("token", "rotate", "uploader", "--file", path, "--overlap", "1s")
    equal("token rotate", done.returncode, 0, done.stderr)
    true("the program ended before the token was another", program.poll() is None)
    done = cell.end(program)
    equal("exit status", done.returncode, 0, done.stderr)
    equal("calls that AWS let through", len(cell.keys()), 10)
    lines = cell.world.audit()
    equal("statuses", {line["status"] for line in lines}, {200})
    equal("tokens", len({line["token"] for line in lines}), 2)


def no_token(cell):
    """no token: the kernel says whose program it is"""
    env = cell.by_kernel(OTHER, "company1-hr-upload")
    for program in (cell.client.put, cell.client.whoami, *cell.client.also):
        cell.works(AS_OTHER + program, env)
    lines = cell.world.audit()
    equal("requests", [line["status"] for line in lines], [200] * (2 + len(cell.client.also)))
    equal("who asked, and how it was recognised", {(line["uid"], line["how"]) for line in lines}, {(OTHER, "user")})


def used_profile(cell):
    """no token: another profile is used while it works"""
    short_lived(cell)
    env = cell.by_kernel(OTHER, "company1-hr-upload", "company1-hr-readonly")
    program = cell.start(AS_OTHER + cell.client.put, env)
    wait_for("three calls", lambda: len(cell.keys()) >= 3, seconds=40)
    done = cell.world.vendord("use", "company1-hr-readonly", "--app", "process")
    equal("vendord use", done.returncode, 0, done.stderr)
    true("the program ended before the profile was another", program.poll() is None)
    done = cell.end(program)
    true("it put ten objects, and was to be denied some", done.returncode != 0 and len(cell.keys()) < 10)
    true(f"stderr: got\n{done.stderr}\nwant AWS's denial by the session policy", "because no session policy allows the s3:PutObject action" in done.stderr)
    lines = cell.world.audit()
    equal("statuses", {line["status"] for line in lines}, {200})
    equal("profiles, in order", list(dict.fromkeys(line["profile"] for line in lines)), ["company1-hr-upload", "company1-hr-readonly"])


def long_token(cell):
    """a session token of 4,096 bytes"""
    env = cell.environment("big")
    cell.works(cell.client.whoami, env)
    cell.works(cell.client.put, env)
    given = json.loads(cell.world.vendord("credentials", "company1-hr-big").stdout)
    equal("bytes of the token", len(given["SessionToken"]), 4096)
    equal("keys of the calls that AWS let through", set(cell.keys()), {given["AccessKeyId"]})


def restart(cell):
    """the daemon restarts while it works"""
    env = short_lived(cell)
    before = url(cell)
    program = cell.start(cell.client.put, env)
    wait_for("three calls", lambda: len(cell.keys()) >= 3, seconds=40)
    cell.world.stop()
    asked = len(cell.world.recorded())
    cell.world.start()
    true("the program ended before the daemon was back", program.poll() is None)
    done = cell.end(program)
    equal("exit status", done.returncode, 0, done.stderr)
    equal("calls that AWS let through", len(cell.keys()), 10)
    equal("address", url(cell), before)
    lines = cell.world.audit()
    true(f"requests: {asked} before the restart and {len(lines) - asked} after it, want some of both", 0 < asked < len(lines))
    equal("statuses", {line["status"] for line in lines}, {200})


def proxies(cell):
    """a proxy in the environment never sees a token"""
    recorder = Recorder()
    try:
        env = cell.environment() | recorder.variables()
        cell.works(cell.client.whoami, env)
        equal("requests that the proxy saw", recorder.asked, [])
        # Proof that it would have seen one: without the exceptions that vendord
        # sets, calls to AWS go through it, and those to vendord still do not.
        del env["NO_PROXY"], env["no_proxy"]
        if cell.client.uses_proxies:
            cell.works(cell.client.whoami, env)
            true("the proxy saw nothing at all", recorder.asked)
            equal("requests to vendord that the proxy saw", [u for u in recorder.asked if u.startswith(url(cell))], [])
    finally:
        recorder.close()


def poisoned(cell):
    """exec beats a poisoned [default] profile"""
    poison = "[default]\naws_access_key_id = AKIAPOISONPOISON0000\naws_secret_access_key = poison\n"
    path = cell.world.write(".aws/credentials", poison)
    env = cell.world.env | cell.elsewhere() | {
        "AWS_ACCESS_KEY_ID": "AKIAPOISONPOISON0001", "AWS_SECRET_ACCESS_KEY": "poison", "AWS_PROFILE": "nobody"}
    done = cell.world.vendord("exec", "company1-hr-upload", "--", *cell.client.whoami, env=env)
    equal("exit status", done.returncode, 0, done.stderr)
    equal("requests", cell.statuses(), [200])
    kept = cell.world.vendord("exec", "--keep-aws-files", "company1-hr-upload", "--", *cell.client.whoami, env=env)
    true("the poison must matter, or this shows nothing", kept.returncode != 0)
    equal("requests", cell.statuses(), [200])
    with open(path) as f:
        equal("the user's file", f.read(), poison)


def other_profile(cell):
    """refused: another app's profile"""
    env = cell.environment("reader")
    env["AWS_CONTAINER_CREDENTIALS_FULL_URI"] += "/company1-hr-upload"
    refused(cell, env, 403, 'profile "company1-hr-upload": ')


def other_profile_by_file(cell):
    """refused: another app's profile, with a token file"""
    env = cell.environment("reader", "--file", cell.world.home + "/token")
    env["AWS_CONTAINER_CREDENTIALS_FULL_URI"] += "/company1-hr-upload"
    refused(cell, env, 403, 'profile "company1-hr-upload": ', from_file=True)


def not_recognised(cell):
    """refused: no token, and no app for this user"""
    refused(cell, cell.by_kernel(70002, "company1-hr-upload"), 401, "caller: not recognised", AS_OTHER)


def expired_token(cell):
    """refused: an expired token"""
    env = cell.environment("reader", "--ttl", "1s")
    wait_for("the token's end", lambda: cell.world.vendord("token", "list").stdout == "")
    refused(cell, env, 401, "token: expired ")


def login_needed(cell):
    """refused: the source's session has ended"""
    refused(cell, cold(cell, kind="access-denied", code="ExpiredToken"), 403, "its session has expired")


def nobody_signed_in(cell):
    """refused: nobody is signed in; then somebody is"""
    sign_in(cell)
    env = cell.environment("person")
    out = cell.world.vendord("logout", "portal")
    equal("vendord logout", out.returncode, 0, out.stderr)
    refused(cell, env, 403, 'sso-session "example": signed out')
    told = cell.world.vendord("status").stdout if cell.client.blurts else cell.seen[-1]
    true(f"what to do: got\n{told}\nwant the command in it", "vendord login portal" in told)
    sign_in(cell)
    done = cell.run(cell.client.whoami, env)
    equal("exit status", done.returncode, 0, done.stderr)
    true(f"who it is: got {done.stdout}, want John by way of the portal", re.search(r":assumed-role/AWSReservedSSO_ReadOnly_\w+/john$", done.stdout.strip()))


def sts_down(cell):
    """refused: nothing in store, STS answers 500"""
    refused(cell, cold(cell, kind="server-error"), 503, "has trouble of its own")


def sts_hangs(cell):
    """refused: nothing in store, STS does not answer"""
    refused(cell, cold(cell, kind="hang"), 503, "still asking AWS|no answer in time")


def not_punished(cell):
    """a burst of refused programs, then a good one"""
    env, lines, programs = revoked(cell, "--file", cell.world.home + "/token"), [], 0
    while programs < 6 or programs < 12 and burst(lines) < 6:
        for program in [cell.start(cell.client.whoami, env) for _ in range(3)]:
            true("a refused program worked", cell.end(program).returncode != 0)
        programs, lines = programs + 3, cell.world.audit()
    true("never six within 4 s: this shows nothing", burst(lines) >= 6)
    equal("statuses", [line["status"] for line in lines], programs * cell.client.refused(401, from_file=True))
    anonymous = sum(line["message"] == "token: none was sent" for line in lines)
    equal("requests without a token", anonymous, programs * cell.client.asks_anonymously)
    cell.works(cell.client.whoami, cell.environment())
    equal("requests of the good one", cell.statuses()[len(lines):], [200])


SCENARIOS = [one_request, token_file, rotated_token, no_token, used_profile, long_token, restart, proxies, poisoned,
             other_profile, other_profile_by_file, not_recognised, expired_token, login_needed, nobody_signed_in, sts_down, sts_hangs, not_punished]


def refused(cell, env, status, message, as_user=(), from_file=False):
    """Runs a program that is refused: what its user reads, and that vendord's own record has all of it."""
    stderr = cell.fails((*as_user, *cell.client.whoami), env)
    lines = cell.world.audit()
    equal("requests", [line["status"] for line in lines], cell.client.refused(status, from_file))
    first, last = lines[0], lines[-1]  # which is the one that an SDK shows
    true(f"message: got {first['message']!r}, want {message!r} in it", re.search(message, first["message"]))
    for part in cell.client.shows(last):
        true(f"stderr: got\n{stderr}\nwant {part!r} in it", part in stderr)
    shown = cell.world.vendord("status").stdout
    true(f"vendord status: got\n{shown}\nwant {first['message']!r} in it", first["message"] in shown)


def sign_in(cell):
    """vendord login, with a browser that opens the page and a person who has said yes."""
    cell.aws.sign_in("john")
    opens = "import sys, urllib.request; urllib.request.urlopen(sys.argv[1], timeout=20).close()"
    browser = cell.world.write("browser", f"#!/bin/sh\nexec '{sys.executable}' -c '{opens}' \"$1\"\n")
    os.chmod(browser, 0o700)
    done = cell.world.vendord("login", "portal", env=cell.world.env | {"BROWSER": browser})
    equal("vendord login", done.returncode, 0, done.stderr)


def revoked(cell, *args):
    """The environment of a program whose token is revoked."""
    env = cell.environment("reader", *args)
    equal("token revoke", cell.world.vendord("token", "revoke", "reader").returncode, 0)
    return env


def cold(cell, **fault):
    """The environment of a program whose session the daemon has forgotten when STS fails."""
    env = cell.environment()
    cell.world.stop()
    cell.aws.fault(operation="AssumeRole", **fault)
    cell.world.start()
    return env


def short_lived(cell, *args):
    """Sessions of 6 s, and calls of 0.8 s: ten of them outlive a session."""
    cell.aws.fault(operation="AssumeRole", kind="short-life", life="6s")
    cell.aws.fault(operation="PutObject", kind="latency", latency="800ms")
    return cell.environment("uploader", *args)


def burst(lines, seconds=4):
    """The most lines within some seconds."""
    times = [datetime.datetime.fromisoformat(line["time"]).timestamp() for line in lines]
    return max((sum(t <= u < t + seconds for u in times) for t in times), default=0)


def url(cell):
    """Where programs ask."""
    return json.loads(cell.world.vendord("status", "--json").stdout)["url"]
