"""Prints the AWS-managed policies that moto ships, one a line of JSON."""

import json

from moto.iam.aws_managed_policies import aws_managed_policies_data

for name, policy in sorted(json.loads(aws_managed_policies_data).items()):
    print(json.dumps({"name": name, "document": policy["Document"]}))
