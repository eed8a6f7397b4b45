"""Where a cell of the table happens: a network namespace with AWS's link-local
addresses, an AWS, and a daemon that is restarted as a service is, with its sockets
held meanwhile. Ports are the same in each: nobody else is there."""

import fcntl
import os
import socket
import subprocess

from cell import KEY, SECRET, true
from tap import Tap
from world import VENDORD, FakeAWS, World, wait_for

AWS = "127.0.0.1:4566"
PROGRAM, STRANGER = 70001, 70002  # users: one that an app matches, and one that none does
FIRST, SECOND = "first", "second"  # what the sessions of the two profiles are called

CONFIG = f"""
[daemon]
listen = "127.0.0.1:9797"
region = "eu-west-1"
sts_endpoint = "%(sts)s"

[endpoints.ecs]
listen = "169.254.170.2:80"

[endpoints.eks]
listen = ["169.254.170.23:80", "[fd00:ec2::23]:80"]
%(metadata)s
[sources.john]
profile = "john"
config_file = "aws-config"
credentials_file = "aws-credentials"

[profiles.first]
source = "john"
role_arn = "arn:aws:iam::629470240201:role/JohnUploadRole"
session_name = "{FIRST}"

[profiles.second]
extends = "first"
session_name = "{SECOND}"

[apps.program]
profiles = ["first", "second"]

[apps.revoked]
profiles = ["first"]

[apps.by-kernel]
match = {{ user = "#{PROGRAM}" }}
imdsv1 = %(v1)s
profiles = ["first", "second"]
"""

ALWAYS = [("127.0.0.1", 9797), ("169.254.170.2", 80), ("169.254.170.23", 80), ("fd00:ec2::23", 80)]
METADATA = [("127.0.0.1", 9254), ("169.254.169.254", 80)]


def arn(session):
    return f"arn:aws:sts::629470240201:assumed-role/JohnUploadRole/{session}"


class Place(World):
    """A world whose daemon inherits its sockets, and can be down while they are held."""

    def __init__(self, client, endpoint):
        # Who is led to another port must not find the usual one instead.
        metadata = METADATA[:1] if endpoint == "metadata-port" else METADATA
        self.listening = ALWAYS + metadata
        subprocess.run(["ip", "link", "set", "lo", "up"], check=True)
        self.aws = FakeAWS("-clock", "-listen", AWS, *(["-state", client.aws] if client.aws else []))
        self.sockets = []
        self.seen_before = 0
        self.tap = Tap(self.listening)
        try:
            super().__init__(self.aws.url, KEY, SECRET, CONFIG % {
                "sts": self.aws.url, "v1": str(client.metadata_v1).lower(),
                "metadata": "".join(f'[[endpoints.imds]]\nlisten = "{host}:{port}"\n' for host, port in metadata)})
        except BaseException:
            self.aws.close()
            raise
        os.mkdir(self.home + "/ten")
        for i in range(10):
            self.write(f"ten/{i}", "x")
        # The AWS CLI would copy ten files at a time; the others do not look.
        self.write(".aws/config", "[default]\ns3 =\n    max_concurrent_requests = 1\n")

    def start(self):
        """Starts the daemon as systemd does, with the sockets that stay open while it is down."""
        if not self.sockets:
            self.net_up()
            self.sockets = [listener(*at) for at in self.listening]
        held = [s.fileno() for s in self.sockets]
        moves = " ".join(f"{3 + n}<&{fd}-" for n, fd in enumerate(held))  # sd_listen_fds(3)
        self.daemon = subprocess.Popen(
            ["bash", "-c", f'exec {moves}; LISTEN_PID=$$ LISTEN_FDS={len(held)} exec "$@"', "bash", VENDORD, "serve",
             "--config", self.home + "/vendord.toml", "--audit-log", self.home + "/audit.jsonl"],
            env=self.env, stdout=self.log, stderr=self.log, pass_fds=held)
        def ready():
            true("vendord serve ended:\n" + self.said(), self.daemon.poll() is None)
            return subprocess.run([VENDORD, "status"], env=self.env, capture_output=True).returncode == 0
        wait_for("vendord serve", ready)

    def said(self):
        """The end of the daemon's log."""
        with open(self.log.name) as f:
            return f.read()[-2000:]

    def net_up(self):
        """Puts AWS's addresses on this namespace, as root does on a machine."""
        done = self.vendord("net", "up", "--config", self.home + "/vendord.toml")
        true("vendord net up: " + done.stderr, done.returncode == 0)

    def asked(self):
        """What reached vendord's addresses since this was last called."""
        seen = self.tap.seen("http://127.0.0.1:9797")
        new, self.seen_before = seen[self.seen_before:], len(seen)
        return new

    def puts(self):
        """The principals and keys of the PutObjects that AWS let through, in order."""
        return [(call["principal"].rpartition("/")[2], call["key_id"]) for call in self.aws.journal()
                if call["operation"] == "PutObject" and call["status"] == 200]

    def forgetting(self, **fault):
        """Restarts the daemon, which forgets its sessions, and has AWS do something else from now on."""
        self.stop()
        self.aws.fault(operation="AssumeRole", **fault)
        self.start()

    def stop(self):
        if self.daemon:
            super().stop()

    def close(self):
        super().close()
        for s in self.sockets:
            s.close()
        self.aws.close()


def listener(host, port):
    """A socket as systemd makes it, with a number that is out of the way of those that it gets in the daemon."""
    made = socket.socket(socket.AF_INET6 if ":" in host else socket.AF_INET)
    s = socket.socket(fileno=fcntl.fcntl(made, fcntl.F_DUPFD_CLOEXEC, 50))
    made.close()
    if ":" in host:
        s.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, 1)
    s.bind((host, port))
    s.listen(128)
    return s
