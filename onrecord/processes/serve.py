"""`onrecord serve`: the two web servers, each in a process of its own, supervised by this process.

They have different ports and neither serves the other's routes. When this process ends, however it ends, so do they.
"""

import gc
import logging
import multiprocessing
import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Iterable, Mapping
from contextlib import closing
from dataclasses import asdict
from datetime import UTC, datetime
from functools import cache, partial
from pathlib import Path
from typing import Literal
from wsgiref.types import StartResponse, WSGIApplication, WSGIEnvironment

from flask import Flask
from granian import Granian
from granian.constants import HTTPModes, Interfaces
from granian.http import HTTP1Settings

from callflow import twiml, webhooks
from callflow.callbacks import Callbacks
from callflow.conversation import Conversation
from callflow.late_steps import LateSteps
from callflow.waiting_requests import WaitingRequests
from compliance.pauses import Pauses
from compliance.staff.entry import Entry
from compliance.withdrawals import Withdrawals
from console.app import Console
from console.app import create_app as create_console
from console.entry.sign_on import BACK, IdentityProvider
from console.live_calls import LiveCalls
from evidence.events import timestamp
from onrecord.accepted_rulebook import hand_over
from onrecord.adoption import in_words, take_in_force
from onrecord.installation import WebInstallation, open_installation, open_web_installation
from onrecord.not_ready import NotReady, collecting
from onrecord.processes.address import Address, free_address
from onrecord.processes.body_gate import BodyGate
from onrecord.processes.descriptors import connections_max, raise_limit
from onrecord.processes.following import Following
from onrecord.processes.health import Readiness, add_health
from onrecord.settings.environment import Settings, read_settings
from onrecord.settings.logging_setup import say_logs_plainly
from policies.jurisdiction.places import places_of
from policies.rulebook.read import parse
from policies.ruling import ends_of, rule
from policies.sign_in import ConsoleRules
from policies.wording_of_call import wording_of
from storage.audio.opening import open_store
from storage.database.engine import Database
from storage.database.readiness import DatabaseCheck
from storage.errors import Broken, Refused, Unavailable
from storage.journal.request_journal import Standing
from storage.rows.rules_in_force import RulesInForce, adopted_text
from storage.staff.ceremonies import relying_party
from storage.staff.passwords import Hashing

log = logging.getLogger(__name__)

Face = Literal["webhooks", "console"]
_CONSOLE_THREADS = 16
# A request has ended by then: its body is awaited for 5 s, and its transaction for 3.
_REQUEST_S = 10
_GRACE_S = 15.0
_LOOK_S = 3.0
# For a request's header to come, and for a connection without one: a header comes in a packet or two.
_HEADER_S = 3
_BACKLOG = 4096  # connections that the system keeps until they are taken


def read_addresses(given: Mapping[Face, str], problems: list[str]) -> dict[Face, Address]:
    """The free address for each web server; faults of an address are added to `problems`."""
    addresses: dict[Face, Address] = {}
    for face, text in given.items():
        address = collecting(problems, partial(free_address, f"--{face}", text))
        if address in addresses.values():
            problems.append(f"--{face} is {address}, as the other face is: name another port")
        elif address:
            addresses[face] = address
    return addresses


def serve(addresses: dict[Face, Address], settings: Settings, text: str, actor: str) -> int:
    """Run both web servers until SIGTERM or SIGINT; a server that dies is started again. Returns the exit code.

    `text` is the rulebook that was adopted. The web servers start with the rulebook in force, and not with the
    operator's file, which may have been edited since. On SIGHUP, which the caller has blocked, the file comes in force,
    if it is in order, on the word of `actor`.
    """
    stopping: list[int] = []  # an Event's lock, held by this thread as the signal comes, would never be free again
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda came, _: stopping.append(came))
    log.info("serving %s", ", ".join(f"{face} at http://{address}" for face, address in addresses.items()))
    environment = {**os.environ, **hand_over(text, settings.spool)}
    running = {face: _start(face, address, environment) for face, address in addresses.items()}
    database = Database.later(settings.database_url)
    Following(database, RulesInForce(parse(text)), lambda _: _hand_over_anew(database, settings.spool)).start()
    reloading = threading.Thread()
    while not stopping:
        time.sleep(0.2)
        if not reloading.is_alive() and signal.sigtimedwait([signal.SIGHUP], 0):
            reloading = threading.Thread(target=reload_rules, args=(f"{actor}, by SIGHUP",), daemon=True)
            reloading.start()
        for face, process in running.items():
            if process.poll() is not None:
                log.error("%s ended with %s; starting it again", face, process.returncode)
                running[face] = _start(face, addresses[face], environment)
    for process in running.values():
        process.terminate()
    return _wait_for(list(running.values()))


