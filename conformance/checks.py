"""What is looked at in one cell: one client at one endpoint. Each check is a function
named as in clients.CHECKS, which returns what the page says of it, or raises."""

import collections
import contextlib
import datetime
import glob
import os
import re
import subprocess

import at
from cell import Recorder, equal, true
from place import FIRST, SECOND, arn
from world import wait_for

TEN = [f"ten/{i}" for i in range(10)]
LIFE, CALL = "5s", "700ms"  # of sessions, and of each put, where eight are to outlive a session
HOUR = 3600  # what sessions live otherwise
RENEWS, PAST = 50, 62  # minutes: when every client has asked for new keys, and when the old ones are dead; AWS forgives a signature less than 15


class Looking:
    """One cell, from the first check to the last."""

    def __init__(self, place, client, endpoint):
        self.place, self.client, self.endpoint = place, client, endpoint
        self.read = {}  # by refusals: what the user reads
        self.started, self.puts = [], []
        self.hour = endpoint in client.hours
        self.began, self.ahead = 0, 0  # minutes that AWS's clock is ahead of ours: since the check began, and now
        self.env, self.prefix = at.program(place, endpoint)
        self.one = client.whoami or client.list or client.put
        """The program that makes one call."""

    def elsewhere(self):
        settings = self.client.settings | self.client.settings_at.get(self.endpoint, {})
        values = self.client.filled(settings.values(), self.place.aws.url, self.place.home)
        return {"AWS_ENDPOINT_URL": self.place.aws.url, "PATH": os.environ["PATH"]} | dict(zip(settings, values))

    def clock(self, minutes):
        """Has the clock of programs that have one of their own be so many minutes ahead of ours."""
        path = self.place.write("clock.new", f"+{minutes}m\n")
        os.chmod(path, 0o644)
        os.rename(path, self.place.home + "/clock")

    def aws_clock(self, minutes):
        """Has AWS's clock be so many minutes after the check's beginning. vendord's is the true one."""
        self.place.aws.advance(f"{self.began + minutes - self.ahead}m")
        self.ahead = self.began + minutes

    def start(self, argv, env=None, prefix=None):
        # Ten runtimes that start at once are no reason for vendord to answer late: SDKs wait for a second.
        argv = ["nice", "-n", "19", *(self.prefix if prefix is None else prefix), *self.client.filled(argv, self.place.aws.url, self.place.home)]
        process = subprocess.Popen(argv, env=(self.env if env is None else env) | self.elsewhere(), cwd=self.place.home,
                                   stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
        self.started.append(process)
        return process

    def quiet(self):
        """Ends programs that a check that failed has left behind."""
        for process in self.started:
            if process.poll() is None:
                process.kill()
                process.communicate()

    def end(self, process):
        """Waits for a program: two minutes and a half are for ever."""
        try:
            out, err = process.communicate(timeout=150)
        except subprocess.TimeoutExpired:
            process.kill()
            process.communicate()
            raise AssertionError(f"{process.args[-3:]}: not within 150 s") from None
        return subprocess.CompletedProcess(process.args, process.returncode, out, err)

    def works(self, argv, env=None):
        done = self.end(self.start(argv, env))
        equal("exit status", done.returncode, 0, done.stderr)
        return done.stdout

    def all_put(self, process):
        """Waits for a program that puts ten objects, and returns whose they are, and by which keys."""
        done = self.end(process)
        equal("exit status", done.returncode, 0, done.stderr)
        puts = self.place.puts()
        true(f"puts that AWS let through: got {len(puts)}, want 10", len(puts) == 10 if self.client.exact else puts)
        return puts

    def puts_by_clock(self):
        """Starts the puts, for which hours may go by, and waits for two of them."""
        argv = self.client.put
        if self.hour:
            [library] = glob.glob("/usr/lib/*/faketime/libfaketime.so.1")
            argv = ("env", f"LD_PRELOAD={library}", "FAKETIME_TIMESTAMP_FILE={home}/clock", "FAKETIME_NO_CACHE=1",
                    "FAKETIME_DONT_FAKE_MONOTONIC=1", "FAKETIME_FORCE_MONOTONIC_FIX=0", *argv)  # or Java's waits end at once
        program = self.start(argv)
        self.await_puts(program, 2)
        return program

    def await_puts(self, program, count):
        wait_for(f"{count} puts", lambda: program.poll() is not None or len(self.place.puts()) >= count, seconds=90)

    def renewal(self, program):
        """Waits until the program needs a new session, and then until its old one is dead."""
        if self.hour:
            self.clock(self.began + RENEWS)
            self.await_puts(program, len(self.place.puts()) + 2)
            self.aws_clock(PAST)
            self.clock(self.began + PAST)

    @contextlib.contextmanager
    def sessions_end(self):
        """Sessions that end while a program works."""
        if self.hour:
            self.began = self.ahead
            self.clock(0)
            self.place.stop()
            self.place.start()
        else:
            self.place.forgetting(kind="short-life", life=LIFE)
        self.place.aws.fault(operation="PutObject", kind="latency", latency=CALL)
        self.place.aws.forget()
        try:
            yield
        finally:
            self.place.stop()  # with the last of these sessions
            self.place.aws.clear()
            self.place.start()


def identity(look):
    equal("who it is", look.works(look.client.whoami).strip(), arn(FIRST))
    return "yes"


def put(look):
    look.place.aws.forget()
    look.place.asked()
    look.all_put(look.start(look.client.put))
    asked = look.place.asked()
    equal("statuses", {r.status for r in asked}, {200})
    return counted(r.kind() for r in asked)


def list_(look):
    listed = look.works(look.client.list).split()
    if look.client.exact:
        equal("keys that are not listed", set(TEN) - set(listed), set())
    return "yes"


def switch(look):
    with look.sessions_end():
        program = look.puts_by_clock()
        if look.hour:
            look.aws_clock(RENEWS)
        use(look, "second")
        look.renewal(program)
        look.puts, look.journal = look.all_put(program), look.place.aws.journal()
    use(look, "first")
    equal("whose puts, in order", list(dict.fromkeys(who for who, _ in look.puts)), [FIRST, SECOND])
    return "yes"


def use(look, profile):
    done = look.place.vendord("use", profile, "--app", at.app(look.endpoint), "--stay")
    equal("vendord use", done.returncode, 0, done.stderr)


def expiry(look):
    """Of the same run: AWS let all of it through, and no session lives for so long."""
    true("the run before did not come that far", look.puts)
    times = [datetime.datetime.fromisoformat(call["time"]) for call in look.journal if call["operation"] == "PutObject"]
    took = (max(times) - min(times)).total_seconds()
    life = HOUR if look.hour else float(LIFE.rstrip("s"))
    true(f"the puts took {took} s, and a session lives {life}: this shows nothing", took > life)
    return "yes"


def restart(look):
    with look.sessions_end():
        program = look.puts_by_clock()
        if look.hour:
            look.aws_clock(RENEWS)
        look.place.stop()
        look.place.start()
        look.renewal(program)
        look.all_put(program)
    return "yes"


def proxy(look):
    recorder = Recorder()
    try:
        def to_vendord():
            return [u for u in recorder.asked if u.removeprefix("http://").startswith(at.url(look.endpoint).removeprefix("http://"))]
        look.works(look.one, look.env | recorder.variables())
        equal("requests to vendord that the proxy saw", to_vendord(), [])
        bare = {k: v for k, v in look.env.items() if k.upper() != "NO_PROXY"}
        look.end(look.start(look.one, bare | recorder.variables()))
        return "asked without NO_PROXY" if to_vendord() else "never"
    finally:
        recorder.close()


def poison(look):
    keys = "[default]\naws_access_key_id = AKIAPOISONPOISON0000\naws_secret_access_key = poison\n"
    env = look.place.env | look.elsewhere() | {
        "AWS_ACCESS_KEY_ID": "AKIAPOISONPOISON0001", "AWS_SECRET_ACCESS_KEY": "poison", "AWS_PROFILE": "nobody"}
    path = look.place.write(".aws/credentials", keys)
    try:
        argv = look.client.filled(look.one, look.place.aws.url, look.place.home)
        done = look.place.vendord("exec", "first", "--", *argv, env=env)
        equal("exit status", done.returncode, 0, done.stderr)
        kept = look.place.vendord("exec", "--keep-aws-files", "first", "--", *argv, env=env)
        return "yes" if kept.returncode else "yes: it does not read the file"
    finally:
        os.remove(path)


def denied(look):
    look.place.forgetting(kind="access-denied")
    try:
        return refused(look, "denied", look.env, look.prefix)
    finally:
        look.place.aws.clear()


def stranger(look):
    return refused(look, "stranger", *at.stranger(look.place, look.endpoint))


def refused(look, why, env, prefix):
    look.place.asked()
    done = look.end(look.start(look.one, env, prefix))
    look.read[why] = steady(done.stderr or done.stdout, look.place.home)
    asked = look.place.asked()
    true(f"it worked, and must fail: {done.stdout}", done.returncode != 0)
    return counted(f"{r.kind()} {r.status}" for r in asked)


FUNCTIONS = {"identity": identity, "put": put, "list": list_, "switch": switch, "expiry": expiry, "restart": restart,
             "proxy": proxy, "poison": poison, "denied": denied, "stranger": stranger}


def skipped(look, check):
    """Why a check has no meaning here, for the page; "" where it has."""
    verb = {"identity": "whoami", "put": "put", "list": "list", "switch": "put", "expiry": "put", "restart": "put"}.get(check)
    if verb and not getattr(look.client, verb):
        return look.client.cannot.get(verb, "no such call")
    if check == "poison" and look.endpoint != "token":
        return "-"  # exec has a way of its own to vendord
    return ""


def counted(words):
    """"4 x 403", "PUT, listing, document": what was asked, in the order in which it was first asked."""
    times = collections.Counter(words)
    return ", ".join(word if n == 1 else f"{n} x {word}" for word, n in times.items()) or "none"


def steady(text, home):
    """What a user reads, without what is other each time, and without the trace of calls that led there."""
    lines = [line.rstrip() for line in text.splitlines() if line.strip()]
    lines = [line for line in lines if not re.match(r"\s+(at|File|\^|~)|[\t ]+\S|[}/]|Traceback|During handling|Node\.js|\t", line)] or lines[-1:]
    text = "\n".join(lines).replace(home, "~")
    for pattern, instead in (
            (r"\b[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}\b", "(id)"),
            (r"\d{4}[-/]\d\d[-/]\d\d[T ]\d\d:\d\d:\d\d([.,]\d+)?(Z|[+-]\d\d:?\d\d)?", "(time)"),
            (r"\b[A-Z][a-z]{2} \d\d?, \d{4} \d\d?:\d\d:\d\d [AP]M\b", "(time)"),  # java.util.logging's
            (r"\bvndp?_[A-Za-z0-9_-]{8,}", "(token)"), (r"0x[0-9a-f]{6,}|@[0-9a-f]{6,}\b", "(address)"),
            (r"/tmp/[\w./-]+", "(file)"), (r"(127\.0\.0\.1|\[::1\]):(3[2-9]|[456]\d)\d{3}\b", r"\1:(port)")):
        text = re.sub(pattern, instead, text)
    return text[:1500]
