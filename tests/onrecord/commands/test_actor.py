"""A person whom `--as` names, and the accounts know, does it; else the operating system's user, said to be that."""

import json
import os
import pwd
from base64 import urlsafe_b64decode
from contextlib import closing

import click
import pytest
from sqlalchemy import select

from onrecord.commands.main import main
from storage.database.tables import disclosure
from tests.onrecord.commands.people import ANN, People
from tests.onrecord.commands.site import Site
from tests.onrecord.commands.test_telling import commands

USER = f"{pwd.getpwuid(os.getuid()).pw_name} (operating system user)"
# The log keeps who did it.
NAMED = {
    *("withdraw", "pause", "resume", "hold place", "hold release", "erase", "reapply-erasures", "incidents close"),
    *("recording export", "log export", "certificate", "vcon"),
    *("reload", "user add", "user link", "user disable", "user enable"),
}


def actors(site: Site) -> set[str]:
    """Every actor that the log names."""
    with closing(site.database()) as database, database.read() as connection:
        bodies = connection.scalars(select(disclosure.c.body)).all()
    opened = [json.loads(urlsafe_b64decode(body + "=" * (-len(body) % 4))) for body in bodies]
    return {value for _, name, value in opened if name == "actor"}


def place(people: People, *options: str) -> int:
    return people.site.run("hold", "place", "--call", people.sids[ANN][0], "--because", "case 17", *options).code


def test_every_command_that_the_log_keeps_a_name_for_takes_one_option_for_it() -> None:
    takes = {
        " ".join(path) for path, command in commands(main).items() if any("--as" in one.opts for one in command.params)
    }
    assert takes == NAMED
    for command in commands(main).values():
        assert not [one for one in command.params if "--actor" in one.opts and "--as" not in one.opts]


@pytest.mark.parametrize("name", sorted(NAMED))
def test_the_earlier_name_is_taken_and_not_shown(name: str) -> None:
    command = commands(main)[tuple(name.split())]
    shown = command.get_help(click.Context(command, **main.context_settings))
    assert "--as NAME" in shown
    assert "--actor" not in shown


def test_without_accounts_whoever_is_named_is_taken(people: People) -> None:
    assert place(people, "--as", "maria") == 0
    assert place(people, "--actor", "carol") == 0
    assert {"maria", "carol"} <= actors(people.site)
    assert USER not in actors(people.site)


def test_who_names_nobody_is_the_operating_systems_user_and_said_to_be(people: People) -> None:
    people.site.environ |= {"USER": "mallory", "LOGNAME": "mallory"}
    assert place(people) == 0
    assert USER in actors(people.site)
    assert f"by {USER}: case 17" in people.site.run("hold", "list").out
    assert "mallory" not in actors(people.site)


def test_with_accounts_only_an_enabled_account_is_taken(people: People) -> None:
    site = people.site
    assert site.run("user", "add", "maria", "--role", "compliance", "--everywhere", "--as", "the owner").code == 0
    assert site.run("user", "add", "dan", "--role", "admin", "--everywhere", "--as", "maria").code == 0
    assert place(people, "--as", "Maria ") == 0
    assert {"the owner", "maria"} <= actors(site)
    ran = site.run("hold", "place", "--call", people.sids[ANN][0], "--because", "case 17", "--as", "marai")
    assert ran.problems == ["--as: there is no account marai; `onrecord user list` prints them"]
    assert site.run("user", "disable", "maria", "--as", "dan").code == 0
    ran = site.run("hold", "place", "--call", people.sids[ANN][0], "--because", "case 17", "--as", "maria")
    assert ran.problems == ["--as: the account maria is disabled"]
    assert "marai" not in actors(site)


def test_an_agent_is_named_once(people: People) -> None:
    ran = people.site.run("withdraw", people.sids[ANN][0], "--by-agent", "carol", "--as", "maria")
    assert ran.code == 2
    assert "--by-agent says already who it is" in ran.err
    assert people.site.run("withdraw", people.sids[ANN][0], "--by-agent", " carol ").code == 0
    assert "carol" in actors(people.site)