def _hand_over_anew(database: Database, folder: Path) -> None:
    """So that a web server that is started again has the rulebook in force even while the database is away."""
    text = database.look(adopted_text, within_s=_LOOK_S)
    if text is not None:
        hand_over(text, folder)


def reload_rules(actor: str) -> None:
    """Take the operator's file in force. Where anything is wrong with it or the settings, log it and change nothing."""
    try:
        installation = open_installation(os.environ, edited=True, store_is_asked=False)
    except NotReady as error:
        for problem in error.problems:
            log.error("the rules in force stay: %s", problem)
        return
    with closing(installation):
        try:
            log.info(
                "asked to reload: %s", in_words(take_in_force(installation.database, installation.checked, actor=actor))
            )
        except (Refused, Unavailable, Broken) as error:
            log.error("the rules in force stay: %s", error)


def _start(face: Face, address: Address, environment: Mapping[str, str]) -> subprocess.Popen[bytes]:
    command = [
        sys.executable,
        "-m",
        "onrecord.processes.serve",
        face,
        address.host,
        str(address.port),
        str(os.getpid()),
    ]
    return subprocess.Popen(command, env=environment)  # noqa: S603  # our own interpreter and module


def _wait_for(processes: list[subprocess.Popen[bytes]]) -> int:
    deadline = time.monotonic() + _GRACE_S
    for process in processes:
        try:
            process.wait(max(0.0, deadline - time.monotonic()))
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()
    return 0


def webhooks_app() -> Flask:
    """The public web application, as the web server's worker process makes it."""
    front = _own_front()
    warm_up(front.conversation)
    Following(front.database, front.rules, lambda _: warm_up(front.conversation)).start()
    waiting = WaitingRequests(front.journal, front.database, LateSteps(front.conversation))
    waiting.start()
    return webhooks.create_app(
        webhooks.Webhooks(
            database=front.database,
            conversation=front.conversation,
            callbacks=Callbacks(front.conversation),
            account_sid=front.settings.account_sid,
            webhook_secrets=front.settings.webhook_secrets,
            add_health=partial(add_health, readiness=_readiness(front)),
            waiting=waiting,
        )
    )


def warm_up(conversation: Conversation) -> None:
    """Load the data that is read only once, so that no caller waits for it: places, laws, wordings, templates."""
    rulebook, law, urls = conversation.rulebook, conversation.law, conversation.urls
    for line in rulebook.lines:
        places, _ = places_of(line.number, law)
        ruling = rule(law, rulebook, line, ends_of(rulebook, line, places), datetime.now(UTC))
        for language in line.languages:
            wording = wording_of(rulebook, line, ruling, language)
            twiml.disclose(wording, urls, choice_url="")
            twiml.choose(wording, urls, consent_url="", again=False)
        twiml.connect(line)


def webhooks_doorway() -> BodyGate:
    """Programs and data that are loaded by now stay. The collector is kept from walking them again and again: it takes
    60 ms each time, and callers wait meanwhile. So they would for a log line that nobody reads.
    """
    gate = BodyGate(webhooks_app())
    say_logs_plainly(unhurried=True)
    gc.collect()
    gc.freeze()
    return gate


class Exchangeable:
    """A WSGI application that can be exchanged for another: a request ends in the one that it began in."""

    def __init__(self, app: WSGIApplication) -> None:
        self._app = app

    def __call__(self, environ: WSGIEnvironment, start: StartResponse) -> Iterable[bytes]:
        return self._app(environ, start)

    def exchange(self, app: WSGIApplication) -> None:
        self._app = app


def console_app() -> Exchangeable:
    """The staff's web application, as the web server's worker process makes it: anew when other rules come in force."""
    front, hashing = _own_front(), Hashing()
    readiness = _readiness(front)

    def made() -> Flask:
        app = create_console(console_of(front, hashing))
        add_health(app, readiness)
        return app

    console = Exchangeable(made())
    Following(front.database, front.rules, lambda _: console.exchange(made())).start()
    return console


