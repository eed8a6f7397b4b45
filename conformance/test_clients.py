"""What is worth trying with one client alone: files that botocore parses, session policies, moto."""

import ast
import json
import os
import pathlib
import subprocess
import sys
import unittest

from cell import KEY, SECRET
from world import FakeAWS, World, wait_for


def aws(*args, env):
    return subprocess.run(["aws", *args], env=env, capture_output=True, text=True, timeout=60)


class OnFakeAWS(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.aws = FakeAWS()
        cls.world = World(cls.aws.url, KEY, SECRET)

    @classmethod
    def tearDownClass(cls):
        cls.world.close()
        cls.aws.close()

    def setUp(self):
        self.addCleanup(self.aws.clear)

    def environment(self, name, *args):
        return self.world.environment(name, *args) | {"AWS_ENDPOINT_URL": self.aws.url, "PATH": os.environ["PATH"]}

    def python(self, code, env):
        """Runs code as a program of its own, with boto3 and nothing else set up."""
        return subprocess.run([sys.executable, "-c", code], env=env, capture_output=True, text=True, timeout=120)

    def test_cli_lists_and_uploads_with_nothing_but_the_environment(self):
        env = self.environment("uploader")
        who = aws("sts", "get-caller-identity", env=env)
        self.assertEqual(who.returncode, 0, who.stderr)
        self.assertEqual(json.loads(who.stdout)["Arn"], "arn:aws:sts::629470240201:assumed-role/JohnUploadRole/JohnUploadSession")
        upload = aws("s3", "cp", self.world.write("cli.txt", "by the CLI"), "s3://company1-hr/cli.txt", env=env)
        self.assertEqual(upload.returncode, 0, upload.stderr)
        listed = aws("s3", "ls", "s3://company1-hr/", env=env)
        self.assertIn("cli.txt", listed.stdout)
        back = aws("s3", "cp", "s3://company1-hr/cli.txt", "-", env=env)
        self.assertEqual(back.stdout, "by the CLI")

    def test_cli_is_denied_because_of_the_session_policy(self):
        env = self.environment("reader")
        self.assertEqual(aws("s3", "ls", "s3://company1-hr/", env=env).returncode, 0)
        upload = aws("s3", "cp", self.world.write("no.txt", "no"), "s3://company1-hr/no.txt", env=env)
        self.assertNotEqual(upload.returncode, 0)
        self.assertIn("because no session policy allows the s3:PutObject action", upload.stderr)

    def test_boto3_with_a_token_file(self):
        path = self.world.home + "/token"
        env = self.environment("uploader", "--file", path)
        self.assertNotIn("AWS_CONTAINER_AUTHORIZATION_TOKEN", env)
        self.assertFalse(pathlib.Path(path).read_text().endswith("\n"))
        self.assertEqual(os.stat(path).st_mode & 0o777, 0o600)
        out = self.python("import boto3; s3 = boto3.client('s3'); s3.put_object(Bucket='company1-hr', Key='boto3 ü.txt', Body=b'x');"
                          "print([o['Key'] for o in s3.list_objects_v2(Bucket='company1-hr')['Contents']])", env)
        self.assertIn("boto3 ü.txt", out.stdout, out.stderr)

    def test_exec_beats_a_default_profile_written_with_colons(self):
        # RawConfigParser, and so botocore, takes "name: value" as well.
        poison = "[default]\naws_access_key_id: AKIAPOISONPOISON0000\naws_secret_access_key: poison\nregion: eu-west-1\n" \
                 "s3 =\n    addressing_style = path\n"
        path = self.world.write(".aws/credentials", poison)
        self.addCleanup(os.remove, path)
        env = self.world.env | {"AWS_ENDPOINT_URL": self.aws.url, "PATH": os.environ["PATH"]}
        code = "import boto3; s = boto3.Session(); print(s.client('sts').get_caller_identity()['Arn'], " \
               "s.get_credentials().method, s._session.get_scoped_config())"
        program = (sys.executable, "-c", code)
        out = self.world.vendord("exec", "company1-hr-readonly", "--", *program, env=env)
        self.assertEqual(out.returncode, 0, out.stderr)
        self.assertIn("JohnUploadRole/JohnUploadSession container-role", out.stdout)
        kept = self.world.vendord("exec", "--keep-aws-files", "company1-hr-readonly", "--", *program, env=env)
        self.assertNotEqual(kept.returncode, 0, "the poison must matter, or this test shows nothing")
        warned = self.world.vendord("env", "reader", env=env)
        self.assertIn("its [default] profile has credentials", warned.stderr)

    def test_botocore_reads_what_is_kept_of_the_files(self):
        path = self.world.write(".aws/config", "[default]\noutput: text\nsso_session = x\ns3 =\n    addressing_style = path\n\n"
                                "[profile ops]\nrole_arn: arn:aws:iam::1:role/x\nregion = eu-west-2\n[profile ops]\nservices = here\n"
                                "[services here]\nsqs =\n  endpoint_url = http://127.0.0.1:1\n")
        self.addCleanup(os.remove, path)
        code = "import botocore.session as b; print(b.Session().full_config)"
        out = self.world.vendord("exec", "company1-hr-readonly", "--", sys.executable, "-c", code)
        self.assertEqual(out.returncode, 0, out.stderr)
        self.assertEqual(ast.literal_eval(out.stdout), {
            "profiles": {"default": {"output": "text", "s3": {"addressing_style": "path"}}, "ops": {"region": "eu-west-2", "services": "here"}},
            "sso_sessions": {}, "services": {"here": {"sqs": {"endpoint_url": "http://127.0.0.1:1"}}}})

    def test_credential_process(self):
        config = self.world.write("process-config", f"""[profile readonly]
region = eu-west-1
credential_process = {os.environ['VENDORD']} credentials company1-hr-readonly
""")
        env = self.world.env | {"AWS_CONFIG_FILE": config, "AWS_ENDPOINT_URL": self.aws.url, "PATH": os.environ["PATH"]}
        out = aws("--profile", "readonly", "sts", "get-caller-identity", env=env)
        self.assertEqual(out.returncode, 0, out.stderr)
        self.assertIn("JohnUploadSession", out.stdout)

    def test_sts_calls_are_few(self):
        env = self.environment("uploader")
        self.assertEqual(aws("s3", "ls", "s3://company1-hr/", env=env).returncode, 0)
        before = sum(c["operation"] == "AssumeRole" for c in self.aws.journal())
        for _ in range(3):
            self.assertEqual(aws("s3", "ls", "s3://company1-hr/", env=env).returncode, 0)
        self.assertEqual(sum(c["operation"] == "AssumeRole" for c in self.aws.journal()), before)


class OnMoto(unittest.TestCase):
    """The happy path on an STS that we did not write. It enforces no session policy."""

    def test_cli_and_boto3(self):
        port = free_port()
        moto = subprocess.Popen(["moto_server", "-H", "127.0.0.1", "-p", str(port)], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        self.addCleanup(lambda: (moto.terminate(), moto.wait(10)))
        url = f"http://127.0.0.1:{port}"
        wait_for("moto", lambda: answers(url))
        world = World(url, "AKIAMOTOMOTOMOTO0000", "anything")
        self.addCleanup(world.close)
        env = world.environment("reader") | {"AWS_ENDPOINT_URL": url, "PATH": os.environ["PATH"]}
        who = aws("sts", "get-caller-identity", env=env)
        self.assertEqual(who.returncode, 0, who.stderr)
        self.assertIn("JohnUploadSession", who.stdout)
        made = aws("s3", "mb", "s3://company1-hr", env=env)
        self.assertEqual(made.returncode, 0, made.stderr)
        out = subprocess.run([sys.executable, "-c", "import boto3; s3 = boto3.client('s3'); "
                              "s3.put_object(Bucket='company1-hr', Key='x', Body=b'x'); print(boto3.client('sts').get_caller_identity()['Arn'])"],
                             env=env, capture_output=True, text=True, timeout=60)
        self.assertIn("JohnUploadSession", out.stdout, out.stderr)


def free_port():
    import socket
    with socket.socket() as s:
        s.bind(("127.0.0.1", 0))
        return s.getsockname()[1]


def answers(url):
    import urllib.request
    try:
        urllib.request.urlopen(url + "/moto-api/", timeout=1).close()
        return True
    except OSError:
        return False


if __name__ == "__main__":
    unittest.main()
