"""The AWS SDK for Swift 1.5 on Linux, with its own providers instead of the CRT's (read in
aws-sdk-swift, 2026: Sources/Core/AWSSDKIdentity; swift-corelibs-foundation, URLSession)."""

import datetime
import json
import re
import time
import urllib.parse

from files import Keys
from wire import Client, Failed, Unreachable

ATTEMPTS = 4  # three retries, of whatever failure, 0.1, 0.2 and 0.4 s apart
EARLY = 5 * 60  # DefaultAWSCredentialIdentityResolverChain.shouldRefreshCredentials
AGENT = "User-Agent: program (unknown version) curl/7.88.1"  # HTTPURLProtocol: the process's name
METADATA_AGENT = "User-Agent: aws-sdk-swift ua/2.1 api/imds"


class Swift:
    def __init__(self, env):
        self.env, self.keys, self.session = env, None, None
        self.client = Client(60, 60, kept=True)  # URLSession.shared

    def credentials(self):
        """DefaultAWSCredentialIdentityResolverChain: the container, and whatever comes of it, the metadata
        service, whose error is the user's. Keys without an end are kept for ever; with one, until
        five minutes before it."""
        if self.keys and (self.keys.expires is None or time.time() < self.keys.expires - EARLY):
            return self.keys
        try:
            self.keys = self.container()
        except Failed:
            self.keys = self.metadata()
        return self.keys

    def container(self):
        """ECSAWSCredentialIdentityResolver: the relative URI wins, and has no token. Of hosts that are not https only IPv4's addresses are taken."""
        relative, full = self.env.get("AWS_CONTAINER_CREDENTIALS_RELATIVE_URI"), self.env.get("AWS_CONTAINER_CREDENTIALS_FULL_URI")
        if relative is None and full is None:
            raise Failed("ECSAWSCredentialIdentityResolver: Couldn't initialize.")
        url = "http://169.254.170.2" + relative if relative is not None else full
        host = urllib.parse.urlsplit(url).hostname or ""
        if host not in ("169.254.170.2", "169.254.170.23") and not re.fullmatch(r"127(\.\d{1,3}){3}", host):
            raise Failed("ECSAWSCredentialIdentityResolver: The IP address in resolved URL is invalid.")
        token = None if relative is not None else self.token()
        for attempt in range(ATTEMPTS):
            try:
                answer = self.send("GET", url, [f"Authorization: {token}"] if token else [], AGENT)
                if answer.status != 200:  # exactly
                    raise Failed("ECSAWSCredentialIdentityResolver: Could not retrieve credentials from resolved URL.")
                return container_keys(answer.text())
            except Failed:
                if attempt == ATTEMPTS - 1:
                    raise
                time.sleep(0.1 * 2**attempt)

    def token(self):
        """readTokenFromFile and readTokenFromEnvironment: the file wins; newlines at its ends go, one inside is an error."""
        token = self.env.get("AWS_CONTAINER_AUTHORIZATION_TOKEN")
        if file := self.env.get("AWS_CONTAINER_AUTHORIZATION_TOKEN_FILE"):
            with open(file, newline="") as f:
                token = f.read().strip("\r\n")
        if token and re.search(r"[\r\n]", token):
            raise Failed("ECSAWSCredentialIdentityResolver: Resolved auth token contains a newline character, making it invalid.")
        return token

    def send(self, method, url, headers, agent):
        """libcurl writes Host, Accept and Accept-Encoding; the request's own headers follow, then
        Foundation's (HTTPURLProtocol.curlHeadersToSet). A PUT without a body has no length."""
        own = [*headers, agent] if agent == METADATA_AGENT else headers
        rest = ["Connection: keep-alive"] + ([agent] if agent == AGENT else []) + ["Accept-Language: en"]
        return self.client.send(method, url, ["Host: {host}", "Accept: */*", "Accept-Encoding: deflate, gzip", *own, *rest])

    def metadata(self):
        """IMDSAWSCredentialIdentityResolver: version 2 alone. Its client takes no address from the environment (IMDSClient.init)."""
        if self.env.get("AWS_EC2_METADATA_DISABLED", "").lower() == "true":
            raise Failed("IMDSAWSCredentialIdentityResolver: IMDS is disabled via env var or shared config file.")
        path = "/latest/meta-data/iam/security-credentials/"
        role = self.get(path)  # as it came: it is the end of the next path
        if not role:
            raise Failed("failedToResolveProfileName")
        return metadata_keys(self.get(path + role))

    def get(self, path):
        """IMDSClient.get: a 401 is tried again with the same token, which is asked for anew at its end; 404 and others are final."""
        base = "http://169.254.169.254"
        for attempt in range(ATTEMPTS):
            try:
                token = self.metadata_token(base)
                answer = self.send("GET", base + path, [f"x-aws-ec2-metadata-token: {token}"], METADATA_AGENT)
                if answer.status == 200:
                    return answer.text()
                if answer.status != 401:
                    hint = f' from the provided path "{path}". Hint: ensure that the path is valid. Error code: 404' if answer.status == 404 else "."
                    raise Failed("IMDSClient: Failed to retrieve metadata" + hint)
            except Unreachable:
                pass
            if attempt < ATTEMPTS - 1:
                time.sleep(0.1 * 2**attempt)
        raise Failed("reachedMaxRetries")

    def metadata_token(self, base):
        """IMDSTokenProvider: the answer has to repeat the time to live. 403 is final, all else is tried again by who asked."""
        if self.session and time.time() < self.session[1]:
            return self.session[0]
        answer = self.send("PUT", base + "/latest/api/token", ["x-aws-ec2-metadata-token-ttl-seconds: 21600"], METADATA_AGENT)
        if answer.status == 403:
            raise Failed("IMDSTokenProvider: IMDS is disabled or the caller has insufficient permissions.")
        if answer.status != 200 or not answer.headers.get("x-aws-ec2-metadata-token-ttl-seconds", "").isdigit():
            raise Unreachable("IMDSTokenProvider: Failed to retrieve IMDS token.")
        self.session = answer.text(), time.time() + int(answer.headers["x-aws-ec2-metadata-token-ttl-seconds"])
        return self.session[0]


