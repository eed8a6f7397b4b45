"""The AWS SDK for .NET, version 4, on .NET 8 (read in aws-sdk-net, 2026: sdk/src/Core,
Amazon.Runtime/Credentials and Amazon.Util)."""

import datetime
import json
import random
import threading
import time
import urllib.parse

from files import Keys
from wire import Client, Failed, proxied

AGENT = "aws-sdk-dotnet-coreclr/4.0.3.16 ua/2.1 os/linux lang/.NET_Core#8.0"
HOSTS = "169.254.170.2", "169.254.170.23", "fd00:ec2::23"  # GenericContainerCredentials, AllowedHosts
EARLY = 15 * 60  # GenericContainerCredentials, constructor: PreemptExpiryTime


class DotNet:
    def __init__(self, env):
        self.env, self.keys, self.busy = env, None, threading.Lock()
        # GenericContainerCredentials.DetermineEndpoint: the relative URI wins, an empty variable is none; UriBuilder adds a slash.
        relative, full = env.get("AWS_CONTAINER_CREDENTIALS_RELATIVE_URI"), env.get("AWS_CONTAINER_CREDENTIALS_FULL_URI")
        self.url = "http://169.254.170.2/" + relative.lstrip("/") if relative else full
        host = urllib.parse.urlsplit(self.url or "").hostname
        if self.url and host not in HOSTS and not (host == "localhost" or host == "::1" or (host or "").startswith("127.")):
            raise Failed(f"Cannot fetch credentials from container - the full URI contains an invalid host: {self.url}")

    def credentials(self):
        """RefreshingAWSCredentials.GetCredentials: in a quarter of an hour's time each call has them
        fetched anew behind its back, one at a time, and takes the old ones; after the end it waits.
        Instance profiles are fetched at the end (DefaultInstanceProfileAWSCredentials.GetCredentials)."""
        had, left = self.keys, self.keys.expires - time.time() if self.keys else 0
        if left > 0:
            if self.url and left < EARLY and self.busy.acquire(blocking=False):
                threading.Thread(target=self.behind, daemon=True).start()
            return had
        with self.busy:
            if self.keys is had:  # nobody else has fetched them meanwhile
                self.keys = self.fetch()
        return self.keys

    def behind(self):
        try:
            self.keys = self.fetch()
        except Failed:  # nobody waits for it
            pass
        finally:
            self.busy.release()

    def fetch(self):
        keys = self.container() if self.url else self.metadata()
        if keys.expires <= time.time():  # RefreshingAWSCredentials.UpdateToGeneratedCredentials
            raise Failed("The retrieved credentials have already expired")
        return keys

    def container(self):
        """GenericContainerCredentials.GenerateNewCredentials: five attempts, whatever the failure, 0.2 s and a jitter apart."""
        for attempt in range(5):
            try:
                # AWSSDKUtils.CreateClient: an HttpClient for each request, so a connection for each; the agent, then the token as it is.
                token = self.token()
                answer = self.send(100, "GET", self.url, [f"Authorization: {token}"] if token else [])
                return keys(answer.text())
            except Failed as failed:
                if attempt == 4:
                    raise Failed(f'Unable to retrieve credentials. Message = "{failed}"') from None
                time.sleep(random.uniform(0.2, 0.25))

    def token(self):
        """GenericContainerCredentials.CreateAuthorizationHeader: the file wins, and is read each time, as it is."""
        token = self.env.get("AWS_CONTAINER_AUTHORIZATION_TOKEN", "")
        if file := self.env.get("AWS_CONTAINER_AUTHORIZATION_TOKEN_FILE"):
            with open(file, newline="") as f:
                token = f.read()
        if "\r\n" in token:
            raise Failed("Authorization token must not contain the newline sequence.")
        return token

    def send(self, timeout, method, url, headers):
        """AWSSDKUtils.ExecuteHttpRequest. Its proxy is null, which leaves HttpClient to the environment's."""
        more = ["Content-Length: 0"] if method == "PUT" else []  # SocketsHttpHandler: a PUT without content
        answer = Client(timeout, timeout, kept=False).send(
            method, url, ["Host: {host}", "User-Agent: " + AGENT, *headers, *more], proxied(self.env, url))
        if not 200 <= answer.status < 300:  # HttpResponseMessage.EnsureSuccessStatusCode
            raise Failed(f"Response status code does not indicate success: {answer.status} ({answer.reason}).", answer.status)
        return answer

    def metadata(self):
        """EC2InstanceMetadata.GetIAMSecurityCredentials: the listing without a slash, each line a role; the first one's keys are taken."""
        roles = self.items("/iam/security-credentials")
        documents = [self.items("/iam/security-credentials/" + role.strip()) for role in (roles or "").splitlines()]
        if not documents or documents[0] is None:
            raise Failed("Unable to get IAM security credentials from EC2 Instance Metadata Service.")
        return keys(documents[0])

    def items(self, path):
        """EC2InstanceMetadata.GetItems: a token of its own for each; 404 is nothing, 401 the end, all else three tries."""
        base = (self.env.get("AWS_EC2_METADATA_SERVICE_ENDPOINT") or "http://169.254.169.254") + "/latest"
        if self.env.get("AWS_EC2_METADATA_DISABLED", "").lower() == "true" or (token := self.session(base)) is None:
            return None
        for attempt in range(3):
            try:
                return self.send(5, "GET", base + "/meta-data" + path, [f"x-aws-ec2-metadata-token: {token}"]).text()
            except Failed as failed:
                if failed.status == 401:
                    raise
                if failed.status == 404 or attempt == 2:
                    return None
                time.sleep(0.25 * 2**attempt)

    def session(self, base):
        """EC2InstanceMetadata.FetchApiToken: 403, 404 and 405 end it; there is no way without a token any more."""
        for attempt in range(3):
            try:
                return self.send(5, "PUT", base + "/api/token", ["x-aws-ec2-metadata-token-ttl-seconds: 21600"]).text().strip()
            except Failed as failed:
                if failed.status in (403, 404, 405) or attempt == 2 and failed.status != 400:
                    return None
                if attempt == 2:
                    raise
                time.sleep(0.25 * 2**attempt)


def keys(text):
    """URIBasedRefreshingCredentialHelper.SecurityCredentials, as System.Text.Json reads it: exact
    names; LastUpdated, where it is there, and Expiration are dates. Code is looked at by nobody;
    without keys it is ImmutableCredentials that complains."""
    try:
        got = json.loads(text)
        dates = {name: datetime.datetime.fromisoformat(got[name]).timestamp() for name in ("LastUpdated", "Expiration") if name in got}
    except (ValueError, TypeError) as e:
        raise Failed(f"The JSON value could not be converted. {e}") from None
    for name, parameter in (("AccessKeyId", "awsAccessKeyId"), ("SecretAccessKey", "awsSecretAccessKey")):
        if not got.get(name):
            raise Failed(f"Value cannot be null. (Parameter '{parameter}')")
    return Keys(got["AccessKeyId"], got["SecretAccessKey"], got.get("Token", ""), dates.get("Expiration", 0))
