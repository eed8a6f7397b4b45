"""The page, and what makes its rows the same each time."""

import json
import unittest

import page
from checks import counted, steady
from clients import ENDPOINTS, Client, Own
from tap import Request


def cell(**other):
    """A cell in which all is well but what is said to be other."""
    checks = {check: {"saw": "yes"} for check in ("identity", "put", "list", "switch", "expiry", "restart", "proxy", "stranger", "denied")}
    return {"checks": checks | other, "read": {"denied": "AWS denies it", "stranger": "unknown"}}


class Page(unittest.TestCase):
    def client(self, **at):
        return {"x": {"title": "X", "version": "1", "at": at}}

    def row(self, observed):
        return next(line for line in page.page(observed).splitlines() if line.startswith("| [X]"))

    def test_a_client_that_does_all_works(self):
        self.assertIn("| yes | ? |", self.row(self.client(token=cell())))

    def test_its_own_failure_is_numbered_and_named(self):
        observed = self.client(token=cell(switch={"saw": "stays", "own": "https://example.com/1"}))
        self.assertIn("| yes, but [1] |", self.row(observed))
        self.assertIn("1. stays (https://example.com/1)", page.page(observed))

    def test_what_no_field_says_is_not_explained(self):
        self.assertNotIn("yes, but", page.page(self.client(token=cell())))
        self.assertIn("**yes, but**", page.page(self.client(token=cell(switch={"saw": "stays", "own": ""}))))

    def test_each_endpoint_says_what_to_set(self):
        for endpoint in ENDPOINTS.values():
            self.assertIn(f"\n| {endpoint} | ", page.HEAD)

    def test_sessions_that_vendord_does_not_hand_out_are_no_but(self):
        observed = self.client(token=cell() | {"hours": "hangs with a second's sessions", "issue": ""})
        self.assertIn("| yes [1] |", self.row(observed))
        self.assertIn("1. hangs with a second's sessions", page.page(observed))

    def test_an_endpoint_that_it_lacks_is_a_no(self):
        self.assertIn("| no [1] |", self.row(self.client(token={"lacks": "too old", "issue": "", "read": ""})))

    def test_endpoints_with_the_same_fields_share_a_row(self):
        self.assertIn("| container: token; container: token file | yes |", page.page(self.client(**{"token": cell(), "token-file": cell()})))

    def test_the_summary_has_the_first_container_endpoint_that_it_has_and_metadata(self):
        lack = {"lacks": "too old", "issue": "", "read": ""}
        observed = self.client(**{"token": lack, "relative-id": cell(put={"saw": "GET"}), "metadata": cell(put={"saw": "PUT"})})
        self.assertIn("| X | GET; PUT |", page.page(observed))

    def test_a_field_keeps_its_column(self):
        self.assertIn("a \\| b", page.table(["h"], [["a | b"]]))

    def test_a_cell_that_is_run_again_takes_the_place_of_what_was(self):
        was, now = self.client(token=cell(), process=cell()), self.client(token=cell(put={"saw": "2 x GET"}))
        merged = page.merged(was, now)["x"]["at"]
        self.assertEqual(merged["token"]["checks"]["put"]["saw"], "2 x GET")
        self.assertEqual(merged["process"], cell())

    def test_what_was_written_reads_the_same(self):
        observed = self.client(**{"token": cell(), "pod-identity": cell(), "both": cell(put={"saw": "2 x GET"})})
        self.assertEqual(page.page(json.loads(page.as_text(observed))), page.page(observed))


class Steady(unittest.TestCase):
    def test_what_is_other_each_time_is_left_out(self):
        for text, want in {
            "token vnd_abcdefghij1234 refused": "token (token) refused",
            "RequestID: 0b5c1e6e-0b5c-4e6e-8b5c-0b5c1e6e0b5c": "RequestID: (id)",
            "at 2026-11-22T18:34:25.790Z it ended": "at (time) it ended",
            "Nov 22, 2026 7:50:48 PM a.B getLocation": "(time) a.B getLocation",
            "/home/x/token: no such file": "~/token: no such file",
            "Error\n    at f (a.js:1)\n  code: 1\n}": "Error",
            "127.0.0.1:45123 refused; 127.0.0.1:9797 too": "127.0.0.1:(port) refused; 127.0.0.1:9797 too",
        }.items():
            with self.subTest(text):
                self.assertEqual(steady(text, "/home/x"), want)


class Requests(unittest.TestCase):
    def test_are_counted_by_what_they_are_for(self):
        base = "/latest/meta-data/iam/security-credentials"
        kinds = [Request("PUT", "/latest/api/token"), Request("GET", base + "/"), Request("GET", base + "/first"),
                 Request("GET", base + "-extended/"), Request("GET", "/latest/meta-data/placement/region"), Request("GET", "/v1/credentials")]
        self.assertEqual([r.kind() for r in kinds], ["PUT", "listing", "document", "listing (extended)",
                                                     "GET /latest/meta-data/placement/region", "GET"])

    def test_are_summed_up_in_their_order(self):
        self.assertEqual(counted(["PUT", "GET 401", "GET 401"]), "PUT, 2 x GET 401")


class Clients(unittest.TestCase):
    def test_places_in_arguments_are_filled(self):
        self.assertEqual(Client("x", "X", "1").filled(["s3:{aws}/b", "{host}", "{home}/ten"], "http://127.0.0.1:1", "/h"),
                         ["s3:http://127.0.0.1:1/b", "127.0.0.1:1", "/h/ten"])

    def test_a_failure_at_all_endpoints(self):
        own = Own("stays", "")
        self.assertIs(Client("x", "X", "1", fails={("*", "switch"): own}).own("token", "switch"), own)


if __name__ == "__main__":
    unittest.main()
