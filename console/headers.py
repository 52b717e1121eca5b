"""The headers of every answer: nothing from elsewhere runs, frames the page, or keeps a copy of it."""

from collections.abc import Mapping

HEADERS: Mapping[str, str] = {
    "X-Content-Type-Options": "nosniff",
    # With no-referrer a browser would name the origin of our own forms as "null".
    "Referrer-Policy": "same-origin",
    "Cross-Origin-Opener-Policy": "same-origin",
    "Cross-Origin-Resource-Policy": "same-origin",
    "Permissions-Policy": (
        "publickey-credentials-get=(self), publickey-credentials-create=(self), "
        "camera=(), microphone=(), geolocation=(), display-capture=(), payment=(), usb=()"
    ),
    "X-Frame-Options": "DENY",
}
NO_STORE = "private, no-store"
FOR_GOOD = "public, max-age=31536000, immutable"
STRICT_TRANSPORT = "max-age=31536000; includeSubDomains"
"""Where the console has an https address."""


def content_policy(nonce: str) -> str:
    """`nonce` lets the waveform's own style sheet in, which is made in the browser, for this answer alone. Sound comes
    as blobs that the page's own script makes; pictures as data belong to the style sheet.
    """
    style = f"'self' 'nonce-{nonce}'" if nonce else "'self'"
    return (
        f"default-src 'none'; script-src 'self'; style-src {style}; img-src 'self' data:; media-src 'self' blob:; "
        "connect-src 'self'; form-action 'self'; frame-ancestors 'none'; base-uri 'none'"
    )
