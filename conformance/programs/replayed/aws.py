"""The calls to AWS, signed (Signature Version 4): what is left of an SDK, of which nothing is looked at."""

import datetime
import hashlib
import hmac
import http.client
import os
import re
import urllib.parse

from wire import Failed


def call(keys, service, method, path, body, query=""):
    """The answer's text. Without keys the call goes out unsigned, as an anonymous one."""
    url = urllib.parse.urlsplit(os.environ["AWS_ENDPOINT_URL"])
    digest = hashlib.sha256(body).hexdigest()
    headers = {"host": url.netloc, "x-amz-content-sha256": digest, "x-amz-date": datetime.datetime.now(datetime.UTC).strftime("%Y%m%dT%H%M%SZ")}
    if service == "sts":
        headers["content-type"] = "application/x-www-form-urlencoded"
    if keys:
        if keys.token:
            headers["x-amz-security-token"] = keys.token
        headers["authorization"] = signed(keys, service, method, path, query, headers, digest)
    connection = http.client.HTTPConnection(url.netloc, timeout=20)
    try:
        connection.request(method, path + ("?" + query if query else ""), body, headers)
        answer = connection.getresponse()
        text = answer.read().decode()
    finally:
        connection.close()
    if answer.status != 200:
        raise Failed(f"{element(text, 'Code')}: {element(text, 'Message')}")
    return text


def signed(keys, service, method, path, query, headers, digest):
    names = ";".join(sorted(headers))
    lines = "".join(f"{name}:{headers[name]}\n" for name in sorted(headers))
    canonical = "\n".join([method, urllib.parse.quote(path), query, lines, names, digest])
    date, region = headers["x-amz-date"], os.environ.get("AWS_REGION", "us-east-1")
    scope = f"{date[:8]}/{region}/{service}/aws4_request"
    key = ("AWS4" + keys.secret).encode()
    for part in scope.split("/"):
        key = hmac.digest(key, part.encode(), "sha256")
    text = f"AWS4-HMAC-SHA256\n{date}\n{scope}\n{hashlib.sha256(canonical.encode()).hexdigest()}"
    return (f"AWS4-HMAC-SHA256 Credential={keys.id}/{scope}, SignedHeaders={names}, "
            f"Signature={hmac.digest(key, text.encode(), 'sha256').hex()}")


def element(text, name):
    return next(iter(elements(text, name)), "")


def elements(text, name):
    return re.findall(f"<{name}>([^<]*)</{name}>", text)
