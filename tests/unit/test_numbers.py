from __future__ import annotations

import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from olaria.numbers import Number, format_number, format_scientific, format_significant

DIGITS = dict(zip("⁻⁰¹²³⁴⁵⁶⁷⁸⁹", "-0123456789", strict=True))


def read(text: str, language: str) -> float:
    """The number that a reader of the language sees."""
    if language == "pt":
        text = text.translate(str.maketrans(",.", ".,"))
    text = text.replace(",", "").replace("−", "-")
    factor, _, power = text.partition("·10")
    return float(f"{factor}e{''.join(DIGITS[sign] for sign in power) or 0}")


@pytest.mark.parametrize(
    ("value", "language", "digits", "text"),
    [
        (1234567.891, "en", 2, "1,234,567.89"),
        (1234567.891, "pt", 2, "1.234.567,89"),
        (-0.5, "en", 1, "\N{MINUS SIGN}0.5"),
        (-1234.5, "pt", 1, "\N{MINUS SIGN}1.234,5"),
        (86.0, "pt", 0, "86"),
    ],
)
def test_format_number(value: float, language: str, digits: int, text: str) -> None:
    assert format_number(value, language, digits) == text


@pytest.mark.parametrize("language", ["en", "pt"])
@pytest.mark.parametrize("value", [-0.0, -1e-300, -0.00004, -0.004])
def test_a_zero_is_never_below_zero(value: float, language: str) -> None:
    for digits in (0, 1, 2):
        assert set(format_number(value, language, digits)) <= set("0,.")
    assert Number(value, 2).text(language) in ("0.00", "0,00")
    assert format_number(-0.006, "en", 2) == "\N{MINUS SIGN}0.01"


@pytest.mark.parametrize(
    ("value", "english", "portuguese"),
    [
        (1.283e-13, "1.283·10⁻¹³", "1,283·10⁻¹³"),
        (-1.283e-13, "−1.283·10⁻¹³", "−1,283·10⁻¹³"),
        (2.5e-7, "2.5·10⁻⁷", "2,5·10⁻⁷"),
        (1e-300, "1·10⁻³⁰⁰", "1·10⁻³⁰⁰"),
        (5e-324, "4.941·10⁻³²⁴", "4,941·10⁻³²⁴"),
        (9.9994e-6, "9.999·10⁻⁶", "9,999·10⁻⁶"),
        (9.9996e-6, "0.00001", "0,00001"),  # as 1e-5, to which it is rounded
        (1e-5, "0.00001", "0,00001"),
        (-1.2345e-5, "−0.00001234", "−0,00001234"),
        (0.0, "0", "0"),
        (-0.0, "0", "0"),
        (1_234.5678, "1,235", "1.235"),
    ],
)
def test_a_small_number_has_a_power_of_ten_in_place_of_zeros(
    value: float, english: str, portuguese: str
) -> None:
    assert format_significant(value) == Number(value).text() == english
    assert format_significant(value, "pt") == Number(value).text("pt") == portuguese


@given(st.floats(allow_nan=False, allow_infinity=False), st.sampled_from(["en", "pt"]))
def test_four_digits_are_told_whatever_the_size(value: float, language: str) -> None:
    text = format_significant(value, language)
    assert read(text, language) == pytest.approx(value, rel=5.001e-4, abs=1e-323)
    assert not re.search("[.,]00000", text) or abs(value) >= 1
    assert (value == 0) == (text == "0")


@pytest.mark.parametrize("zero", [0, 0.0, -0.0])
def test_nothing_has_no_power_of_ten(zero: float) -> None:
    assert [format_scientific(zero, "pt", digits) for digits in (None, 0, 1)] == ["0"] * 3


@given(st.floats(1e-300, 1e300), st.integers(0, 6))
def test_a_factor_has_the_digits_that_were_asked_for(value: float, digits: int) -> None:
    factor, _, power = format_scientific(value, "en", digits).partition("·10")
    assert 1 <= float(factor) < 10 and len(factor) == 1 + bool(digits) + digits
    assert read(f"{factor}·10{power}", "en") == pytest.approx(value, rel=0.501 * 10.0**-digits)
