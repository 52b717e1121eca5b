"""Values out of JSON that somebody wrote: a mistake is told in the words of the JSON."""

import types
from collections.abc import Mapping, Sequence
from dataclasses import MISSING, fields
from typing import Any, TypeVar, Union, get_args, get_origin, get_type_hints

T = TypeVar("T")

MOST = 1_000_000_000  # of seconds, that is 31 years; JSON has numbers that no clock can count

_WORDS = {
    str: "text",
    bool: "true or false",
    int: "a whole number",
    float: "a number",
    dict: "an object",
    type(None): "null",
}


def made(kind: type[T], what: str, given: object, **more: Any) -> T:
    """An instance of a dataclass, out of an object of JSON and of `more`, which is not checked.

    Raises ValueError that names `what` was given, and the key that is unknown, missing or of a wrong kind, or whose
    value the class itself refuses.
    """
    about = an_object(what, given)
    known = {each.name: each for each in fields(kind)}  # type: ignore[arg-type]  # a dataclass, which has no type
    takes = [name for name in known if name not in more]
    check_names(what, about, takes)
    for name in takes:
        is_needed = known[name].default is MISSING and known[name].default_factory is MISSING
        if is_needed and name not in about:
            raise ValueError(f"{what}: {name} is missing")
    hints = get_type_hints(kind)
    for name, value in about.items():
        if not _fits(hints[name], value):
            raise ValueError(f"{what}: {name} is to be {_wanted(hints[name])}, not {value!r}")
    try:
        return kind(**about, **more)
    except ValueError as error:
        raise ValueError(f"{what}: {error}") from error


def an_object(what: str, given: object) -> dict[str, Any]:
    """A copy. Raises ValueError for anything but an object of JSON."""
    if not isinstance(given, Mapping):
        raise ValueError(f"{what}: an object is expected, not {given!r}")
    return dict(given)


def texts(what: str, given: object) -> dict[str, str]:
    """A copy; nothing is an empty object. Raises ValueError for anything but an object of texts."""
    about = an_object(what, {} if given is None else given)
    if wrong := [name for name, value in about.items() if not isinstance(value, str)]:
        raise ValueError(f"{what}: {wrong[0]} is to be text, not {about[wrong[0]]!r}")
    return about


def a_list(what: str, given: object) -> list[Any]:
    """A copy; nothing is an empty list. Raises ValueError for anything but a list of JSON."""
    if given is None:
        return []
    if not isinstance(given, list | tuple):
        raise ValueError(f"{what}: a list is expected, not {given!r}")
    return list(given)


def check_names(what: str, given: Mapping[str, Any], names: Sequence[str]) -> None:
    """Raises ValueError for a key that is not one of the names: a misspelt setting must not be silent."""
    if unknown := sorted(set(given) - set(names)):
        raise ValueError(f"{what}: there is no {', '.join(unknown)}, but {', '.join(names)}")


def _fits(hint: Any, value: object) -> bool:
    if get_origin(hint) in (Union, types.UnionType):
        return any(_fits(each, value) for each in get_args(hint))
    if hint in (type(None), None):
        return value is None
    if get_origin(hint) is dict:
        return isinstance(value, dict)
    if hint is float:
        return isinstance(value, int | float) and not isinstance(value, bool) and abs(value) <= MOST
    if hint is int:
        return isinstance(value, int) and not isinstance(value, bool) and abs(value) <= MOST
    return isinstance(value, hint) if hint in (str, bool) else value is not None


def _wanted(hint: Any) -> str:
    kinds = get_args(hint) if get_origin(hint) in (Union, types.UnionType) else (hint,)
    return " or ".join(_WORDS.get(get_origin(kind) or kind, "something else") for kind in kinds)
