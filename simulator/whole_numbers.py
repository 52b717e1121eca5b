"""Whole numbers in requests and in URLs."""

DIGITS_MAX = 9


def whole_number(text: str, default: int) -> int:
    """The number that ASCII digits write; `default` for any other text, and for a number that is longer than any here.

    `isdigit` alone is true of superscripts, which `int` does not read.
    """
    is_number = text.isascii() and text.isdigit() and len(text) <= DIGITS_MAX
    return int(text) if is_number else default
