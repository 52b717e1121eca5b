"""Who of the staff is at the command line."""

import os
import pwd


def who_asks() -> str:
    """The user that the operating system knows, whatever the environment says."""
    try:
        return pwd.getpwuid(os.getuid()).pw_name
    except KeyError:
        return f"uid {os.getuid()}"
