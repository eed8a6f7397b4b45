"""Requests as bytes over a socket. Nothing is added to what an SDK is known to send."""

import dataclasses
import re
import socket
import urllib.parse


class Failed(Exception):
    """What an SDK throws, with its words."""

    def __init__(self, message, status=0, body=b""):
        super().__init__(message)
        self.status, self.body = status, body


class Unreachable(Failed):
    """No answer at all: refused, too late, cut off."""


@dataclasses.dataclass
class Answer:
    status: int
    reason: str
    headers: dict[str, str]
    """By their names in lower case."""
    body: bytes

    def text(self):
        return self.body.decode("utf-8")


class Client:
    """Sends requests. Connections are kept for the next one to the same address where the SDK does so."""

    def __init__(self, connect, total, kept):
        self.connect, self.total, self.kept = connect, total, kept
        self.open = {}

    def send(self, method, url, headers, proxy=None):
        """headers are whole lines, in the SDK's order; {host} is the address as in the URL."""
        parts = urllib.parse.urlsplit(url)
        target = urllib.parse.urlsplit(proxy) if proxy else parts
        address = target.hostname, target.port or 80
        path = url if proxy else parts.path or "/"
        lines = [f"{method} {path} HTTP/1.1", *(line.format(host=parts.netloc) for line in headers), "", ""]
        request = "\r\n".join(lines).encode("latin-1")
        for again in (True, False):
            used = address in self.open
            try:
                connection = self.open.pop(address, None) or socket.create_connection(address, timeout=self.connect)
                connection.settimeout(self.total)
                connection.sendall(request)
                return self.answer(address, connection)
            except (OSError, EOFError) as e:
                if not (used and again): # a server may close a connection that was kept: libcurl then makes another
                    raise Unreachable(f"{address[0]}:{address[1]}: {e or 'closed without an answer'}") from None

    def answer(self, address, connection):
        file = connection.makefile("rb")
        line = file.readline(1 << 16)
        status = re.fullmatch(rb"HTTP/1\.1 (\d{3}) ([ -~]*)\r\n", line)
        if not status:
            if not line:
                raise EOFError
            raise Failed(f"a status line that no HTTP client reads: {line!r}")
        headers = {}
        while (line := file.readline(1 << 16)) != b"\r\n":
            name, colon, value = line.decode("latin-1").rstrip("\r\n").partition(":")
            if not colon or not line.endswith(b"\r\n"):
                raise Failed(f"a header that no HTTP client reads: {line!r}")
            headers[name.lower()] = value.strip()
        if not headers.get("content-length", "").isdigit():
            raise Failed("no length: some clients would wait for the connection's end")
        body = file.read(int(headers["content-length"]))
        if len(body) < int(headers["content-length"]):
            raise EOFError
        file.close()
        if self.kept and headers.get("connection", "").lower() != "close":
            self.open[address] = connection
        else:
            connection.close()
        return Answer(int(status[1]), status[2].decode(), headers, body)


def proxied(env, url, names=("http_proxy", "HTTP_PROXY")):
    """The proxy for a URL: entries of NO_PROXY are hosts, and there is no exception for loopback."""
    proxy = next((env[name] for name in names if env.get(name)), None)
    exceptions = (env.get("no_proxy") or env.get("NO_PROXY") or "").split(",")
    return None if urllib.parse.urlsplit(url).hostname in [e.strip() for e in exceptions] else proxy
