"""Programs on the AWS SDKs for Java: 2, and 1, which is no longer supported and everywhere."""

import glob
import re

from clients import AT_LEAST, Client, Own

NAMES = "java-v2", "java-v1"

NO_TOKEN = Own("sends no token to a relative URI; an id in the path is for it",
               "https://docs.aws.amazon.com/AWSJavaSDK/latest/javadoc/com/amazonaws/auth/EC2ContainerCredentialsProviderWrapper.html")
# It takes a session that ends within a minute for a failure of the service to renew it.
KEEPS = Own(f"keeps EC2 metadata's sessions of less than a minute for a minute past their end. {AT_LEAST}",
            "https://github.com/aws/aws-sdk-java/blob/master/aws-java-sdk-core/src/main/java/com/amazonaws/auth/BaseCredentialsFetcher.java")
# Its user says so on pods that have IPv6 alone: https://github.com/aws/containers-roadmap/issues/2683
IPV6 = {"AWS_EC2_METADATA_SERVICE_ENDPOINT_MODE": "IPv6"}


def client(name, directory):
    directory = f"{directory}/{name}"
    # The second compiler pays for itself in programs that run for longer than these.
    java = "java", "-XX:TieredStopAtLevel=1", "-XX:+UseSerialGC", "-classpath", f"{directory}/classes:{directory}/lib/*"
    if name == "java-v2":
        return Client(name, "AWS SDK for Java 2", version(f"{directory}/lib/sdk-core-*.jar"), **verbs(*java, "Program"))
    java += ("-Duser.home={home}",)  # HOME is nothing to it
    return Client(name, "AWS SDK for Java 1", version(f"{directory}/lib/aws-java-sdk-core-*.jar"), **verbs(*java, "Program"),
                  settings={"AWS_JAVA_V1_DISABLE_DEPRECATION_ANNOUNCEMENT": "true"}, settings_at={"pod-identity-ipv6": IPV6},
                  lacks={"relative": NO_TOKEN},
                  hours={"metadata": KEEPS, "metadata-port": KEEPS})


def verbs(*program):
    return dict(whoami=(*program, "whoami"), list=(*program, "list"), put=(*program, "put", "ten", "10"))


def version(jar):
    """The version in the name of the only file that is named so."""
    [path] = glob.glob(jar)
    return re.search(r"-([0-9.]+)\.jar$", path)[1]
