"""Dates as people write them, in Portuguese and in English, and the same in ISO 8601.

No form has two readings: numbers alone are always day first, as in Brazil, and a year of two digits
lies from 1930 to 2029. The day of the week, where a form has it, is right and carries nothing new.
"""

from __future__ import annotations

import datetime
from functools import cache

from olaria.data.base import DataSet, Pair, PairData, Request
from olaria.data.pairs import Drawn, drawn, generated
from olaria.i18n import N_

FIRST, LAST = datetime.date(1930, 1, 1), datetime.date(2029, 12, 31)
NUM_DATES = 12_000
FORMS_PER_DATE = 2
SEED = 0

_MESES = """
    janeiro fevereiro março abril maio junho julho agosto setembro outubro novembro dezembro
"""
_MONTHS = """
    January February March April May June July August September October November December
"""
_DIAS = "segunda-feira terça-feira quarta-feira quinta-feira sexta-feira sábado domingo"
_DAYS = "Monday Tuesday Wednesday Thursday Friday Saturday Sunday"

FORMS = (
    "{dia} de {mês} de {year}",
    "{dia} de {mês} de {yy}",
    "{semana}, {dia} de {mês} de {year}",
    "dia {dia} de {mês} de {year}",
    "{d} {mes} {year}",
    "{d}-{mes}-{yy}",
    "{dd}/{mm}/{year}",
    "{dd}/{mm}/{yy}",
    "{d}/{m}/{year}",
    "{dd}.{mm}.{year}",
    "{month} {d}, {year}",
    "{mon} {d}, {year}",
    "{d} {month} {year}",
    "{weekday}, {month} {d}, {year}",
    "{month} {nth}, {year}",
    "the {nth} of {month}, {year}",
    "{d} {mon} {yy}",
)
"""How a date may stand; the first ten are Portuguese."""


def written(date: datetime.date, form: str) -> str:
    """A date in one of :data:`FORMS`.

    >>> written(datetime.date(1998, 3, 1), "{dia} de {mês} de {year}")
    '1º de março de 1998'
    >>> written(datetime.date(1998, 3, 22), "{weekday}, {month} {nth}, {yy}")
    'Sunday, March 22nd, 98'
    """
    mês, month = _MESES.split()[date.month - 1], _MONTHS.split()[date.month - 1]
    return form.format(
        d=date.day,
        dd=f"{date.day:02}",
        m=date.month,
        mm=f"{date.month:02}",
        yy=f"{date.year % 100:02}",
        year=date.year,
        dia="1º" if date.day == 1 else date.day,
        nth=f"{date.day}{_ending(date.day)}",
        mês=mês,
        mes=mês[:3],
        month=month,
        mon=month[:3],
        semana=_DIAS.split()[date.weekday()],
        weekday=_DAYS.split()[date.weekday()],
    )


def _ending(day: int) -> str:
    """Of an English ordinal: 11th, 12th and 13th are the exceptions."""
    return "th" if 11 <= day <= 13 else {1: "st", 2: "nd", 3: "rd"}.get(day % 10, "th")


def _date(pair: Pair) -> str:
    return pair[1]


def load_dates(request: Request) -> PairData:
    """12,000 different dates drawn with seed 0, each in two forms; held out are dates, in every form."""
    return generated(request.data_set, *_dates())


@cache
def _dates() -> Drawn:
    import torch

    draws = torch.Generator().manual_seed(SEED)
    num_days = (LAST - FIRST).days + 1
    days = torch.randperm(num_days, generator=draws)[:NUM_DATES].tolist()
    forms = torch.rand(NUM_DATES, len(FORMS), generator=draws).argsort(1)[:, :FORMS_PER_DATE]
    pairs = []
    for day, chosen in zip(days, forms.tolist(), strict=True):
        date = FIRST + datetime.timedelta(day)
        pairs += [(written(date, FORMS[form]), date.isoformat()) for form in chosen]
    # Two forms of one date may read the same (11/11/1998 with and without zeros).
    return drawn(list(dict.fromkeys(pairs)), _date)


DATES = DataSet(
    name="dates",
    title=N_("Dates as people write them in Portuguese and English, and in ISO 8601"),
    kind="pairs",
    load=load_dates,
    citation="",
    licence="CC0 1.0",
)
