"""The AWS SDK for PHP, version 3, with Guzzle 7 on libcurl, as a program of the command
line (read in aws-sdk-php, 2026: src/Credentials; guzzle, src)."""

import dataclasses
import datetime
import json
import random
import socket
import time
import urllib.parse

from files import Keys
from wire import Client, Failed, Unreachable, proxied

AGENT = "GuzzleHttp/7"  # GuzzleHandler adds it to what there is, which is nothing of a container's
METADATA_AGENT = "aws-sdk-php/3.369.0 " + AGENT
HOSTS = "169.254.170.2", "169.254.170.23", "fd00:ec2::23"  # EcsCredentialProvider.isCompatibleUri, besides loopback
ATTEMPTS = 3  # DEFAULT_ENV_RETRIES and DEFAULT_RETRIES


class PHP:
    def __init__(self, env):
        self.env, self.keys, self.role = env, None, ""
        # EcsCredentialProvider: a second for all of a request. Guzzle's handler keeps its connections.
        self.client = Client(1, 1, kept=True)

    def credentials(self):
        """CredentialProvider.memoize: fetched at their end, and only then."""
        if not self.keys or self.keys.expires <= time.time():
            container = self.env.get("AWS_CONTAINER_CREDENTIALS_RELATIVE_URI") or self.env.get("AWS_CONTAINER_CREDENTIALS_FULL_URI")
            self.keys = self.container() if container else self.metadata(self.keys)
        return self.keys

    def container(self):
        """EcsCredentialProvider.__invoke: tried again only where nobody answers, a second later."""
        relative, full = self.env.get("AWS_CONTAINER_CREDENTIALS_RELATIVE_URI"), self.env.get("AWS_CONTAINER_CREDENTIALS_FULL_URI")
        url = "http://169.254.170.2" + relative if relative else full
        host = urllib.parse.urlsplit(url).hostname
        if host not in HOSTS and not socket.gethostbyname(host).startswith("127."):
            raise Failed(f"Uri '{url}' contains an unsupported host.")
        token = self.token()
        headers = [f"Authorization: {token}"] if token else []
        for attempt in range(ATTEMPTS + 1):
            try:
                got = decoded(self.send("GET", url, AGENT, headers).text())
                if not got.get("AccessKeyId"):
                    raise Failed("Unexpected container metadata credentials value")
                return keys(got)
            except Failed as failed:
                if attempt == ATTEMPTS or not isinstance(failed, Unreachable):
                    raise Failed(f"Error retrieving credentials from container metadata after attempt {attempt}/{ATTEMPTS} ({failed})") from None
                time.sleep(1)  # 1.2 to the power of the attempt, as an integer

    def token(self):
        """EcsCredentialProvider.getEcsAuthToken: the file wins; an empty one is an error; what is in it is sent as it is."""
        if file := self.env.get("AWS_CONTAINER_AUTHORIZATION_TOKEN_FILE"):
            with open(file, newline="") as f:
                if not (token := f.read()):
                    raise Failed(f"Invalid authorization token read from `{file}`. Token file is empty!")
                return token
        return self.env.get("AWS_CONTAINER_AUTHORIZATION_TOKEN")

    def send(self, method, url, agent, headers, proxy=None):
        """Guzzle's CurlFactory takes Accept away, and gives a PUT without a body its length. Other
        statuses than 2xx are exceptions, with the first 120 characters of the body."""
        more = ["Content-Length: 0"] if method == "PUT" else []
        answer = self.client.send(method, url, ["Host: {host}", "User-Agent: " + agent, *headers, *more], proxy)
        if not 200 <= answer.status < 300:
            kind = "Client" if answer.status < 500 else "Server"
            text = answer.text()[:120] + (" (truncated...)" if len(answer.body) > 120 else "")
            raise Failed(f"{kind} error: `{method} {url}` resulted in a `{answer.status} {answer.reason}` response:\n{text}\n", answer.status)
        return answer

    def metadata(self, had):
        """InstanceProfileProvider.__invoke. Its attempts are counted over all of its requests. What it
        had is used for minutes after its end where the service has trouble, or its last answer is late."""
        base = (self.env.get("AWS_EC2_METADATA_SERVICE_ENDPOINT") or "http://169.254.169.254").rstrip("/") + "/latest/"
        self.attempts, session = 0, []
        while not session:
            try:
                token = self.ask("PUT", base + "api/token", ["x-aws-ec2-metadata-token-ttl-seconds: 21600"]).text()
                session = [f"x-aws-ec2-metadata-token: {token}"]
            except Failed as failed:
                if failed.status == 500 and had:
                    return extended(had)
                if failed.status not in (400, 500, 502, 503, 504):  # the old way, without a token
                    break
                self.again(failed)
        path = base + "meta-data/iam/security-credentials/"
        if not self.role:  # asked for once in the provider's life, and kept as it came
            self.role = self.insist(path, session).text()
        try:
            got = decoded(self.insist(path + self.role, session, had).text())
        except Trouble:
            return extended(had)
        if got.get("Code") != "Success":  # decodeResult: exactly that
            raise Failed(f"Unexpected instance profile response code: {got.get('Code')}")
        return keys(got)

    def insist(self, url, session, had=None):
        while True:
            try:
                return self.ask("GET", url, session)
            except Failed as failed:
                if had and (failed.status == 500 or "timed out" in str(failed)):  # libcurl's error 28
                    raise Trouble from None
                self.again(failed, 401, 403)

    def again(self, failed, *final):
        """handleRetryableException."""
        if failed.status in final or self.attempts >= ATTEMPTS:
            raise Failed(f"Error retrieving credentials from the instance profile metadata service. ({failed})")
        time.sleep(1)

    def ask(self, method, url, headers):
        if self.env.get("AWS_EC2_METADATA_DISABLED", "").lower() == "true":
            raise Failed("Error retrieving credentials from the instance profile metadata service. (EC2 metadata service access disabled)")
        try:
            # Unlike the container's, this request has no proxy of its own, so it has the environment's.
            return self.send(method, url, METADATA_AGENT, headers, proxied(self.env, url))
        finally:
            self.attempts += 1


class Trouble(Exception):
    """The service's own, for which nobody is to suffer."""


def extended(keys):
    """Credentials.extendExpiration."""
    return dataclasses.replace(keys, expires=time.time() + random.uniform(300, 600))


def decoded(text):
    """json_decode, which makes nothing of what is no JSON."""
    try:
        return json.loads(text) or {}
    except ValueError:
        return {}


def keys(got):
    """Exact names. What is not there is null, with a warning; strtotime reads any date, and makes one that is over of none."""
    try:
        expires = datetime.datetime.fromisoformat(got.get("Expiration", "")).timestamp()
    except ValueError:
        expires = 0
    return Keys(got["AccessKeyId"], got.get("SecretAccessKey", ""), got.get("Token", ""), expires)