def console_of(front: WebInstallation, hashing: Hashing | None = None) -> Console:
    rulebook, party = front.rulebook, relying_party(front.settings.console_base_url)
    return Console(
        front.database,
        party.origin,
        live=_live_calls(front),
        rulebook=rulebook,
        number_hash_key=front.keys.number_hash_key,
        store=open_store(front.settings.audio_store),
        key_encryption_key=front.keys.key_encryption_key,
        entry=Entry(front.database, front.keys.staff_key, party, rulebook.console, hashing=hashing or Hashing()),
        sign_on=_identity_provider(front.settings, party.origin, rulebook.console),
        lines=tuple(line.number for line in rulebook.lines),
        limits=rulebook.console.limits,
    )


def _identity_provider(settings: Settings, origin: str, rules: ConsoleRules) -> IdentityProvider | None:
    """Where the rulebook demands passkeys of a role, the provider is asked for something as good."""
    if not settings.oidc_issuer:
        return None
    from outbound import identity_provider  # slow to import, and few have one

    return identity_provider.IdentityProvider(
        settings.oidc_issuer,
        settings.oidc_client_id,
        settings.oidc_client_secret,
        f"{origin}{BACK}",
        acr_values="phr" if rules.passkey_roles else "",
    )


def _live_calls(front: WebInstallation) -> LiveCalls | None:
    token = front.settings.console_api_token
    if not token:
        return None
    withdrawals = Withdrawals(front.database, front.rulebook, front.jobs)
    return LiveCalls(token, withdrawals, Pauses(front.database, front.rulebook, front.jobs))


def _own_front() -> WebInstallation:
    say_logs_plainly()
    die_with_parent()
    try:
        return open_web_installation(os.environ)
    except NotReady as error:  # `serve` found all in order a moment ago, and starts this process again
        for problem in error.problems:
            log.error("this web server can't start: %s", problem)
        sys.exit(1)


def _readiness(front: WebInstallation) -> Readiness:
    """The audio store plays no part in a call or a page: only workers put audio there."""
    store = cache(lambda: open_store(front.settings.audio_store))
    readiness = Readiness(
        {
            "database": DatabaseCheck(front.database),
            "rulebook": lambda: None,  # parsed at start, and exchanged for none that cannot be
        },
        besides={"audio_store": lambda: store().check()},
        details={"journal": lambda: _told(front.journal.standing())},
    )
    readiness.start()
    return readiness


def _told(journal: Standing) -> dict[str, object]:
    return {**asdict(journal), "since": timestamp(journal.since) if journal.since else None}


def die_with_parent(parent: int | None = None) -> None:
    """End this process when its supervisor is dead: it must not keep the port, which its successor would then share
    with it.

    `parent` or multiprocessing names the process that started this one: it may be dead by now, and another the parent.
    """
    forked_from = multiprocessing.parent_process()
    parent = parent or (forked_from.pid if forked_from else None) or os.getppid()

    def watch() -> None:
        while os.getppid() == parent:
            time.sleep(0.1)
        os._exit(1)

    threading.Thread(target=watch, name="parent-watch", daemon=True).start()


def run(app: str, address: Address, *, workers: int, interface: Interfaces = Interfaces.RSGI) -> None:
    """Serve the application that the factory `app` ("module:function") makes, in this process, until SIGTERM.

    Each worker takes as many connections as leave it descriptors for its own work; the others wait for their turn,
    which comes, since no client can keep a connection without sending a request.
    """
    connections = connections_max(raise_limit())
    server = Granian(
        app,
        address=address.host,
        port=address.port,
        interface=interface,
        factory=True,
        workers=workers,
        blocking_threads=_CONSOLE_THREADS if interface is Interfaces.WSGI else None,
        respawn_failed_workers=True,
        workers_kill_timeout=_REQUEST_S,
        http=HTTPModes.http1,
        http1_settings=HTTP1Settings(header_read_timeout=_HEADER_S * 1000),
        backlog=_BACKLOG,
        backpressure=connections,
        websockets=False,
        log_enabled=False,
    )
    server.serve()


def main(face: Face, host: str, port: str, parent: str = "") -> None:
    say_logs_plainly()
    die_with_parent(int(parent) if parent else None)
    address = Address(host, int(port))
    if face == "webhooks":
        run("onrecord.processes.serve:webhooks_doorway", address, workers=read_settings(os.environ).web_processes)
    else:
        run("onrecord.processes.serve:console_app", address, workers=1, interface=Interfaces.WSGI)


if __name__ == "__main__":
    main(*sys.argv[1:])  # type: ignore[arg-type]  # `serve` is the only caller
