"""Replays of SDKs that cannot be had here: what they send, byte for byte, and what they
accept. What a user reads of them is what their source says, with AWS's answer to what follows."""

import sys

from clients import Client, Own

NAMES = "dotnet", "php", "cpp", "swift"
TITLES = {"dotnet": "AWS SDK for .NET", "php": "AWS SDK for PHP", "cpp": "AWS SDK for C++", "swift": "AWS SDK for Swift"}
VERSIONS = {"dotnet": "4.0", "php": "3.369", "cpp": "1.11", "swift": "1.5"}

BRACKETS = Own("looks for the address without the brackets that are around it",
               "https://github.com/aws/aws-sdk-cpp/blob/main/src/aws-cpp-sdk-core/source/auth/GeneralHTTPCredentialsProvider.cpp")
SWIFT = "https://github.com/awslabs/aws-sdk-swift/blob/main/Sources/Core/AWSSDKIdentity/Sources/AWSSDKIdentity/"
CONTAINER = SWIFT + "AWSCredentialIdentityResolvers/ECSAWSCredentialIdentityResolver.swift"
LACKS = {
    "cpp": {"pod-identity-ipv6": BRACKETS},
    "swift": {"relative": Own("sends no token to a relative URI", CONTAINER),
              "pod-identity-ipv6": Own("takes no addresses of IPv6", CONTAINER),
              "metadata-port": Own("asks 169.254.169.254 alone", SWIFT + "IMDSClient/IMDSClient.swift")},
}


def client(name, directory):
    program = sys.executable, f"{directory}/replay.py", name
    return Client(name, TITLES[name], VERSIONS[name] + " (replayed, not run)", lacks=LACKS.get(name, {}),
                  whoami=(*program, "whoami"), list=(*program, "list"), put=(*program, "put", "ten", "10"))
