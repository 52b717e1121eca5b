"""The commands that write a call in standard formats: the vCon, and the consent receipt."""

import json
import os
from collections.abc import Mapping
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING

import click

from compliance.disclosable import DISCLOSABLE
from onrecord.commands.actor import as_option
from onrecord.commands.base import (
    FOUND_SOMETHING,
    STANDARD_OUTPUT,
    Names,
    call_named,
    end,
    failures_told,
    opened,
    reading,
    tell_problem,
)
from onrecord.not_ready import NotReady, collecting
from onrecord.terminal import say_json
from storage.disk import new_private
from storage.errors import Refused, Unavailable

if TYPE_CHECKING:
    from evidence.jws import CertifiedKey

_OUTPUT = click.option(
    "-o",
    "--output",
    type=click.Path(path_type=Path),
    help="Into a new file, which only you can read; - is standard output.",
)


@click.command()
@click.argument("call_sid")
@click.option("--sign", is_flag=True, help="In the signed form; the first time, a key for it is made.")
@click.option("--disclose", type=Names(DISCLOSABLE), default="", help="What is personal and shall be in it: caller.")
@_OUTPUT
@as_option()
def vcon(call_sid: str, *, sign: bool, disclose: frozenset[str], output: Path | None, actor: str | None) -> None:
    """Write a call as a vCon.

    The IETF's container for conversations, with the words that the caller heard, the keys pressed, the purposes agreed
    to and until when, the events of the log that prove it, and the hash of the recording, which itself stays here.
    CALL_SID may be the call's id in the log: an erased call has no sid any more. The log keeps which fields you
    disclose.
    """
    from compliance.documents import gather
    from evidence.jws import signed
    from evidence.vcon import unsigned

    now = datetime.now(UTC)
    with reading() as connection:
        told = gather(connection, call_named(connection, call_sid), disclosed=disclose)
    if disclose:
        _tell(disclose, actor)
    document: Mapping[str, object] = unsigned(told, now)
    if sign:
        with failures_told():
            document = signed(document, _signer(now))
    _write(document, output)


@click.command()
@click.argument("call_sid")
@_OUTPUT
def receipt(call_sid: str, *, output: Path | None) -> None:
    """Write the consent receipt of a call.

    In the terms of the W3C community's Data Privacy Vocabulary, as ISO/IEC TS 27560 has it; where the rulebook's
    [business] lacks what that demands, the receipt does not say that it conforms, and names what is missing. It says
    whether consent was express, implied or neither, for what and until when, and which events of the log prove it. The
    caller's number is not in it. CALL_SID may be the call's id in the log.
    """
    from compliance.documents import gather
    from evidence.receipt import receipt as written

    with reading() as connection:
        told = gather(connection, call_named(connection, call_sid))
    _write(written(told, datetime.now(UTC)), output)


def add_interchange_commands(group: click.Group) -> None:
    for command in (vcon, receipt):
        group.add_command(command)


def _tell(disclosed: frozenset[str], given_actor: str | None) -> None:
    from compliance.bundle.export import tell_exported
    from onrecord.commands.actor import who_asks

    with opened() as installation:
        actor, moment = who_asks(installation.database, given_actor), installation.anchoring.moment()
        tell_exported(installation.database, moment, scope="vcon", calls=1, disclosed=disclosed, actor=actor)


def _signer(now: datetime) -> "CertifiedKey":
    from onrecord.rulebook_file import open_rulebook
    from onrecord.settings.environment import read_settings
    from onrecord.settings.vcon_key import create_vcon_key, read_vcon_key

    path = read_settings(os.environ, need="database").vcon_key
    if not path.exists():
        create_vcon_key(path, open_rulebook(os.environ).business.name, now)
        tell_problem(f"{path}: a new key, with a certificate that it signed itself")
    problems: list[str] = []
    signer = collecting(problems, lambda: read_vcon_key(path))
    if signer is None:
        raise NotReady(problems)
    if signer.is_self_signed:
        said = "it shows alteration, and who signed only to those who got the certificate from you by another way"
        tell_problem(f"signed with a certificate that nobody else vouches for: {said}")
    return signer


def _write(document: Mapping[str, object], output: Path | None) -> None:
    if output is None or output == STANDARD_OUTPUT:
        say_json(document)
        return
    text = json.dumps(document, indent=2, ensure_ascii=False) + "\n"
    try:
        with new_private(output) as write:
            write(text.encode())
    except (Refused, Unavailable) as error:
        end([str(error)], FOUND_SOMETHING)
