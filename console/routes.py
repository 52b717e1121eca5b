"""All routes of the console, and what each needs. A view whose route is not listed here is not there."""

from dataclasses import dataclass
from enum import Enum, StrEnum
from typing import Final

from werkzeug.routing import BaseConverter

from policies.permissions import Act


class Id(BaseConverter):
    """An id of ours. Nothing else is looked up: a database may refuse what it can't spell, and would then seem away."""

    regex = "[0-9a-f]{32}"


class Digest(BaseConverter):
    """A SHA-256, whole or cut short."""

    regex = "[0-9a-f]{32,64}"


class CallName(BaseConverter):
    """An id of ours, or the provider's."""

    regex = "[0-9A-Za-z]{1,64}"


CONVERTERS: Final = {"id": Id, "digest": Digest, "call_name": CallName}


class Need(Enum):
    """`OPEN`: nothing. `ENTRY`: nothing but the entry's own token for a POST. `SIGNED_IN`: a living session.
    `TOKEN`: the endpoint asks for a token of its own. `LEASE`: the endpoint asks for a lease of the viewer's session,
    and says so to whoever has none. `REPORT`: a session, which may have ended: it has a last thing to tell.
    """

    OPEN = "open"
    ENTRY = "entry"
    SIGNED_IN = "signed_in"
    TOKEN = "token"  # noqa: S105 - a kind of route
    LEASE = "lease"
    REPORT = "report"


class About(StrEnum):
    """The object that a route names, which must be within the viewer's reach."""

    NOTHING = "nothing"
    CALL = "call"
    RECORDING = "recording"
    """Of the call that the route names as well."""
    ACCOUNT = "account"
    """Of any of the staff."""


@dataclass(frozen=True, slots=True)
class Permission:
    act: Act
    about: About = About.NOTHING


@dataclass(frozen=True, slots=True)
class Route:
    """`is_activity`: a request of it shows that a person is there. A page's own polling does not."""

    endpoint: str
    rule: str
    needs: Need | Permission
    methods: tuple[str, ...] = ("GET",)
    is_activity: bool = True

    @property
    def about(self) -> About:
        return self.needs.about if isinstance(self.needs, Permission) else About.NOTHING


_ID, _EVENT = "id", "int(max=999999999999999)"  # no more than a database counts
_STAFF, _ACCOUNT = Permission(Act.MANAGE_STAFF), Permission(Act.MANAGE_STAFF, About.ACCOUNT)
_ONE = f"/staff/<{_ID}:account_id>"
_CALL, _RECORDING = f"/calls/<{_ID}:call_id>", f"/calls/<{_ID}:call_id>/recordings/<{_ID}:recording_id>"
_COMMENT = f"{_CALL}/comments/<{_ID}:comment_id>"

