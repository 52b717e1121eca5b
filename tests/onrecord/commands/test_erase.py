"""`onrecord erase`: a person's data goes, from the tables and from the bytes on disk; what proves stays."""

import json
import os
import shutil
from contextlib import closing
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path

import pytest
from sqlalchemy import select, text

from onrecord.demo.control_api import SeenCall, SeenRecording
from onrecord.demo.promises import Witness, breaches
from onrecord.installation import open_installation
from storage.database.tables import call
from tests.callflow.conftest import Clock, PhoneCall, read
from tests.callflow.whole_calls import NOTICE
from tests.onrecord.commands.people import (
    ANN,
    BOB,
    People,
    carry_out_destructions,
    phone_company,
    still_open,
)
from tests.onrecord.commands.site import Ran

ERASE = ("erase", "--basis", "gdpr-17")


def erased(people: People, *arguments: str) -> Ran:
    ran = people.site.run(*ERASE, *(arguments or ("--number", ANN)))
    assert (ran.code, ran.err) == (0, ""), ran
    assert ANN not in ran.out
    return ran


def verified(people: People, *arguments: str) -> str:
    ran = people.site.run("log", "verify", *arguments)
    assert ran.code == 0, ran
    return ran.out


def test_nothing_of_the_person_is_left_in_any_byte_of_any_file(people: People) -> None:
    assert (
        people.site.run("recording", "export", "RE" + people.sids[ANN][0][2:], "copy", "--purpose", "quality").code == 0
    )
    (people.site.folder / "copy").unlink()
    with still_open(people.site):  # a web process goes on serving
        assert people.lying(ANN)
        erased(people)
        assert people.lying(ANN) == set()
        assert people.lying(BOB) == {"onrecord.db"}
    assert people.lying(ANN) == set()


