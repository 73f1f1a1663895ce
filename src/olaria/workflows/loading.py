"""Data for Python, as a training reads it."""

from __future__ import annotations

import os
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from olaria.errors import UsageError
from olaria.families.base import Kind
from olaria.i18n import N_
from olaria.vocabulary import UNSEEN, Times, TokenizerKind, Unseen
from olaria.workflows.requests import AnyData, Request, forms, setting
from olaria.workflows.requests.common import (
    column_setting,
    encoding_setting,
    gray_setting,
    reading_of,
    resize_setting,
    times_setting,
    tokenizer_setting,
    vocab_size_setting,
)
from olaria.workflows.warned import warn

if TYPE_CHECKING:
    from olaria.data.base import AnyData as Loaded
    from olaria.data.base import Progress
    from olaria.data.config import DataConfig


@dataclass(frozen=True, kw_only=True)
class LoadRequest(Request):
    """What ``load_data`` takes: data, and the settings by which a training reads them."""

    data: AnyData = setting(N_("a data set, or your images or text"), positional=True)
    wanted: Kind | None = setting(N_("what a table is read as"), default=None)
    encoding: str | None = encoding_setting()
    tokenizer: TokenizerKind | None = tokenizer_setting()
    vocab_size: int | None = vocab_size_setting()
    unseen: Unseen | None = setting(
        N_("what to do with an unknown character"), default=None, unless=UNSEEN
    )
    resize: int | None = resize_setting()
    gray: bool = gray_setting()
    leave_out: int | None = setting(N_("a class, from 0, to leave out"), default=None, least=0)
    column: str | None = column_setting()
    times: Times | None = times_setting()


def load_data(
    name_or_path: Any,
    options: DataConfig | None = None,
    *,
    offline: bool = False,
    progress: Progress | None = None,
    **settings: Any,
) -> Loaded:
    """A data set by name, or your own data; what should be known of how they were read is a warning.

    Args:
        name_or_path: a name of ``olaria data``, a path, or data as :func:`olaria.train` takes them.
        options: how to read it, all at once; or, one by one,
        **settings: ``resize``, ``gray``, ``leave_out``, ``encoding``, ``column``, ``tokenizer``, ``vocab_size``,
            ``unseen`` and ``times`` as of ``olaria train``, and ``wanted``: ``text``, ``pairs``, ``points`` or
            ``images`` where a file could be several.
        offline: open no connection.
        progress: called as a download advances.

    Raises:
        OlariaError: in one line, what is wrong and what to do.
    """
    from olaria.data import DataConfig, load
    from olaria.data.given import keep_data
    from olaria.workflows.given import is_data

    request = LoadRequest.of(data=name_or_path, **settings)
    reading = reading_of(request)
    if options is not None and (reading or not isinstance(options, DataConfig)):
        raise UsageError(
            N_("{path} cannot be {value}: {reason}"),
            path="options",
            value=forms.shown(options),
            reason=N_("give a DataConfig, or its settings by their names"),
        )
    place = os.fspath(keep_data(request.data) if is_data(request.data) else request.data)
    config = options or DataConfig.parse({"name": place, **reading})
    data = load(place, config, offline=offline, progress=progress, wanted=request.wanted)
    for note in data.notes:
        warn(note)
    return data
