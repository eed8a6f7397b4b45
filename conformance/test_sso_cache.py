"""Whether botocore takes the file that vendord shares for one of the AWS CLI's own."""

import datetime
import json
import os
import pathlib
import shutil
import tempfile
import unittest

import botocore.session
from botocore.stub import Stubber
from botocore.tokens import SSOTokenProvider, _sso_json_dumps
from botocore.utils import JSONFileCache

TESTDATA = pathlib.Path(__file__).parent.parent / "login" / "testdata"
CONFIG = """[default]
sso_session = corp
[sso-session corp]
sso_start_url = https://corp.awsapps.com/start
sso_region = eu-west-1
"""


class SharedFile(unittest.TestCase):
    """The file is what TestSharedFile in package login sees written."""

    def setUp(self):
        self.home = tempfile.mkdtemp()
        self.addCleanup(shutil.rmtree, self.home)
        self.cache = pathlib.Path(self.home, "cache")
        self.cache.mkdir()
        for path in TESTDATA.glob("*.json"):
            shutil.copy(path, self.cache)
        pathlib.Path(self.home, "config").write_text(CONFIG)
        os.environ["AWS_CONFIG_FILE"] = str(pathlib.Path(self.home, "config"))
        self.addCleanup(os.environ.pop, "AWS_CONFIG_FILE")

    def provider(self, hour, minute):
        now = datetime.datetime(2026, 11, 22, hour, minute, tzinfo=datetime.timezone.utc)
        cache = JSONFileCache(str(self.cache), dumps_func=_sso_json_dumps)
        return SSOTokenProvider(botocore.session.Session(), cache=cache, time_fetcher=lambda: now, profile_name="default")

    def test_is_read(self):
        token = self.provider(12, 1).load_token().get_frozen_token()
        self.assertEqual(token.token, "CANARYaccess1")
        self.assertEqual(token.expiration, datetime.datetime(2026, 11, 22, 13, tzinfo=datetime.timezone.utc))

    def test_is_renewed(self):
        provider = self.provider(14, 0)
        with Stubber(provider._client) as client:
            client.add_response("create_token", {"accessToken": "CANARYaccess2", "expiresIn": 3600, "refreshToken": "CANARYrefresh2"},
                                {"grantType": "refresh_token", "clientId": "client", "clientSecret": "CANARYclient", "refreshToken": "CANARYrefresh1"})
            token = provider.load_token().get_frozen_token()
            client.assert_no_pending_responses()
        self.assertEqual(token.token, "CANARYaccess2")
        (path,) = self.cache.glob("*.json")
        kept = json.loads(path.read_text())
        self.assertEqual(kept["refreshToken"], "CANARYrefresh2")
        self.assertEqual(kept["registrationExpiresAt"], "2027-02-20T12:00:00Z")


if __name__ == "__main__":
    unittest.main()
