"""One cell of the table: one client in one scenario, in a world of its own, so
that cells can run side by side and every line of the record is the cell's."""

import http.client
import http.server
import os
import subprocess
import sys
import threading

from world import FakeAWS, World

KEY, SECRET = "AKIAIOSFODNN7EXAMPLE", "wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY"  # of fakeaws.Example
ARN = "arn:aws:sts::629470240201:assumed-role/JohnUploadRole/JohnUploadSession"

# A user who is not the daemon's, where this machine lets us be one: with the right to
# read files, as the clients are somebody else's, and with no other.
OTHER, AS_OTHER = os.getuid(), ()
if sys.platform == "linux" and os.getuid() == 0:
    caps = "-all,+dac_read_search"
    OTHER, AS_OTHER = 70001, ("setpriv", "--reuid=70001", "--regid=70001", "--clear-groups",
                              f"--bounding-set={caps}", f"--inh-caps={caps}", f"--ambient-caps={caps}")


class Cell:
    def __init__(self, client):
        self.client = client
        self.seen = []  # what the user of a refused program read
        self.started = []
        self.aws = FakeAWS()
        try:
            self.world = World(self.aws.url, KEY, SECRET)
        except BaseException:
            self.aws.close()
            raise
        os.mkdir(self.world.home + "/ten")
        for i in range(10):
            self.world.write(f"ten/{i}", "x")
        # The AWS CLI would copy ten files at a time; the others do not look.
        self.world.write(".aws/config", "[default]\ns3 =\n    max_concurrent_requests = 1\n")

    def close(self):
        for process in self.started:
            if process.poll() is None:  # the scenario failed before its end
                process.kill()
                process.communicate()
        self.world.close()
        self.aws.close()

    def environment(self, app="uploader", *args):
        return self.world.environment(app, *args) | self.elsewhere()

    def by_kernel(self, user, *profiles):
        """The environment of programs that a new app recognises by their user alone: one address, and no token."""
        with open(self.world.home + "/vendord.toml", "a") as f:
            f.write(f'[apps.process]\nmatch = {{ user = "#{user}" }}\nprofiles = {list(profiles)}\n')
        done = self.world.vendord("reload")
        equal("vendord reload", done.returncode, 0, done.stderr)
        env = self.environment("process")
        equal("variables of tokens", [name for name in env if "TOKEN" in name and name.startswith("AWS_")], [])
        return env

    def elsewhere(self):
        """What a program's environment has besides vendord's variables."""
        return {"AWS_ENDPOINT_URL": self.aws.url, "PATH": os.environ["PATH"]} | self.client.settings

    def start(self, argv, env):
        process = subprocess.Popen(argv, env=env, cwd=self.world.home, stdin=subprocess.DEVNULL,
                                   stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
        self.started.append(process)
        return process

    def run(self, argv, env):
        return self.end(self.start(argv, env))

    def end(self, process):
        """Waits for a program: a minute at most, then it is gone."""
        try:
            out, err = process.communicate(timeout=60)
        except subprocess.TimeoutExpired:
            process.kill()
            process.communicate()
            raise
        return subprocess.CompletedProcess(process.args, process.returncode, out, err)

    def works(self, argv, env):
        done = self.run(argv, env)
        equal("exit status of " + argv[0], done.returncode, 0, done.stderr)
        if argv[-len(self.client.put):] != self.client.put:
            equal("who it is", done.stdout.strip(), ARN, done.stderr)

    def fails(self, argv, env):
        """Runs a program that must fail and returns what its user reads."""
        done = self.run(argv, env)
        true(f"{argv[0]}: worked, must fail: {done.stdout}", done.returncode != 0)
        self.seen.append(done.stderr.strip())
        return done.stderr

    def statuses(self):
        return [line["status"] for line in self.world.audit()]

    def keys(self, operation="PutObject"):
        """The access keys of the calls of an operation that AWS let through, in order."""
        return [c["key_id"] for c in self.aws.journal() if c["operation"] == operation and c["status"] == 200]


class Recorder:
    """An HTTP proxy that keeps the address of every request and passes it on."""

    def __init__(self):
        recorder = self
        self.asked = []

        class Handler(http.server.BaseHTTPRequestHandler):
            def pass_on(self):
                recorder.asked.append(self.path)
                host, _, path = self.path.removeprefix("http://").partition("/")
                body = self.rfile.read(int(self.headers.get("Content-Length", 0)))
                onward = http.client.HTTPConnection(host, timeout=10)
                try:
                    onward.request(self.command, "/" + path, body, {k: v for k, v in self.headers.items() if "proxy" not in k.lower()})
                    answer = onward.getresponse()
                    self.send_response(answer.status)
                    text = answer.read()
                    self.send_header("Content-Type", answer.headers.get("Content-Type", "text/plain"))
                    self.send_header("Content-Length", str(len(text)))
                    self.end_headers()
                    self.wfile.write(text)
                finally:
                    onward.close()

            do_GET = do_POST = do_PUT = pass_on

            def do_CONNECT(self):
                recorder.asked.append(self.path)
                self.send_error(502)

            def log_message(self, *_):
                pass

        self.server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.url = f"http://127.0.0.1:{self.server.server_port}"
        threading.Thread(target=self.server.serve_forever, daemon=True).start()

    def variables(self):
        names = ("HTTP_PROXY", "HTTPS_PROXY", "ALL_PROXY")
        return {name: self.url for upper in names for name in (upper, upper.lower())}

    def close(self):
        self.server.shutdown()
        self.server.server_close()


def true(what, ok):
    if not ok:
        raise AssertionError(what)


def equal(what, got, want, *more):
    true("\n".join([f"{what}: got {got}, want {want}", *more]), got == want)
