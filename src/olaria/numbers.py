"""Numbers in the reader's notation: decimal mark, separators, minus sign, and powers of ten for what is very small."""

from __future__ import annotations

import math
from dataclasses import dataclass

_LEAST_POWER = -5
"""Of ten: what is smaller would be a long row of zeros."""
_SUPERSCRIPTS = str.maketrans("-0123456789", "⁻⁰¹²³⁴⁵⁶⁷⁸⁹")


@dataclass(frozen=True)
class Number:
    """A number that is still to be written in the reader's notation, such as one in a sentence.

    Args:
        value: the number.
        digits: of its fraction; four significant digits where None.

    >>> Number(0.5).text("pt"), Number(0.5, 2).text("pt")
    ('0,5', '0,50')
    """

    value: float
    digits: int | None = None

    def text(self, language: str = "en") -> str:
        """See :func:`format_number` and :func:`format_significant`."""
        if self.digits is None or not math.isfinite(self.value):
            return format_significant(self.value, language)
        return format_number(self.value, language, self.digits)

    def __format__(self, form: str) -> str:
        """The value in a form of the sentence's own, as of ``{seconds:g}``."""
        return format(self.value, form)


def format_number(value: float, language: str = "en", digits: int = 2) -> str:
    """``value`` with ``digits`` decimals and the language's separators; never a zero below zero.

    >>> format_number(1234.5, "pt", 1), format_number(-0.00001, "en", 4)
    ('1.234,5', '0.0000')
    """
    text = f"{value:z,.{digits}f}"  # z: what is rounded to nothing has no sign
    if language == "pt":
        text = text.translate(str.maketrans(",.", ".,"))
    return text.replace("-", "\N{MINUS SIGN}")


def format_significant(value: float, language: str = "en") -> str:
    """``value`` with four significant digits, less the zeros at its end; below 0.00001 in size by a power of ten.

    >>> format_significant(0.012345), format_significant(100.0), format_significant(float("nan"))
    ('0.01235', '100', '—')
    >>> format_significant(1.283e-13, "pt"), format_significant(0.00001)
    ('1,283·10⁻¹³', '0.00001')
    """
    if not math.isfinite(value):
        return "—" if math.isnan(value) else "∞" if value > 0 else "\N{MINUS SIGN}∞"
    if _parts(value, 3)[1] < _LEAST_POWER:
        return format_scientific(value, language)
    magnitude = math.floor(math.log10(abs(value))) if value else 0
    digits = max(0, 3 - magnitude)
    while digits and round(value, digits) == round(value, digits - 1):
        digits -= 1
    return format_number(value, language, digits)


def format_scientific(value: float, language: str = "en", digits: int | None = None) -> str:
    """A finite number as a factor of at least 1 and less than 10, times a power of ten; 0 has neither.

    Args:
        value: the number.
        language: of the reader.
        digits: of the factor's fraction; up to three, less the zeros at its end, where None.

    >>> format_scientific(2.5e-7), format_scientific(-0.04, "pt"), format_scientific(3e-7, "pt", 1)
    ('2.5·10⁻⁷', '−4·10⁻²', '3,0·10⁻⁷')
    """
    if value == 0:
        return "0"
    factor, power = _parts(value, 3 if digits is None else digits)
    return f"{Number(factor, digits).text(language)}·10{str(power).translate(_SUPERSCRIPTS)}"


def _parts(value: float, digits: int) -> tuple[float, int]:
    """The factor, rounded to ``digits`` decimals, and the power of ten."""
    factor, power = f"{value:.{digits}e}".split("e")
    return float(factor), int(power)