ROUTES: Final = (
    Route("healthz", "/healthz", Need.OPEN, is_activity=False),
    Route("readyz", "/readyz", Need.OPEN, is_activity=False),
    Route("static", "/static/<path:filename>", Need.OPEN, is_activity=False),
    Route("live_call", "/api/calls/<call_name:name>/<any(withdraw, pause, resume):act>", Need.TOKEN, ("POST",)),
    Route("enter", "/enter", Need.ENTRY),
    Route("enter_by_password", "/enter/password", Need.ENTRY, ("POST",)),
    Route("passkey_options", "/enter/passkey/options", Need.ENTRY, ("POST",)),
    Route("enter_by_passkey", "/enter/passkey", Need.ENTRY, ("POST",)),
    Route("sign_on", "/enter/sign-on", Need.ENTRY),
    Route("sign_on_back", "/enter/sign-on/back", Need.ENTRY),
    Route("welcome", "/welcome/<link>", Need.ENTRY),
    Route("welcome_passkey_options", "/welcome/<link>/passkey/options", Need.ENTRY, ("POST",)),
    Route("welcome_passkey", "/welcome/<link>/passkey", Need.ENTRY, ("POST",)),
    Route("welcome_password", "/welcome/<link>/password", Need.ENTRY),
    Route("welcome_with_password", "/welcome/<link>/password", Need.ENTRY, ("POST",)),
    Route("home", "/", Need.SIGNED_IN),
    Route("leave", "/leave", Need.SIGNED_IN, ("POST",)),
    Route("log", "/log", Need.SIGNED_IN),
    Route("keys", "/keys", Need.SIGNED_IN),
    Route("keys_save", "/keys", Need.SIGNED_IN, ("POST",)),
    Route("call", _CALL, Permission(Act.READ_CALL, About.CALL)),
    Route("proof", f"{_CALL}/events/<{_EVENT}:index>/proof", Permission(Act.READ_CALL, About.CALL)),
    Route("review", f"{_CALL}/review", Permission(Act.REVIEW, About.CALL), ("POST",)),
    Route("comment_add", f"{_CALL}/comments", Permission(Act.COMMENT, About.CALL), ("POST",)),
    Route("comment_change", _COMMENT, Permission(Act.COMMENT, About.CALL), ("POST",)),
    Route("comment_remove", f"{_COMMENT}/remove", Permission(Act.COMMENT, About.CALL), ("POST",)),
    Route("download", f"{_RECORDING}/download", Permission(Act.DOWNLOAD, About.RECORDING), ("POST",)),
    Route("calls", "/calls", Permission(Act.LIST_CALLS)),
    Route("calls_of_number", "/calls/search", Permission(Act.SEARCH_NUMBER), ("POST",)),
    Route("filter_saved", "/filters", Permission(Act.LIST_CALLS), ("POST",)),
    Route("filter_forgotten", f"/filters/<{_ID}:filter_id>/forget", Permission(Act.LIST_CALLS), ("POST",)),
    Route("lease_open", f"{_RECORDING}/lease", Permission(Act.HEAR, About.RECORDING), ("POST",)),
    Route("lanes", f"{_RECORDING}/lanes", Permission(Act.HEAR, About.RECORDING)),
    # Of the viewer's own session: the endpoint says why a listening stops, also to whoever may no longer hear.
    Route("lease", f"/leases/<{_ID}:lease_id>", Need.REPORT, ("POST",)),
    Route("piece", f"/leases/<{_ID}:lease_id>/piece", Need.LEASE),
    Route("session", "/session", Need.SIGNED_IN, is_activity=False),
    Route("stay", "/stay", Need.SIGNED_IN, ("POST",)),
    Route("me", "/me", Need.SIGNED_IN),
    Route("save_settings", "/me/settings", Need.SIGNED_IN, ("POST",)),
    Route("add_passkey_options", "/me/passkeys/options", Need.SIGNED_IN, ("POST",)),
    Route("add_passkey", "/me/passkeys", Need.SIGNED_IN, ("POST",)),
    Route("rename_passkey", "/me/passkeys/<digest:passkey_id>/name", Need.SIGNED_IN, ("POST",)),
    Route("remove_passkey", "/me/passkeys/<digest:passkey_id>/remove", Need.SIGNED_IN, ("POST",)),
    Route("password", "/me/password", Need.SIGNED_IN),
    Route("set_password", "/me/password", Need.SIGNED_IN, ("POST",)),
    Route("change_password_page", "/me/password/change", Need.SIGNED_IN),
    Route("change_password", "/me/password/change", Need.SIGNED_IN, ("POST",)),
    Route("remove_password", "/me/password/remove", Need.SIGNED_IN, ("POST",)),
    Route("authenticator", "/me/authenticator", Need.SIGNED_IN),
    Route("change_authenticator", "/me/authenticator", Need.SIGNED_IN, ("POST",)),
    Route("recovery_codes", "/me/recovery-codes", Need.SIGNED_IN, ("POST",)),
    Route("begin_connecting", "/me/sign-on/begin", Need.SIGNED_IN),
    Route("connect", "/me/sign-on", Need.SIGNED_IN),
    Route("connected", "/me/sign-on", Need.SIGNED_IN, ("POST",)),
    Route("disconnect", "/me/sign-on/remove", Need.SIGNED_IN, ("POST",)),
    Route("end_session", f"/me/sessions/<{_ID}:session_id>/end", Need.SIGNED_IN, ("POST",)),
    Route("end_other_sessions", "/me/sessions/end", Need.SIGNED_IN, ("POST",)),
    Route("staff", "/staff", _STAFF),
    Route("add_account_page", "/staff/add", _STAFF),
    Route("add_account", "/staff/add", _STAFF, ("POST",)),
    Route("account", _ONE, _ACCOUNT),
    Route("change_account", _ONE, _ACCOUNT, ("POST",)),
    Route("disable_account", f"{_ONE}/disable", _ACCOUNT, ("POST",)),
    Route("enable_account", f"{_ONE}/enable", _ACCOUNT, ("POST",)),
    Route("renew_link", f"{_ONE}/link", _ACCOUNT, ("POST",)),
    Route("end_account_sessions", f"{_ONE}/sessions/end", _ACCOUNT, ("POST",)),
)
BY_ENDPOINT: Final = {route.endpoint: route for route in ROUTES}
