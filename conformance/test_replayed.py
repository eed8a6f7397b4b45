"""Whether the replays send what they are said to send, and are as strict as their SDKs."""

import json
import pathlib
import socket
import sys
import threading
import unittest
import warnings

sys.path.append(str(pathlib.Path(__file__).parent / "programs/replayed"))

from cpp import Cpp
from dotnet import DotNet
from php import PHP
from swift import Swift, metadata_keys
from wire import Failed

EXPIRES = "2099-11-21T20:27:21Z"
WHOLE = {"AccessKeyId": "ASIAEXAMPLE", "SecretAccessKey": "made-up", "Token": "a/b+c=", "Expiration": EXPIRES, "AccountId": "012345678901",
         "RoleArn": "arn:aws:iam::012345678901:role/dev"}
ROLE = {"Code": "Success", "LastUpdated": "2026-11-21T20:27:21Z", "Type": "AWS-HMAC"} | {k: WHOLE[k] for k in ("AccessKeyId", "SecretAccessKey", "Token", "Expiration")}

# The first request of each, to 127.0.0.1:PORT with the token "secret".
SENT = {
    DotNet: "GET /v1/credentials HTTP/1.1\nHost: ADDR\nUser-Agent: aws-sdk-dotnet-coreclr/4.0.3.16 ua/2.1 os/linux lang/.NET_Core#8.0\nAuthorization: secret\n\n",
    PHP: "GET /v1/credentials HTTP/1.1\nHost: ADDR\nUser-Agent: GuzzleHttp/7\nAuthorization: secret\n\n",
    Cpp: "GET /v1/credentials HTTP/1.1\nHost: ADDR\nAccept: */*\nauthorization: secret\nuser-agent: aws-sdk-cpp/1.11.600 ua/2.1 api/S3 os/Linux lang/c++#C++17\n\n",
    Swift: "GET /v1/credentials HTTP/1.1\nHost: ADDR\nAccept: */*\nAccept-Encoding: deflate, gzip\nAuthorization: secret\nConnection: keep-alive\n"
           "User-Agent: program (unknown version) curl/7.88.1\nAccept-Language: en\n\n",
}

# What else than a whole document is answered, and who takes it.
ANSWERS = {
    "a whole document": (WHOLE, 200, {DotNet, PHP, Cpp, Swift}),
    "a fraction of a second": (WHOLE | {"Expiration": "2099-11-21T20:27:21.5Z"}, 200, {DotNet, PHP, Cpp}),
    "no end": ({k: v for k, v in WHOLE.items() if k != "Expiration"}, 200, {PHP, Cpp}),
    "no session token": ({k: v for k, v in WHOLE.items() if k != "Token"}, 200, {DotNet, PHP, Cpp, Swift}),
    "other letters": ({k.lower(): v for k, v in WHOLE.items()}, 200, set()),
    "a date that is empty": (WHOLE | {"LastUpdated": ""}, 200, {PHP, Cpp, Swift}),
    "another good status": (WHOLE, 201, {DotNet, PHP}),
    "a refusal": ({"code": "Refused", "message": "no"}, 403, set()),
    "nothing to read": ("", 200, set()),
}


class Server:
    """Keeps the bytes of requests, and answers all of them alike, or by their path."""

    def __init__(self, answer):
        self.answer, self.requests = answer, []
        self.socket = socket.create_server(("127.0.0.1", 0))
        self.address = "127.0.0.1:%d" % self.socket.getsockname()[1]
        threading.Thread(target=self.accept, daemon=True).start()

    def accept(self):
        while True:
            try:
                connection, _ = self.socket.accept()
            except OSError:
                return
            threading.Thread(target=self.serve, args=(connection,), daemon=True).start()

    def serve(self, connection):
        with connection, connection.makefile("rb") as file:
            while line := file.readline():
                lines = [line]
                while lines[-1] not in (b"\r\n", b""):
                    lines.append(file.readline())
                self.requests.append(b"".join(lines).decode())
                status, more, body = self.answer(self.requests[-1])
                body = body if isinstance(body, str) else json.dumps(body)
                connection.sendall(f"HTTP/1.1 {status} Told\r\nContent-Length: {len(body)}\r\n{more}\r\n{body}".encode())

    def close(self):
        self.socket.close()