def container_keys(text):
    """JSONCredentialResponse: exact names; the end is read by ISO8601DateFormatter's defaults, which know
    no fractions of a second, and is silently none where they fail: keys that are never renewed."""
    got = loaded(text)
    if not re.fullmatch(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(Z|[+-]\d\d:\d\d)", got.get("Expiration", "")):
        raise SystemExit(f"Expiration {got.get('Expiration')!r}: this SDK would never renew these keys")
    return Keys(string(got, "AccessKeyId"), string(got, "SecretAccessKey"), got.get("Token", ""),
                datetime.datetime.fromisoformat(got["Expiration"]).timestamp())


def metadata_keys(text):
    """IMDSAWSCredentialIdentityResolver's JSONCredentialResponse: Code, LastUpdated and Type have to be there too, whatever they say."""
    got = loaded(text)
    for name in ("Code", "Type"):
        string(got, name)
    dates = []
    for name in ("LastUpdated", "Expiration"):  # RFC3339DateParser: with fractions or without
        if not re.fullmatch(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d+)?(Z|[+-]\d\d:\d\d)", string(got, name)):
            raise Failed(f"Invalid ISO8601 date string: {got[name]}")
        dates.append(datetime.datetime.fromisoformat(got[name]).timestamp())
    return Keys(string(got, "AccessKeyId"), string(got, "SecretAccessKey"), string(got, "Token"), dates[1])


def loaded(text):
    try:
        return json.loads(text)
    except ValueError as e:
        raise Failed(f"The data couldn't be read because it isn't in the correct format: {e}") from None


def string(got, name):
    if not isinstance(got.get(name), str):
        raise Failed(f"The data couldn't be read because it is missing: {name}")
    return got[name]
