"""A user's program on the AWS Common Runtime alone: its default chain of
providers, its signer and its HTTP client. Nothing in it is there for vendord.

python program.py whoami | list | put PREFIX COUNT
"""

import io
import os
import re
import sys
import urllib.parse

from awscrt import auth, exceptions, http

REGION = os.environ["AWS_REGION"]
ENDPOINT = urllib.parse.urlsplit(os.environ["AWS_ENDPOINT_URL"])
BUCKET = "/company1-hr"


class Client:
    """Signed calls, over one connection, with the credentials that the chain gives."""

    def __init__(self):
        self.chain = auth.AwsCredentialsProvider.new_default_chain()
        self.connection = http.HttpClientConnection.new(ENDPOINT.hostname, ENDPOINT.port).result(20)

    def call(self, service, method, path, body=b"", headers=()):
        """Returns the answer's text; an answer that is not 200 is an error."""
        headers = http.HttpHeaders([("Host", ENDPOINT.netloc), ("Content-Length", str(len(body))), *headers])
        request = http.HttpRequest(method, path, headers, io.BytesIO(body))
        signing = auth.AwsSigningConfig(
            auth.AwsSigningAlgorithm.V4, auth.AwsSignatureType.HTTP_REQUEST_HEADERS,
            credentials_provider=self.chain, region=REGION, service=service,
            use_double_uri_encode=service != "s3", should_normalize_uri_path=service != "s3",
            signed_body_header_type=auth.AwsSignedBodyHeaderType.X_AMZ_CONTENT_SHA_256)
        auth.aws_sign_request(request, signing).result(30)
        status, text = [], bytearray()
        stream = self.connection.request(
            request, lambda http_stream, status_code, headers, **_: status.append(status_code),
            lambda http_stream, chunk, **_: text.extend(chunk))
        stream.activate()
        stream.completion_future.result(30)
        if status != [200]:
            sys.exit(f"{method} {path}: {status[0]}: {text.decode()}")
        return text.decode()


def main(words):
    match words:
        case ["whoami"]:
            form = [("Content-Type", "application/x-www-form-urlencoded")]
            print(*elements("Arn", Client().call("sts", "POST", "/", b"Action=GetCallerIdentity&Version=2011-06-15", form)))
        case ["list"]:
            print(*elements("Key", Client().call("s3", "GET", BUCKET + "?list-type=2")), sep="\n")
        case ["put", prefix, count]:
            client = Client()
            for i in range(int(count)):
                client.call("s3", "PUT", f"{BUCKET}/{prefix}/{i}", b"x")
        case other:
            sys.exit(f"{other}: unknown")


def elements(name, xml):
    return re.findall(f"<{name}>([^<]*)</{name}>", xml)


try:
    main(sys.argv[1:])
except exceptions.AwsCrtError as error:
    sys.exit(str(error))
