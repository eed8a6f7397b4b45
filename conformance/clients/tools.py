"""Tools of Debian's that work with S3, each with a library of its own below."""

from clients import Client, Own, printed

NAMES = "rclone", "restic", "s3fs"

# They come with the library of their day: Debian 12 is of June 2023.
GO = "https://github.com/aws/aws-sdk-go/releases/tag/v1.47.11"
MINIO = "https://github.com/minio/minio-go/issues/1940"
FILE, POD = "takes no token from a file: its library is of 2022", "takes the addresses of this machine itself alone: its library is of 2022"
ECS_ALONE = Own("asks at relative URIs alone, and sends no token", "https://github.com/s3fs-fuse/s3fs-fuse/wiki/Fuse-Over-Amazon")


def client(name, directory):
    return {"rclone": rclone, "restic": restic, "s3fs": s3fs}[name](name, directory)


def rclone(name, _):
    # With its provider "AWS" it puts the bucket's name in the host's, which fakeaws has none for.
    remote = {"TYPE": "s3", "PROVIDER": "Minio", "ENV_AUTH": "true", "REGION": "eu-west-1", "ENDPOINT": "{aws}", "NO_CHECK_BUCKET": "true"}
    settings = {"RCLONE_CONFIG": "/dev/null"} | {f"RCLONE_CONFIG_AWS_{key}": value for key, value in remote.items()}
    return Client(name, "rclone", packaged("rclone", "golang-github-aws-aws-sdk-go", "AWS SDK for Go"), settings=settings, exact=False,  # it begins again where a file failed
                  list=("rclone", "lsf", "--recursive", "--files-only", "aws:company1-hr"),
                  put=("rclone", "copy", "--ignore-times", "--transfers=1", "--checkers=1", "ten", "aws:company1-hr/ten"),
                  cannot={"whoami": "no such command"},
                  lacks={"token-file": Own(FILE, GO), "pod-identity": Own(POD, GO), "pod-identity-ipv6": Own(POD, GO)})


def restic(name, directory):
    program = f"{directory}/restic"
    return Client(name, "restic", packaged("restic", "golang-github-minio-minio-go-v7", "minio-go"), exact=False,
                  list=(program, "list"), put=(program, "put"), cannot={"whoami": "no such command"},
                  aws=f"{directory}/restic.json",  # it removes its locks
                  lacks={"token-file": Own(FILE, MINIO), "pod-identity": Own(POD, MINIO), "pod-identity-ipv6": Own(POD, MINIO),
                         "metadata-port": Own("asks 169.254.169.254 alone", "")})


def s3fs(name, directory):
    program = f"{directory}/s3fs"
    others = "token", "token-file", "both", "process", "relative", "pod-identity", "pod-identity-ipv6", "metadata-port"
    # It asks for the role's name once, when it mounts, without a session token: https://github.com/s3fs-fuse/s3fs-fuse/issues/1762.
    return Client(name, "s3fs", packaged("s3fs"), exact=False, metadata_v1=True, list=(program, "list"), put=(program, "put"),
                  cannot={"whoami": "no such command"},
                  settings_at={"relative-id": {"S3FS_KEYS": "ecs"}, "metadata": {"S3FS_KEYS": "iam_role=auto"}},
                  lacks={endpoint: ECS_ALONE for endpoint in others})


def packaged(package, library="", title=""):
    """The version of a Debian package, and of the library that it was built with, by Debian's name and its makers'."""
    version = upstream(printed("dpkg-query", "--show", "--showformat", "${Version}", package))
    if not library:
        return version
    built = printed("dpkg-query", "--show", "--showformat", "${Built-Using}", package)
    found = next(word for word in built.split(", ") if word.startswith(library + " "))
    return f"{version} ({title} {upstream(found.split()[-1].rstrip(')'))})"


def upstream(version):
    """1.60.1+dfsg-2+b5 is 1.60.1."""
    return version.partition("+")[0].partition("-")[0]
