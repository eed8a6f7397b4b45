"""What every SDK looks at before it asks anybody: the environment, then the profile."""

import configparser
import dataclasses
import os


@dataclasses.dataclass(frozen=True)
class Keys:
    id: str
    secret: str
    token: str = ""
    expires: float | None = None
    """Seconds since 1970; None for ever."""


def keys(env):
    """The keys of the environment or of the profile, or None."""
    if env.get("AWS_ACCESS_KEY_ID") and env.get("AWS_SECRET_ACCESS_KEY"):
        return Keys(env["AWS_ACCESS_KEY_ID"], env["AWS_SECRET_ACCESS_KEY"], env.get("AWS_SESSION_TOKEN", ""))
    profile = env.get("AWS_PROFILE") or "default"
    places = (env.get("AWS_SHARED_CREDENTIALS_FILE") or os.path.join(env.get("HOME", "/"), ".aws/credentials"), profile), \
             (env.get("AWS_CONFIG_FILE") or os.path.join(env.get("HOME", "/"), ".aws/config"), profile if profile == "default" else "profile " + profile)
    for path, section in places:
        file = configparser.RawConfigParser(default_section="none of them")
        file.read(path)
        if file.has_option(section, "aws_access_key_id"):
            return Keys(file.get(section, "aws_access_key_id"), file.get(section, "aws_secret_access_key"),
                        file.get(section, "aws_session_token", fallback=""))
    return None
