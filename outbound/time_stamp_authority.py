"""A time stamp by an authority (RFC 3161): its signature that the checkpoint existed at that time. In the EU a stamp
of a qualified authority is presumed to be right.
"""

from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from outbound.bounded_http import Limits, NoAnswer, Outbound
from storage.errors import Broken, Refused, Unavailable
from storage.log.checkpoints import SignedCheckpoint


@dataclass(frozen=True, slots=True)
class TimeStampAuthority:
    """`ca` is a PEM file with the root certificates of the authority."""

    url: str
    ca: Path
    limits: Limits = field(default_factory=Limits)

    def stamp(self, checkpoint: SignedCheckpoint) -> bytes:
        """The answer in DER, over the bytes of the checkpoint as the log signed it. Its hash, nonce, signature and
        certificate chain were checked.
        """
        import rfc3161_client as tsp  # slow to import, and rarely needed

        data = str(checkpoint.note).encode()
        request = tsp.TimestampRequestBuilder().data(data).hash_algorithm(tsp.HashAlgorithm.SHA256).build()
        answer = self._ask(request.as_bytes())
        try:
            response = tsp.decode_timestamp_response(answer)
        except ValueError as error:
            raise Broken("time stamp: what was answered is no time stamp") from error
        if response.status != tsp.PKIStatus.GRANTED:
            raise Refused(f"time stamp: the authority refused with status {int(response.status)}")
        self._check(tsp, response, request.nonce, data)
        return answer

    def _ask(self, request: bytes) -> bytes:
        try:
            status, answer = Outbound("", "", limits=self.limits).post(self.url, request, "application/timestamp-query")
        except NoAnswer as error:
            raise Unavailable(f"time stamp: {error}") from error
        if status != 200:
            raise Unavailable(f"time stamp: answered {status}")
        return answer

    def _check(self, tsp: Any, response: Any, nonce: int | None, data: bytes) -> None:
        verifier = tsp.VerifierBuilder(roots=self.certificates(), nonce=nonce).build()
        try:
            verifier.verify_message(response, data)
        except (tsp.VerificationError, ValueError) as error:
            raise Broken(f"time stamp: what was answered does not hold: {error}") from error

    def certificates(self) -> list[Any]:
        """Raises Refused for a file that is missing or holds none."""
        from cryptography.x509 import load_pem_x509_certificates

        try:
            return load_pem_x509_certificates(self.ca.read_bytes())
        except (OSError, ValueError):
            raise Refused(f"ONRECORD_TSA_CA names {self.ca}, which holds no certificate: a PEM file is meant") from None
