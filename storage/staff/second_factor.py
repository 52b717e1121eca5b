"""The second factor beside a password: codes of an authenticator app (TOTP, RFC 6238), each good once.

The secret of the codes is sealed under the key file, so a copy of the database alone makes no codes.
"""

import hmac
from base64 import b32encode, urlsafe_b64decode, urlsafe_b64encode
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import datetime, timedelta

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from sqlalchemy import Connection, select, update

from storage.database.tables import staff
from storage.errors import Broken, Refused
from storage.moment import Moment

ISSUER = "onrecord"
PROPOSED_FOR = timedelta(minutes=15)
STEP_S, DIGITS = 30, 6
_SECRET_BYTES, _NONCE_BYTES, _TIME_BYTES = 20, 12, 8  # RFC 4226, 4 recommends 160 bits
_AROUND = (-1, 0, 1)  # clocks of telephones are a little off (RFC 6238, 5.2)
_SEALED_MAX = 200
_QUIET_ZONE = 4


@dataclass(frozen=True, slots=True)
class QrCode:
    """`path` draws the dark squares in SVG, in a square of `size` units that includes the light margin."""

    size: int
    path: str = field(repr=False)


@dataclass(frozen=True, slots=True)
class Proposal:
    """A secret that no account has yet. The browser keeps it, sealed, until the person has sent a code of it."""

    secret: str = field(repr=False)
    """In base32, in groups of four, for those who type it."""
    uri: str = field(repr=False)
    qr: QrCode
    sealed: str = field(repr=False)


def propose(key: bytes, account_id: str, name: str, moment: Moment) -> Proposal:
    """`name` is shown by the app."""
    secret = moment.random(_SECRET_BYTES)
    until_ms = round((moment.at + PROPOSED_FOR).timestamp() * 1000)
    sealed = _seal(key, _proposed(account_id), until_ms.to_bytes(_TIME_BYTES, "big") + secret, moment)
    return _proposal(secret, name, urlsafe_b64encode(sealed).decode())


def propose_again(key: bytes, account_id: str, name: str, sealed: str, now: datetime) -> Proposal:
    """The same secret, for a person who has it in their app already and has mistyped its code. Raises Refused as
    `proposed` does.
    """
    return _proposal(proposed(key, account_id, sealed, now), name, sealed)


def proposed(key: bytes, account_id: str, sealed: str, now: datetime) -> bytes:
    """The secret that was proposed to the account. Raises Refused for any other, or one of too long ago."""
    try:
        opened = _open(key, _proposed(account_id), urlsafe_b64decode(sealed[:_SEALED_MAX]))
    except (InvalidTag, ValueError):
        raise Refused("second factor: this secret was not proposed to the account") from None
    if now.timestamp() * 1000 >= int.from_bytes(opened[:_TIME_BYTES], "big"):
        raise Refused("second factor: this secret was proposed too long ago")
    return opened[_TIME_BYTES:]


def has(connection: Connection, account_id: str) -> bool:
    return connection.scalar(select(staff.c.totp_secret).where(staff.c.id == account_id)) is not None


def save(connection: Connection, key: bytes, account_id: str, secret: bytes, moment: Moment) -> None:
    """From here on the account's codes are of this secret. `totp_step` goes on: no code so far is good again."""
    sealed = _seal(key, _kept(account_id), secret, moment)
    connection.execute(update(staff).where(staff.c.id == account_id).values(totp_secret=sealed))


def forget(connection: Connection, account_id: str) -> None:
    connection.execute(update(staff).where(staff.c.id == account_id).values(totp_secret=None))


def take(connection: Connection, key: bytes, account_id: str, code: str, now: datetime) -> bool:
    """Use a code of the account's own secret up. Raises Broken where the secret was sealed with another key file."""
    sealed = connection.scalar(select(staff.c.totp_secret).where(staff.c.id == account_id))
    if sealed is None:
        return False
    try:
        secret = _open(key, _kept(account_id), sealed)
    except InvalidTag as error:
        raise Broken(f"account {account_id}: its second factor was sealed with another key file") from error
    return take_of(connection, account_id, secret, code, now)


def take_of(connection: Connection, account_id: str, secret: bytes, code: str, now: datetime) -> bool:
    """Use a code of this secret up. False where it is wrong, too old, too new, or not newer than the last accepted."""
    for step in _steps_of(secret, code, now):
        newer = (staff.c.id == account_id) & (staff.c.totp_step < step)
        if connection.execute(update(staff).where(newer).values(totp_step=step)).rowcount == 1:
            return True
    return False


def _steps_of(secret: bytes, code: str, now: datetime) -> Iterator[int]:
    """The steps around now whose code this is."""
    from pyotp import TOTP

    digits = "".join(code[: 4 * DIGITS].split())
    codes, now_step = TOTP(b32encode(secret).decode(), digits=DIGITS, interval=STEP_S), int(now.timestamp()) // STEP_S
    for step in (now_step + offset for offset in _AROUND):
        if hmac.compare_digest(codes.generate_otp(step).encode(), digits.encode("utf-8", "surrogatepass")):
            yield step


def _proposal(secret: bytes, name: str, sealed: str) -> Proposal:
    from pyotp import TOTP

    text = b32encode(secret).decode()
    uri = TOTP(text).provisioning_uri(name=name, issuer_name=ISSUER)
    grouped = " ".join(text[start : start + 4] for start in range(0, len(text), 4))
    return Proposal(grouped, uri, _qr_code(uri), sealed)


def _qr_code(text: str) -> QrCode:
    import segno

    code = segno.make(text, error="m", micro=False)
    rows = enumerate(code.matrix_iter(border=_QUIET_ZONE))
    dark = [f"M{x} {y}h1v1h-1z" for y, row in rows for x, is_dark in enumerate(row) if is_dark]
    return QrCode(int(code.symbol_size(border=_QUIET_ZONE)[0]), "".join(dark))


def _seal(key: bytes, about: bytes, plain: bytes, moment: Moment) -> bytes:
    nonce = moment.random(_NONCE_BYTES)
    return nonce + _cipher(key).encrypt(nonce, plain, about)


def _open(key: bytes, about: bytes, sealed: bytes) -> bytes:
    return _cipher(key).decrypt(sealed[:_NONCE_BYTES], sealed[_NONCE_BYTES:], about)


def _cipher(key: bytes) -> AESGCM:
    """Under a key of its own: the one that is given signs as well (`storage.staff.challenges`)."""
    return AESGCM(hmac.digest(key, b"onrecord second factor v1", "sha256"))


def _kept(account_id: str) -> bytes:
    return b"second factor of " + account_id.encode()


def _proposed(account_id: str) -> bytes:
    return b"second factor proposed to " + account_id.encode()
