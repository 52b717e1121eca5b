"""The words for what is wrong with a password, a code or a passkey that somebody sets up."""

from console.language import gettext
from policies.passwords import LENGTH_MAX, LENGTH_MIN, PasswordFault


def of_password(fault: PasswordFault) -> str:
    match fault:
        case PasswordFault.TOO_SHORT:
            return gettext("That password is too short: use %(least)s characters or more.") % {"least": LENGTH_MIN}
        case PasswordFault.TOO_LONG:
            return gettext("That password is too long: use %(most)s characters or fewer.") % {"most": LENGTH_MAX}
        case PasswordFault.GUESSABLE:
            return gettext("That password is among the first that somebody would guess. Choose another one.")


def of_code(*, is_same: bool) -> str:
    """`is_same`: the secret that the page shows is still the one that the person has in their app."""
    if is_same:
        return gettext(
            "That code did not fit. Type the six digits that the app shows now; each code works once. The secret below "
            "is still the same."
        )
    return gettext(
        "The page was open for too long, and the secret below is a new one: scan it again, and delete the old entry in "
        "the app. Nothing was changed."
    )


def of_passkey() -> str:
    return gettext("The passkey was not kept. Nothing was changed; try it again.")


def of_old_password() -> str:
    return gettext(
        "The present password was not right, or there were too many attempts: after five in a row an account waits, "
        "from half a minute to 15 minutes. Nothing was changed."
    )
