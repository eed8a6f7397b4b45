"""The AWS CLI against what fakeaws has beside STS and S3, without vendord."""

import base64
import hashlib
import json
import pathlib
import subprocess
import tempfile
import unittest
import urllib.error
import urllib.parse
import urllib.request

from world import FakeAWS, clean_environment

BROKER, BROKER_SECRET = "AKIABROKEREXAMPLE001", "made-up/made-up/made-up/made-up/EXAMPLE0"
APP, POLICY = "arn:aws:iam::123456789012:role/App", "arn:aws:iam::444455556666:policy/DevCalifornia"
START_URL, CALLBACK = "https://example.awsapps.com/start", "http://127.0.0.1:1/oauth/callback"


class NoRedirect(urllib.request.HTTPRedirectHandler):
    def redirect_request(self, *_):
        return None


class AWSCLI(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.aws = FakeAWS("-signin", "approve", "-role", APP, "-metadata", "127.0.0.1:0", "-container", "127.0.0.1:0", "-token", "secret")
        cls.metadata, cls.container = (cls.aws.process.stdout.readline().split()[1] for _ in range(2))

    @classmethod
    def tearDownClass(cls):
        cls.aws.close()

    def setUp(self):
        home = tempfile.TemporaryDirectory(prefix="vendord-conformance-")
        self.addCleanup(home.cleanup)
        self.home = pathlib.Path(home.name)
        self.env = clean_environment(home.name) | {"AWS_ENDPOINT_URL": self.aws.url, "AWS_REGION": "eu-west-1", "AWS_DEFAULT_REGION": "eu-west-1"}

    def run_cli(self, *args, **env):
        return subprocess.run(["aws", *args], env=self.env | env, capture_output=True, text=True, timeout=60)

    def arn(self, **env):
        out = self.run_cli("sts", "get-caller-identity", **env)
        self.assertEqual(out.returncode, 0, out.stderr)
        return json.loads(out.stdout)["Arn"]

    def test_a_team_is_held_to_its_region(self):
        keys = {"AWS_ACCESS_KEY_ID": BROKER, "AWS_SECRET_ACCESS_KEY": BROKER_SECRET}
        out = self.run_cli("sts", "assume-role", "--role-arn", "arn:aws:iam::444455556666:role/EC2Admin", "--role-session-name",
                           "teamCalifornia-session", "--policy-arns", "arn=" + POLICY, **keys)
        c = json.loads(out.stdout)["Credentials"]
        keys = {"AWS_ACCESS_KEY_ID": c["AccessKeyId"], "AWS_SECRET_ACCESS_KEY": c["SecretAccessKey"], "AWS_SESSION_TOKEN": c["SessionToken"]}
        for region, code in ("us-west-1", "DryRunOperation"), ("us-east-1", "UnauthorizedOperation"):
            run = self.run_cli("ec2", "run-instances", "--dry-run", "--image-id", "ami-0123456789abcdef0", "--count", "1",
                               "--instance-type", "t3.micro", "--region", region, **keys)
            self.assertIn(f"An error occurred ({code}) when calling the RunInstances operation", run.stderr)

    def test_the_text_of_a_managed_policy(self):
        # With an endpoint of its own the CLI signs for its region, and not for IAM's.
        keys = {"AWS_ACCESS_KEY_ID": BROKER, "AWS_SECRET_ACCESS_KEY": BROKER_SECRET, "AWS_REGION": "us-east-1", "AWS_DEFAULT_REGION": "us-east-1"}
        out = self.run_cli("iam", "get-policy", "--policy-arn", POLICY, **keys)
        version = json.loads(out.stdout)["Policy"]["DefaultVersionId"]
        out = self.run_cli("iam", "get-policy-version", "--policy-arn", POLICY, "--version-id", version, **keys)
        statement = json.loads(out.stdout)["PolicyVersion"]["Document"]["Statement"][0]
        self.assertEqual(statement["Condition"], {"StringEquals": {"aws:RequestedRegion": "us-west-1"}})
        out = self.run_cli("iam", "get-policy", "--policy-arn", POLICY + "2", **keys)
        self.assertIn("(AccessDenied)", out.stderr)

    def test_the_role_of_a_machine(self):
        self.assertIn("assumed-role/App/i-", self.arn(AWS_EC2_METADATA_SERVICE_ENDPOINT=self.metadata))
        container = {"AWS_CONTAINER_CREDENTIALS_FULL_URI": self.container, "AWS_EC2_METADATA_DISABLED": "true"}
        self.assertIn("assumed-role/App/", self.arn(**container, AWS_CONTAINER_AUTHORIZATION_TOKEN="secret"))
        refused = self.run_cli("sts", "get-caller-identity", **container, AWS_CONTAINER_AUTHORIZATION_TOKEN="other")
        self.assertNotEqual(refused.returncode, 0)

    def test_the_session_of_a_person(self):
        token = self.sign_in()
        (self.home / ".aws/sso/cache").mkdir(parents=True)
        (self.home / ".aws/config").write_text(
            f"[profile p]\nsso_session = s\nsso_account_id = 629470240201\nsso_role_name = ReadOnly\n"
            f"[sso-session s]\nsso_start_url = {START_URL}\nsso_region = eu-west-1\n")
        cached = {"startUrl": START_URL, "region": "eu-west-1", "accessToken": token, "expiresAt": "2999-01-01T00:00:00Z"}
        (self.home / ".aws/sso/cache" / (hashlib.sha1(b"s").hexdigest() + ".json")).write_text(json.dumps(cached))
        self.assertRegex(self.arn(AWS_PROFILE="p"), "^arn:aws:sts::629470240201:assumed-role/AWSReservedSSO_ReadOnly_[0-9a-f]{16}/john$")
        self.assertEqual(self.run_cli("sso", "logout", "--access-token", token).returncode, 0)
        ended = self.run_cli("sso", "list-accounts", "--access-token", token)
        self.assertIn("(UnauthorizedException)", ended.stderr)

    def sign_in(self):
        """Signs in as a browser would, and returns the access token."""
        client = self.post("/client/register", {
            "clientName": "test", "clientType": "public", "scopes": ["sso:account:access"], "issuerUrl": START_URL,
            "redirectUris": ["http://127.0.0.1/oauth/callback"], "grantTypes": ["authorization_code", "refresh_token"]})
        verifier = "v" * 43
        challenge = base64.urlsafe_b64encode(hashlib.sha256(verifier.encode()).digest()).rstrip(b"=").decode()
        query = {"response_type": "code", "client_id": client["clientId"], "redirect_uri": CALLBACK, "state": "s",
                 "code_challenge": challenge, "code_challenge_method": "S256", "scopes": "sso:account:access"}
        with self.assertRaises(urllib.error.HTTPError) as sent_back:
            urllib.request.build_opener(NoRedirect).open(f"{self.aws.url}/authorize?{urllib.parse.urlencode(query)}", timeout=5)
        sent_back.exception.close()
        code = urllib.parse.parse_qs(urllib.parse.urlsplit(sent_back.exception.headers["Location"]).query)["code"][0]
        return self.post("/token", {"clientId": client["clientId"], "clientSecret": client["clientSecret"], "grantType": "authorization_code",
                                    "code": code, "redirectUri": CALLBACK, "codeVerifier": verifier})["accessToken"]

    def post(self, path, body):
        request = urllib.request.Request(self.aws.url + path, data=json.dumps(body).encode(), headers={"Content-Type": "application/json"})
        with urllib.request.urlopen(request, timeout=5) as response:
            return json.load(response)


if __name__ == "__main__":
    unittest.main()
