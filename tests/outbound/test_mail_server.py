"""A message by mail reaches a real mail server, by TLS, and a failure is told apart from a refusal."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from outbound.mail_server import MailServer
from storage.errors import Refused, Unavailable
from tests.onrecord.tls import certified
from tests.outbound.receivers import MailReceiver, a_mail_receiver

AT = datetime(2026, 11, 22, 12, tzinfo=UTC)
TO = ("on-call@example.com", "night@example.com")


def server(receiver: MailReceiver) -> MailServer:
    return MailServer("127.0.0.1", receiver.port, "onrecord@calls.example.org", is_local=True)


def send(receiver: MailReceiver, **otherwise: Any) -> str:
    return replace(server(receiver), **otherwise).send("m1", AT, TO, "all is well", "Nothing is open.\n")


def test_a_mail_has_an_id_that_stays_and_says_that_a_program_sent_it() -> None:
    with a_mail_receiver() as receiver:
        assert [send(receiver), send(receiver)] == ["", ""]
    first, second = receiver.mails
    assert (first["From"], first["To"], first["Subject"]) == (
        "onrecord@calls.example.org",
        ", ".join(TO),
        "all is well",
    )
    assert first["Message-ID"] == second["Message-ID"] == "<m1@calls.example.org>"
    assert (first["Date"], first["Auto-Submitted"]) == ("Sun, 22 Nov 2026 12:00:00 +0000", "auto-generated")
    assert first.get_content().strip() == "Nothing is open."
    assert receiver.recipients[0] == [*TO]


@pytest.mark.parametrize("at_once", [False, True])
def test_a_server_elsewhere_is_spoken_to_by_tls_with_a_certificate_that_is_trusted(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, at_once: bool
) -> None:
    files = certified(tmp_path, datetime.now(UTC) + timedelta(days=2))
    elsewhere = {"is_local": False, "is_tls_at_once": at_once, "user": "us", "password": "se cret"}
    with a_mail_receiver(certificate=files, at_once=at_once, login=("us", "se cret")) as receiver:
        with pytest.raises(Unavailable, match=r"^mail: no answer \(SSLCertVerificationError\)$"):
            send(receiver, **elsewhere)
        monkeypatch.setenv("SSL_CERT_FILE", str(files[0]))
        assert send(receiver, **elsewhere) == ""
        assert receiver.in_tls == [True]
        with pytest.raises(Refused, match="^mail: the server answered 535"):
            send(receiver, **elsewhere | {"password": "another"})


def test_to_a_server_elsewhere_nothing_is_said_without_tls() -> None:
    with a_mail_receiver() as receiver, pytest.raises(Refused, match="offers no TLS"):
        send(receiver, is_local=False)
    assert receiver.mails == []


def test_an_address_that_is_refused_keeps_no_other_from_the_mail() -> None:
    with a_mail_receiver(refuses={TO[0]: 550}) as receiver:
        assert send(receiver) == "mail: the server refused address 1 of 2"
    assert receiver.recipients == [[TO[1]]]


@pytest.mark.parametrize(("code", "error"), [(451, Unavailable), (550, Refused)])
def test_a_server_that_takes_it_for_nobody_is_told_with_its_code_and_no_address(
    code: int, error: type[Exception]
) -> None:
    with a_mail_receiver(refuses=dict.fromkeys(TO, code)) as receiver:
        with pytest.raises(error) as told:
            send(receiver)
        assert str(told.value) == f"mail: the server answered {code} to every address"
        receiver.refuses.clear()
        receiver.codes = [code]
        with pytest.raises(error, match=f"^mail: the server answered {code} to the message$"):
            send(receiver)


def test_a_server_that_says_nothing_or_is_not_there_is_tried_again() -> None:
    with a_mail_receiver(is_silent=True) as receiver, pytest.raises(Unavailable, match="^mail: no answer"):
        send(receiver, read_s=0.2)
    with pytest.raises(Unavailable, match="^mail: no answer"):
        server(MailReceiver(port=9)).send("m", AT, TO, "x", "y")


def test_a_server_that_says_a_word_now_and_then_does_not_hold_it_up_for_ever() -> None:
    with a_mail_receiver(says_nothing_of_use=True) as receiver, pytest.raises(Unavailable, match="^mail: no answer"):
        send(receiver, whole_s=1.0)


@pytest.mark.parametrize("farewell", ["421 too late", "500 never heard of it", "no word of SMTP"])
def test_a_mail_that_the_server_took_is_told_however_it_takes_leave(farewell: str) -> None:
    with a_mail_receiver(farewell=farewell) as receiver:
        assert send(receiver) == ""
    assert len(receiver.mails) == 1


def test_how_a_server_takes_leave_makes_no_mail_of_one_that_it_refused() -> None:
    with a_mail_receiver(codes=[451], farewell="421 no") as receiver, pytest.raises(Unavailable, match="answered 451"):
        send(receiver)
