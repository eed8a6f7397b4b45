"""What every test needs: an AWS to ask, a daemon, and a clean environment."""

import json
import os
import shutil
import subprocess
import tempfile
import time
import urllib.error
import urllib.request

VENDORD, FAKEAWS = os.environ["VENDORD"], os.environ["FAKEAWS"]

CONFIG = """
[daemon]
region = "eu-west-1"
sts_endpoint = "%(sts)s"
sso_endpoint = "%(sts)s"

[sources.john]
profile = "john"
config_file = "aws-config"
credentials_file = "aws-credentials"

[profiles.company1-hr-upload]
source = "john"
role_arn = "arn:aws:iam::629470240201:role/JohnUploadRole"
session_name = "JohnUploadSession"

[profiles.company1-hr-readonly]
extends = "company1-hr-upload"
policy = '''{"Version":"2012-10-17","Statement":[{"Effect":"Allow",
  "Action":["s3:ListBucket","s3:GetObject"],
  "Resource":["arn:aws:s3:::company1-hr","arn:aws:s3:::company1-hr/*"]}]}'''

[profiles.company1-hr-big]
extends = "company1-hr-upload"
minimum_session_token_size = 4096

[sources.portal]
profile = "portal"
config_file = "aws-config"
credentials_file = "aws-credentials"

[profiles.company1-hr-person]
source = "portal"
operation = "source"

[apps.big]
profiles = ["company1-hr-big"]

[apps.person]
profiles = ["company1-hr-person"]

[apps.uploader]
profiles = ["company1-hr-upload"]

[apps.reader]
profiles = ["company1-hr-readonly"]
"""

# John's keys are in the other file; portal is signed in to with a browser.
AWS_CONFIG = """
[profile john]
region = eu-west-1

[profile portal]
sso_session = example
sso_account_id = 629470240201
sso_role_name = ReadOnly

[sso-session example]
sso_region = eu-west-1
sso_start_url = https://example.awsapps.com/start
"""


def clean_environment(home):
    """The variables of a fresh login: nothing of AWS's, and no keyring: a login must not get into a person's own."""
    env = {k: v for k, v in os.environ.items() if not k.startswith(("AWS_", "VENDORD_")) and k.upper() != "NO_PROXY"}
    return env | {"HOME": home, "XDG_STATE_HOME": home + "/state", "XDG_RUNTIME_DIR": home + "/run",
                  "DBUS_SESSION_BUS_ADDRESS": f"unix:path={home}/nowhere"}


def wait_for(what, check, seconds=20):
    """Waits until check() is true; fails loudly if it never is."""
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        if check():
            return
        time.sleep(0.05)
    raise AssertionError(f"{what}: not within {seconds} s")


class FakeAWS:
    """fakeaws in a process of its own: an AWS that enforces policies."""

    def __init__(self, *flags):
        self.process = subprocess.Popen([FAKEAWS, *flags], stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True)
        self.url = self.process.stdout.readline().strip()

    def fault(self, **fault):
        self._call("POST", "/_fake/faults", fault)

    def clear(self):
        self._call("DELETE", "/_fake/faults")

    def advance(self, by):
        """Moves its clock on, where it has the flag for that. It takes signatures of the true time as well."""
        self._call("POST", "/_fake/clock", {"advance": by})

    def forget(self):
        """What was called until now is no more in the journal."""
        self._call("DELETE", "/_fake/journal")

    def sign_in(self, person):
        """Whoever opens the sign-in page from now on is this person."""
        self._call("POST", "/_fake/sso/mode", {"mode": "approve", "person": person})

    def journal(self):
        return json.loads(self._call("GET", "/_fake/journal"))

    def _call(self, method, path, body=None):
        data = json.dumps(body).encode() if body is not None else None
        request = urllib.request.Request(self.url + path, data=data, method=method, headers={"Content-Type": "application/json"})
        with urllib.request.urlopen(request, timeout=5) as response:
            return response.read()

    def close(self):
        self.process.terminate()
        self.process.wait(10)
        self.process.stdout.close()


class World:
    """A home directory, john's keys in a place of their own, and a daemon."""

    def __init__(self, sts, key, secret, config=CONFIG):
        self.home = tempfile.mkdtemp(prefix="vendord-conformance-")
        self.env = clean_environment(self.home)
        os.mkdir(self.home + "/run", 0o700)
        self.write("vendord.toml", config if config is not CONFIG else CONFIG % {"sts": sts})
        self.write("aws-config", AWS_CONFIG)
        self.write("aws-credentials", f"[john]\naws_access_key_id = {key}\naws_secret_access_key = {secret}\n")
        self.log = open(self.home + "/log", "w+")
        self.daemon = None
        try:
            self.start()
        except BaseException:
            self.close()
            raise

    def write(self, name, text):
        path = os.path.join(self.home, name)
        os.makedirs(os.path.dirname(path), mode=0o700, exist_ok=True)
        with open(path, "w", opener=lambda p, flags: os.open(p, flags, 0o600)) as f:
            f.write(text)
        return path

    def start(self):
        self.daemon = subprocess.Popen(
            [VENDORD, "serve", "--config", self.home + "/vendord.toml", "--audit-log", self.home + "/audit.jsonl"],
            env=self.env, stdout=self.log, stderr=self.log)
        wait_for("vendord serve", lambda: subprocess.run(
            [VENDORD, "status"], env=self.env, capture_output=True).returncode == 0)

    def stop(self):
        self.daemon.terminate()
        self.daemon.wait(10)

    def vendord(self, *args, env=None, **kw):
        return subprocess.run([VENDORD, *args], env=env or self.env, capture_output=True, text=True, timeout=60, **kw)

    def environment(self, name, *args):
        """The environment that `vendord env NAME` gives, for a program."""
        out = self.vendord("env", name, "--json", *args)
        assert out.returncode == 0, out.stderr
        lines = json.loads(out.stdout)
        env = {k: v for k, v in self.env.items() if k not in lines["unset"]}
        return env | {v["name"]: v["value"] for v in lines["set"]}

    def audit(self):
        """What the record has of programs. A request of our own marks its end: lines are written in order."""
        mark = f"/mark-{time.monotonic_ns()}"
        request = urllib.request.Request(json.loads(self.vendord("status", "--json").stdout)["url"] + mark)
        try:
            urllib.request.urlopen(request, timeout=5).close()
        except urllib.error.HTTPError as refused:
            refused.close()
        wait_for("the record of a request", lambda: any(mark in line.get("path", "") for line in self.recorded()))
        return [line for line in self.recorded() if "/mark-" not in line.get("path", "")]

    def recorded(self):
        """The lines that are in the record already."""
        with open(self.home + "/audit.jsonl") as f:
            return [json.loads(line) for line in f.read().splitlines(keepends=True) if line.endswith("\n")]

    def close(self):
        self.stop()
        self.log.close()
        shutil.rmtree(self.home)