def test_without_the_wiping_the_bytes_are_found(people: People, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("compliance.erase.wipe", lambda *_: None)
    with still_open(people.site):
        erased(people)
        assert people.lying(ANN)


def test_the_audio_can_not_be_opened_at_once_and_is_gone_when_the_worker_has_been(people: People) -> None:
    sid = "RE" + people.sids[ANN][0][2:]
    audio = {path for path in (people.site.folder / "var/audio/rec").rglob("*") if path.is_file()}
    erased(people)
    assert people.site.run("recording", "export", sid, "copy", "--purpose", "quality").code == 1
    with people.site.inside(), closing(open_installation(os.environ)) as installation:
        carry_out_destructions(installation)
    left = {path for path in (people.site.folder / "var/audio/rec").rglob("*") if path.is_file()}
    assert len(left) == len(audio) / 2
    other = "RE" + people.sids[BOB][0][2:]
    assert people.site.run("recording", "export", other, "copy", "--purpose", "quality").code == 0


def test_what_was_proven_before_is_proven_still(people: People) -> None:
    before = verified(people)
    size = before.split()[2]
    leaves = people.site.run("log", "show").out
    erased(people)
    assert verified(people, "--size", size) == before
    assert people.site.run("log", "show").out.startswith(leaves)


def test_a_dry_run_says_the_same_and_changes_nothing(people: People) -> None:
    files = people.site.files()
    dry = people.site.run(*ERASE, "--number", ANN, "--dry-run")
    assert dry.code == 0
    assert {path: sha for path, sha in people.site.files().items() if path in files and files[path] != sha} == {}
    assert erased(people).out == dry.out.replace("would be erased", "erased")
    assert dry.out.count("would be erased") == len(people.sids[ANN])


def test_each_call_says_in_the_log_what_went(people: People) -> None:
    assert people.site.run(*ERASE, "--number", ANN, "--ticket", "case 12").code == 0
    told = [json.loads(line) for line in people.site.run("log", "show").out.splitlines() if "privacy.erased" in line]
    assert {one["call"] for one in told} == {*people.ids[ANN]}
    assert {one["basis"] for one in told} == {"gdpr-17"}
    assert sum(one["recordings"] for one in told) == 2
    assert all({"caller", "provider_call_id"} <= {*one["fields"]} for one in told)
    assert all({*one["sd"]} == {"actor", "ticket"} for one in told)


def test_twice_is_as_good_as_once(people: People) -> None:
    erased(people)
    again = erased(people)
    assert again.out == "of this number no call is known here\n"
    by_sid = erased(people, "--call", people.sids[ANN][0])
    assert by_sid.out.endswith(": nothing is left to erase\n")
    assert erased(people, "--call", by_sid.out.split()[1].rstrip(":")).out == by_sid.out


def test_one_call_alone_is_erased_by_its_sid(people: People) -> None:
    erased(people, "--call", people.sids[ANN][0])
    assert erased(people).out.count("erased:") == len(people.sids[ANN]) - 1


def test_calls_from_before_numbers_were_hashed_are_found_too(people: People) -> None:
    with closing(people.site.database()) as database:
        database.write(lambda connection: connection.execute(text("UPDATE call SET caller_hash = NULL")))
    assert erased(people).out.count("erased:") == len(people.sids[ANN])
    assert people.lying(ANN) == set()


def test_who_declined_and_is_erased_is_asked_again(people: People) -> None:
    def remembered() -> int:
        with closing(people.site.database()) as database, database.read() as connection:
            return connection.scalar(text("SELECT count(*) FROM remembered_decline")) or 0

    assert remembered() == 2
    erased(people)
    assert remembered() == 1


def test_a_held_call_is_kept_and_told_and_the_others_go(people: People) -> None:
    held = people.sids[ANN][0]
    placed = people.site.run("hold", "place", "--call", held, "--because", "case 13")
    assert placed.code == 0
    call_id = placed.out.split()[1].rstrip(":")
    ran = people.site.run(*ERASE, "--number", ANN)
    assert (ran.code, ran.err) == (1, "")
    assert f"call {call_id}: not erased: a legal hold keeps it (1)\n" in ran.out
    assert ran.out.count("erased:") == len(people.sids[ANN])
    assert people.site.run("call", held).code == 0
    assert "1  call" in people.site.run("hold", "list").out
    assert people.site.run("hold", "release", "1", "--because", "closed").code == 0
    assert people.site.run("hold", "release", "1", "--because", "closed").code == 1
    assert erased(people).out.count("erased:") == 1
    assert people.site.run("hold", "place", "--call", call_id, "--because", "case 14").code == 1
    assert ", released " in people.site.run("hold", "list").out


@pytest.mark.parametrize("command", [ERASE, ("hold", "place", "--because", "case 13")])
def test_a_text_that_is_no_number_is_said_instead_of_nothing_found(people: People, command: tuple[str, ...]) -> None:
    ran = people.site.run(*command, "--number", "anonymous")
    assert ran.problems == ["--number: write a plus, the country's code and the number, digits only"]


def test_all_calls_of_a_number_are_held_at_once(people: People) -> None:
    placed = people.site.run("hold", "place", "--number", ANN, "--because", "case 13")
    assert placed.out.count("hold ") == len(people.sids[ANN])
    ran = people.site.run(*ERASE, "--number", ANN)
    assert (ran.code, ran.out.count("not erased")) == (1, len(people.sids[ANN]))


def test_a_call_that_is_under_way_has_to_wait(people: People) -> None:
    sid = people.sids[ANN][0]
    with closing(people.site.database()) as database:
        asked = text("UPDATE call SET sweep_at = received_at WHERE call_sid = :sid")
        database.write(lambda connection: connection.execute(asked, {"sid": sid}))
    ran = people.site.run(*ERASE, "--number", ANN)
    assert ran.code == 1
    assert ran.out.count("not erased: it is looked at until") == 1
    assert people.site.run("call", sid).code == 0


def test_somebody_who_still_reads_is_told_of(people: People, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("storage.database.wipe.PATIENCE_S", 0.0)
    with still_open(people.site) as database:
        with database.read() as connection:
            connection.execute(select(call.c.id)).all()
            ran = people.site.run(*ERASE, "--number", ANN)
            assert ran.code == 1
            assert ran.err == (
                "onrecord: database: what was erased is still in its write-ahead log: somebody reads; run it again\n"
            )
            assert people.lying(ANN)
        erased(people)
        assert people.lying(ANN) == set()


@pytest.mark.parametrize(
    "arguments",
    [
        ("--number", "5125550111"),
        ("--number", "anonymous"),
        ("--number", ANN, "--call", "CA"),
        (),
        ("--number", ANN, "--ticket", "ask ann@example.org"),
        ("--number", ANN, "--requester", BOB),
        ("--number", ANN, "--basis", BOB),
    ],
)
def test_what_makes_no_sense_is_refused_before_anything_is_done(people: People, arguments: tuple[str, ...]) -> None:
    ran = people.site.run(*ERASE, *arguments)
    assert (ran.code, ran.out) == (2, "")
    assert people.lying(ANN)


def test_a_call_that_nobody_knows_is_a_finding(people: People) -> None:
    ran = people.site.run(*ERASE, "--call", "CA" + "0" * 32)
    assert (ran.code, ran.err) == (1, "onrecord: there is no call with this sid or id\n")


def test_where_it_can_not_be_noted_elsewhere_nothing_is_erased(people: People) -> None:
    people.site.environ["ONRECORD_ERASURES"] = "onrecord.toml/erasures.txt"
    ran = people.site.run(*ERASE, "--number", ANN)
    assert (ran.code, ran.out) == (2, "")
    assert "ONRECORD_ERASURES" in ran.err
    assert people.site.run("call", people.sids[ANN][0]).code == 0


def test_what_else_tells_of_calls_copes_with_an_erased_one(people: People) -> None:
    erased(people)
    call_id = people.ids[ANN][0]
    story = json.loads(people.site.run("call", call_id, "--json").out)
    assert story["call_sid"] == f"ER{call_id}"
    assert story["erased_at"]
    assert "nothing here names who called" in people.site.run("call", call_id).out
    assert people.site.run("explain", "--call", call_id).code == 0
    assert "    caller: (erased)\n" in people.site.run("log", "show", call_id).out
    assert people.site.run("incidents").code in {0, 1}
    assert people.site.run("rules", "diff", "onrecord.toml", "onrecord.toml").code == 0


def test_the_check_of_the_promises_knows_an_erased_call_from_a_lost_one(people: People) -> None:
    erased(people)
    seen = [SeenCall(sid, ANN, "") for sid in people.sids[ANN]]
    with people.site.inside(), closing(open_installation(os.environ)) as installation:
        carry_out_destructions(installation)
        witness = Witness(installation.database, installation.store, installation.keys.key_encryption_key)
        assert breaches(witness, seen, others=people.sids[BOB]) == []
        lost = breaches(witness, [*seen, SeenCall("CA0", BOB, "")], others=people.sids[BOB])
        assert {one.promise for one in lost} == {"P5"}
        held = SeenRecording("RE0", "", "", "completed", 0.0, 1.0, "", is_deleted=False)
        seen[0] = replace(seen[0], recordings=(held,))
        (left,) = breaches(witness, seen, others=people.sids[BOB])
        assert left.promise == "P7"


def restore(people: People, backup: Path) -> None:
    """Everything but what is kept where the database is not."""
    journal = (people.site.folder / "var/erasures.txt").read_bytes()
    shutil.rmtree(people.site.folder)
    shutil.copytree(backup, people.site.folder)
    (people.site.folder / "var/erasures.txt").write_bytes(journal)


def test_what_a_restored_backup_brings_back_is_erased_again(people: People, settled: People) -> None:
    erased(people)
    restore(people, settled.site.folder)
    assert people.lying(ANN)
    ran = people.site.run("reapply-erasures")
    assert (ran.code, ran.err) == (0, "")
    assert ran.out.count("erased:") == len(people.sids[ANN])
    assert people.lying(ANN) == set()
    told = [json.loads(line) for line in people.site.run("log", "show").out.splitlines() if "privacy.erased" in line]
    assert {(one["basis"], one["again"]) for one in told} == {("gdpr-17", True)}
    again = people.site.run("reapply-erasures")
    assert (again.code, again.out) == (0, "nothing that was erased has come back\n")
    assert verified(people)


def test_it_is_known_by_our_id_where_the_keys_are_others(people: People, settled: People) -> None:
    erased(people)
    restore(people, settled.site.folder)
    journal = people.site.folder / "var/erasures.txt"
    lines = [json.loads(line) | {"sid_hash": "0" * 64} for line in journal.read_text().splitlines()]
    journal.write_text("".join(json.dumps(line, separators=(",", ":"), sort_keys=True) + "\n" for line in lines))
    assert people.site.run("reapply-erasures").out.count("erased:") == len(people.sids[ANN])


def test_what_was_held_since_is_listed_and_left(people: People, settled: People) -> None:
    erased(people)
    restore(people, settled.site.folder)
    people.site.run("hold", "place", "--call", people.sids[ANN][0], "--because", "case 15")
    ran = people.site.run("reapply-erasures")
    assert ran.code == 1
    assert ran.out.count("not erased: a legal hold keeps it (1)") == 1
    assert ran.out.count("erased:") == len(people.sids[ANN])


def test_a_call_that_comes_back_under_another_id_is_known_by_its_sid(people: People) -> None:
    sid = people.sids[ANN][0]
    erased(people, "--call", sid)
    with closing(people.site.database()) as database:
        named = text("UPDATE call SET call_sid = :sid WHERE call_sid = :other")
        database.write(lambda connection: connection.execute(named, {"sid": sid, "other": people.sids[ANN][1]}))
    ran = people.site.run("reapply-erasures")
    assert (ran.code, ran.out.count("erased:")) == (0, 1)


def test_the_log_alone_is_enough_where_the_file_was_lost(people: People) -> None:
    sid = people.sids[ANN][0]
    erased(people, "--call", sid)
    (people.site.folder / "var/erasures.txt").unlink()
    with closing(people.site.database()) as database:
        named = text("UPDATE call SET call_sid = :sid WHERE erased_at IS NOT NULL")
        database.write(lambda connection: connection.execute(named, {"sid": sid}))
    assert people.site.run("reapply-erasures").out.count("erased:") == 1


def test_a_file_that_broke_off_or_was_damaged_is_told(people: People) -> None:
    erased(people)
    journal = people.site.folder / "var/erasures.txt"
    journal.write_bytes(journal.read_bytes() + b'{"at":"20')
    ran = people.site.run("reapply-erasures")
    assert ran.code == 0
    assert "its last line broke off" in ran.err
    journal.write_bytes(b"{}\n" + journal.read_bytes())
    damaged = people.site.run("reapply-erasures")
    assert (damaged.code, damaged.out) == (2, "")
    assert "line 1 of var/erasures.txt is damaged" in damaged.err


def test_what_comes_late_of_an_erased_call_brings_nothing_back(people: People) -> None:
    erased(people)
    sid, call_id = people.sids[ANN][0], people.ids[ANN][0]
    with people.site.inside(), closing(open_installation(os.environ)) as installation:
        twilio, urls = phone_company(installation, Clock(datetime.now(UTC))), installation.conversation().urls
        late = PhoneCall(twilio, NOTICE, ANN, sid)
        assert late.recording(urls.recording(call_id), "completed").status_code == 204
        answer = read(twilio.post(urls.ended(call_id), late.params(DialCallStatus="completed")))
        assert answer.tag == "Response"
    assert people.lying(ANN) == set()
