"""People are told by an installation as it runs: each way of the rulebook, each kind of incident, by a worker."""

import json
import secrets
import sys
from collections.abc import Iterator
from contextlib import closing, contextmanager
from datetime import UTC, datetime
from pathlib import Path

import pytest
from sqlalchemy import Connection

from onrecord.senders import sender
from onrecord.settings.environment import read_settings
from policies.incidents import IncidentKind
from policies.telling import Mail, Way, Webhook
from storage.errors import Refused
from storage.moment import Moment
from storage.rows.incidents import open_incidents, raise_incident
from tests.onrecord.commands.site import PHONE, Site
from tests.outbound.receivers import SECRET, MailReceiver, WebhookReceiver, a_mail_receiver, a_webhook_receiver
from tests.storage.jobs.conftest import until

KEEPS = """
import os, sys
with open(sys.argv[1], "a") as lines:
    lines.write(sys.stdin.read() + "\\n")
"""
RAISED = [kind for kind in IncidentKind if kind is not IncidentKind.NOT_TOLD]


@contextmanager
def told(site: Site) -> Iterator[tuple[WebhookReceiver, MailReceiver, Path]]:
    """The receivers of three ways, which are in the rulebook."""
    script, lines = site.folder / "keeps.py", site.folder / "told"
    script.write_text(KEEPS)
    with a_webhook_receiver() as webhook, a_mail_receiver() as mail:
        rules = site.folder / "onrecord.toml"
        command = json.dumps([sys.executable, str(script), str(lines)])
        rules.write_text(f"""{rules.read_text()}
[[tell]]
name = "hook"
webhook = "{webhook.url}"

[[tell]]
name = "mail"
mail = ["on-call@example.com"]

[[tell]]
name = "program"
command = {command}
""")
        site.environ |= {
            "ONRECORD_WEBHOOK_SECRET": SECRET,
            "ONRECORD_SMTP": f"smtp://127.0.0.1:{mail.port}",
            "ONRECORD_MAIL_FROM": "onrecord@calls.example.org",
        }
        yield webhook, mail, lines


def test_each_kind_of_incident_reaches_people_by_each_kind_of_way(site: Site) -> None:
    with told(site) as (webhook, mail, lines), site.started("work"):
        until(lambda: site.workers() == 1)
        raised(site, *RAISED)
        expected = {(kind.value, "opened") for kind in RAISED}
        until(lambda: expected <= {*webhook.turns()} and bool(mail.mails) and lines.exists())
        assert all(one.is_genuine for one in webhook.posted)
        until(lambda: all(kind in "".join(one.get_content() for one in mail.mails) for kind in RAISED))
        until(lambda: all(f'"{kind}"' in lines.read_text() for kind in RAISED))


def test_a_receiver_that_is_down_for_a_while_is_told_when_it_is_back(site: Site) -> None:
    with told(site) as (webhook, _, _), site.started("work"):
        webhook.answers = [503, 0, 503]
        raised(site, IncidentKind.POLICY_CONFLICT)
        until(lambda: len(webhook.posted) == 4)
        assert len({(one.id, one.body) for one in webhook.posted}) == 1
        assert webhook.turns() == [("policy_conflict", "opened")]


def test_a_test_message_goes_by_each_way_at_once_and_says_what_became_of_it(site: Site) -> None:
    with told(site) as (webhook, mail, lines):
        ran = site.run("tell")
        assert (ran.code, ran.out) == (0, "ok      hook: told\nok      mail: told\nok      program: told\n")
        assert [one["type"] for one in webhook.messages] == ["test"]
        assert mail.mails[0]["Subject"] == "onrecord calls.example.org: a test"
        assert json.loads(lines.read_text())["type"] == "test"
        webhook.answers, mail.refuses = [401], {"on-call@example.com": 550}
        ran = site.run("tell")
        assert ran.code == 1
        assert "FAILED  hook: webhook: answered 401\n" in ran.out
        assert "FAILED  mail: mail: the server answered 550 to every address\n" in ran.out
        assert site.run("tell", "--way", "program").out == "ok      program: told\n"
        assert site.run("tell", "--way", "nobody").code == 1
        assert site.run("incidents").code == 0


def test_without_ways_there_is_nothing_to_try(site: Site) -> None:
    ran = site.run("tell")
    missing = "the rulebook in force has no such way: write a table [[tell]], and take it in force"
    assert (ran.code, ran.err) == (1, f"onrecord: {missing}\n")


@pytest.mark.parametrize(
    ("name", "said"),
    [
        ("ONRECORD_WEBHOOK_SECRET", "tells by webhook"),
        ("ONRECORD_SMTP", "tells by mail"),
        ("ONRECORD_MAIL_FROM", "tells by mail"),
    ],
)
def test_a_way_without_its_setting_is_found_before_anything_starts(site: Site, name: str, said: str) -> None:
    with told(site):
        del site.environ[name]
        for command in ("check", "work", "tell"):
            assert any(said in problem for problem in site.run(command).problems)


@pytest.mark.parametrize("by", [Webhook("http://127.0.0.1:9/"), Mail(("on-call@example.com",))])
def test_a_way_that_came_in_force_after_a_process_had_started_says_which_setting_the_process_lacks(
    by: Webhook | Mail,
) -> None:
    send = sender(read_settings(PHONE))
    with pytest.raises(Refused, match=r"^ONRECORD_\w+ .*: start `onrecord work` again with it$"):
        send(Way("x", by), "m", datetime.now(UTC), '{"type":"test","data":{"installation":"x"}}')


def raised(site: Site, *kinds: IncidentKind) -> None:
    def work(connection: Connection) -> None:
        for kind in kinds:
            moment = Moment(datetime.now(UTC), secrets.token_bytes)
            raise_incident(connection, moment, kind, about="test", call_id=None, detail="it is only tried")

    with closing(site.database()) as database:
        database.write(work)
        with database.read() as connection:
            assert {one.kind for one in open_incidents(connection) if one.about == "test"} == {*kinds}
