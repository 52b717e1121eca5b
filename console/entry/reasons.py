"""The words for why somebody is to sign in, and for why they were not let in."""

from compliance.staff.sign_in import Why
from console.language import gettext


def refusal(why: Why) -> str:
    """The same sentence for every way to fail. Only a person who has shown all that it takes is told more than that."""
    match why:
        case Why.NEEDS_PASSKEY:
            return gettext(
                "All of that was right, but your role signs in with a passkey only. If you have none yet, ask an "
                "administrator for a new link."
            )
        case Why.PASSKEY_IN_DOUBT:
            return gettext(
                "This passkey may have been copied, so it did not let you in. Ask an administrator for a new link: "
                "from then on neither the passkey nor a copy of it opens anything."
            )
        case _:
            return gettext(
                "That did not let you in. The name, password, code or passkey may be wrong, or the account disabled; "
                "and after five failures in a row an account waits, from half a minute to 15 minutes."
            )


def busy() -> str:
    """Too many passwords are being looked at, or the database is away."""
    return gettext("Nobody can be signed in at the moment, and nothing was looked at. Try it again in a minute.")


def reason(because: str) -> str:
    """By the name that the address of the page has; empty for any other."""
    sentences = {
        "ended": gettext("Your session has ended. Sign in again; nothing that was saved is lost."),
        "again": gettext(
            "To change how somebody signs in takes a sign-in of the last few minutes. Sign in again: after that you "
            "are back where you were."
        ),
        "left": gettext("You have signed out."),
        "not_let_in": gettext(
            "Single sign-on did not let you in. Begin it again from this page; and if the identity there is not "
            "connected with your account here yet, sign in another way and connect it under your name."
        ),
        "unreachable": gettext(
            "The single sign-on cannot be reached at the moment. Sign in another way, or try again later."
        ),
        "needs_passkey": refusal(Why.NEEDS_PASSKEY),
    }
    return sentences.get(because, "")
