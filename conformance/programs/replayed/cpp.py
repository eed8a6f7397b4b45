"""The AWS SDK for C++ 1.11 on libcurl (read in aws-sdk-cpp, 2026: src/aws-cpp-sdk-core/source,
auth, internal/AWSHttpResourceClient.cpp, http/curl, config/EC2InstanceProfileConfigLoader.cpp)."""

import datetime
import json
import re
import time
import urllib.parse

from files import Keys
from wire import Client, Unreachable

AGENT = "aws-sdk-cpp/1.11.600 ua/2.1 api/S3 os/Linux lang/c++#C++17"
EVERY, GRACE = 5 * 60, 5  # REFRESH_THRESHOLD and AWS_CREDENTIAL_PROVIDER_EXPIRATION_GRACE_PERIOD, in seconds


class Cpp:
    def __init__(self, env):
        self.env, self.keys, self.loaded = env, None, 0
        # MakeDefaultHttpResourceClientConfiguration: a second to connect, a second for the answer, no proxy whatever the environment has.
        self.client, self.region = Client(1, 1, kept=True), None

    def credentials(self):
        """RefreshIfExpired: every five minutes, or five seconds before their end. What cannot be
        renewed is kept; without any, the call to AWS goes out unsigned (AWSAuthV4Signer)."""
        now = time.time()
        if not self.keys or now - self.loaded > EVERY or (self.keys.expires or 0) - now < GRACE:
            container = self.env.get("AWS_CONTAINER_CREDENTIALS_RELATIVE_URI") or self.env.get("AWS_CONTAINER_CREDENTIALS_FULL_URI")
            got = self.container() if container else self.metadata()
            if got:
                self.keys, self.loaded = got, now
        return self.keys

    def container(self):
        """GeneralHTTPCredentialsProvider: the relative URI wins."""
        relative, full = self.env.get("AWS_CONTAINER_CREDENTIALS_RELATIVE_URI"), self.env.get("AWS_CONTAINER_CREDENTIALS_FULL_URI")
        url = "http://169.254.170.2" + relative if relative else full
        if not relative and not allowed(urllib.parse.urlsplit(url).netloc):
            return None
        token = self.token()
        answer = self.resource("GET", url, {"authorization": token} if token else {})
        return keys(answer.text()) if answer.status == 200 else None

    def token(self):
        """LoadTokenFromFile: the file wins, and is read at each fetch; only a CR LF is no token."""
        if file := self.env.get("AWS_CONTAINER_AUTHORIZATION_TOKEN_FILE"):
            with open(file, newline="") as f:
                token = f.read()
            return "" if "\r\n" in token else token
        return self.env.get("AWS_CONTAINER_AUTHORIZATION_TOKEN", "")

    def resource(self, method, url, headers):
        """AWSHttpResourceClient: one retry, at once, of what may come right (DefaultRetryStrategy, whose first
        pause is none). libcurl writes Host and Accept; the SDK's headers follow, in lower case and in the
        order of the alphabet, and neither a length nor an encoding of a body (CurlHttpClient.MakeRequest)."""
        lines = [f"{name}: {value}" for name, value in sorted((headers | {"user-agent": AGENT}).items())]
        for last in (False, True):
            try:
                answer = self.client.send(method, url, ["Host: {host}", "Accept: */*", *lines])
                if answer.status == 200 or last or not (answer.status >= 500 or answer.status in (408, 429)):
                    return answer
            except Unreachable:
                if last:
                    return Nothing
        return answer

    def metadata(self):
        """EC2InstanceProfileConfigLoader: the keys, and where it does not know the region yet, all of it once more and the zone."""
        base = self.env.get("AWS_EC2_METADATA_SERVICE_ENDPOINT") or "http://169.254.169.254"
        if self.env.get("AWS_EC2_METADATA_DISABLED", "").lower() == "true":
            return None
        document, _ = self.document(base)
        got = keys(document) if document else None
        if got and not self.region:
            _, session = self.document(base)
            zone = self.resource("GET", base + "/latest/meta-data/placement/availability-zone", session).text().strip()
            self.region = re.match(r"[^\d]*\d+", zone)[0]  # GetCurrentRegion: up to the letter after the digits
            if self.region != self.env.get("AWS_REGION", self.region):
                return None
        return got

    def document(self, base):
        """GetDefaultCredentialsSecurely: the listing is asked for without a slash; its first line is the role. Where no token
        is given, but for a 400, the old way is tried."""
        got = self.resource("PUT", base + "/latest/api/token", {"x-aws-ec2-metadata-token-ttl-seconds": "21600"})
        if got.status == 400:
            return "", {}
        session = {"x-aws-ec2-metadata-token": got.text().strip()} if got.status == 200 else {}
        path = base + "/latest/meta-data/iam/security-credentials"
        listing = self.resource("GET", path, session)
        roles = listing.text().strip().split("\n")
        if listing.status != 200 or not roles[0]:
            return "", session
        document = self.resource("GET", path + "/" + roles[0], session)
        return document.text() if document.status == 200 else "", session


class Nothing:
    """REQUEST_NOT_MADE."""

    status = -1

    @staticmethod
    def text():
        return ""


def allowed(authority):
    """IsAllowedIp. The URI's authority has its brackets, and the address of EKS is looked for without."""
    host = re.sub(r":\d+$", "", authority)
    return host in ("169.254.170.2", "169.254.170.23", "fd00:ec2::23", "[::1]", "[0:0:0:0:0:0:0:1]") or \
        bool(re.fullmatch(r"127\.0\.0\.\d{1,3}", host))


def keys(text):
    """GeneralHTTPCredentialsProvider.Reload: exact names; an Expiration that is no ISO 8601 in UTC is long ago, and all is fetched at each call."""
    try:
        got = json.loads(text)
    except ValueError:
        return None
    expires = 0
    if re.fullmatch(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d+)?Z", got.get("Expiration", "")):
        expires = datetime.datetime.fromisoformat(got["Expiration"]).timestamp()
    found = Keys(got.get("AccessKeyId", ""), got.get("SecretAccessKey", ""), got.get("Token", ""), expires)
    return found if found.id and found.secret else None
