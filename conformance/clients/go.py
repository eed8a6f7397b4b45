"""Programs on the AWS SDKs for Go, and on minio-go, which many Go programs have for S3."""

from clients import Client, Own, printed

NAMES = "go-v2", "go-v1", "minio-go"
MODULES = {"go-v2": "github.com/aws/aws-sdk-go-v2", "go-v1": "github.com/aws/aws-sdk-go", "minio-go": "github.com/minio/minio-go/v7"}

OWN_ENDPOINT = Own("asks 169.254.169.254 alone; another address is an argument of its own function",
                   "https://pkg.go.dev/github.com/minio/minio-go/v7/pkg/credentials#NewIAM")


def client(name, directory):
    program = f"{directory}/{name}"
    verbs = dict(version=version(program, MODULES[name]), whoami=(program, "whoami"), list=(program, "list"), put=(program, "put", "ten", "10"))
    if name == "go-v1":
        return Client(name, "AWS SDK for Go v1", uses_proxies=False, **verbs)
    if name == "minio-go":
        verbs["whoami"] = ()
        return Client(name, "minio-go", uses_proxies=False, cannot={"whoami": "knows S3 alone"},
                      lacks={"metadata-port": OWN_ENDPOINT}, **verbs)
    # Go itself takes no proxy for this machine's own addresses, as which AWS is here.
    return Client(name, "AWS SDK for Go v2", quick=True, tries=1, insists=9, as_json=False, uses_proxies=False, **verbs)


def version(program, module):
    """The version of a module, as a program has it built in."""
    lines = (line.split() for line in printed("go", "version", "-m", program).splitlines())
    return next(words[2] for words in lines if words[:2] == ["dep", module]).removeprefix("v")
