"""Opens the audio store that AUDIO_STORE names."""

import re
from pathlib import Path

from storage.audio.contract import AudioStore
from storage.audio.directory_store import DirectoryStore
from storage.errors import Refused


def open_store(url: str) -> AudioStore:
    """The store that AUDIO_STORE names: `dir:PATH` or `s3://BUCKET/PREFIX`. Nothing is asked of it yet.

    For S3, credentials, region and endpoint come from AWS's own variables (AWS_ENDPOINT_URL_S3 among them).
    """
    if (path := url.removeprefix("dir:")) not in ("", url):
        return DirectoryStore(Path(path))
    if place := re.fullmatch(r"s3://([a-z0-9][a-z0-9.-]{1,61}[a-z0-9])(?:/([A-Za-z0-9!_.*'()/-]*))?", url):
        from storage.audio.s3_store import connect  # a slow library behind it

        return connect(place[1], place[2] or "")
    raise Refused("AUDIO_STORE: write dir:PATH or s3://BUCKET/PREFIX")