class Replays(unittest.TestCase):
    def setUp(self):
        warnings.simplefilter("ignore", ResourceWarning)  # connections are kept as long as a program lives

    def ask(self, sdk, answer, **env):
        """The keys that an SDK makes of an answer, or None; and the server."""
        server = Server(answer)
        self.addCleanup(server.close)
        where = {"AWS_CONTAINER_CREDENTIALS_FULL_URI": f"http://{server.address}/v1/credentials",
                 "AWS_CONTAINER_AUTHORIZATION_TOKEN": "secret"} if not env else {k: v.format(server.address) for k, v in env.items()}
        try:
            return sdk(where | {"AWS_EC2_METADATA_DISABLED": "true" if not env else "false"}).credentials(), server
        except (Failed, SystemExit):
            return None, server

    def test_requests(self):
        for sdk, want in SENT.items():
            with self.subTest(sdk.__name__):
                _, server = self.ask(sdk, lambda _: (200, "", WHOLE))
                self.assertEqual(server.requests, [want.replace("\n", "\r\n").replace("ADDR", server.address)])

    def test_answers(self):
        for name, (body, status, takes) in ANSWERS.items():
            for sdk in SENT:
                with self.subTest(f"{sdk.__name__}: {name}"):
                    keys, _ = self.ask(sdk, lambda _: (status, "", body))
                    self.assertEqual(keys and (keys.id, keys.secret), ("ASIAEXAMPLE", "made-up") if sdk in takes else None)

    def test_tries(self):
        for sdk, refused, failed in ((DotNet, 5, 5), (PHP, 1, 1), (Cpp, 1, 2), (Swift, 4, 4)):
            for status, want in ((403, refused), (503, failed)):
                with self.subTest(f"{sdk.__name__}: {status}"):
                    _, server = self.ask(sdk, lambda _: (status, "", {"code": "no"}))
                    self.assertEqual(len(server.requests), want)

    def test_metadata(self):
        """What is asked for of the metadata service; Swift's address cannot be changed."""
        base = "/latest/meta-data/iam/security-credentials"
        put, zone = "PUT /latest/api/token", "GET /latest/meta-data/placement/availability-zone"
        for sdk, want in ((DotNet, [put, "GET " + base, put, f"GET {base}/dev"]), (PHP, [put, f"GET {base}/", f"GET {base}/dev"]),
                          (Cpp, [put, "GET " + base, f"GET {base}/dev", put, "GET " + base, f"GET {base}/dev", zone])):
            with self.subTest(sdk.__name__):
                keys, server = self.ask(sdk, metadata, AWS_EC2_METADATA_SERVICE_ENDPOINT="http://{}")
                self.assertEqual(keys and keys.id, "ASIAEXAMPLE")
                self.assertEqual([r.partition(" HTTP/")[0] for r in server.requests], want)
                for request in server.requests:
                    header = "-ttl-seconds: 21600\r\n" if request.startswith("PUT") else ": session\r\n"
                    self.assertIn("\r\nx-aws-ec2-metadata-token" + header, request)
        self.assertEqual(metadata_keys(json.dumps(ROLE)).id, "ASIAEXAMPLE")
        for name in ROLE:
            with self.subTest("Swift, without " + name), self.assertRaises(Failed):
                metadata_keys(json.dumps({k: v for k, v in ROLE.items() if k != name}))


def metadata(request):
    path = request.split()[1]
    if request.startswith("PUT"):
        return 200, "x-aws-ec2-metadata-token-ttl-seconds: 21600\r\n", "session"
    return 200, "", ROLE if path.endswith("/dev") else "eu-west-1a" if path.endswith("zone") else "dev"


if __name__ == "__main__":
    unittest.main()
