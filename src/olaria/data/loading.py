"""The table of data sets, and how one of them or the user's own files are loaded."""

from __future__ import annotations

import os
from dataclasses import replace
from pathlib import Path

from olaria.characters import encodable
from olaria.data.base import AnyData, DataSet, ImageData, Progress, Request, kind_of
from olaria.data.cifar import CIFAR10
from olaria.data.config import DataConfig
from olaria.data.dates import DATES
from olaria.data.digits import DIGITS
from olaria.data.machado import MACHADO
from olaria.data.mnist import FASHION_MNIST, MNIST
from olaria.data.pairs import PAIR_SUFFIX, REVERSE, TOY_TRANSLATION, load_parquet, load_tsv
from olaria.data.plane import GRID, RING, SPIRAL, load_csv
from olaria.data.shakespeare import SHAKESPEARE, TINY_SHAKESPEARE
from olaria.data.tokenizer import check_vocab_size
from olaria.data.toy_language import TOY_LANGUAGE
from olaria.errors import UsageError, suggestion
from olaria.families.base import Kind
from olaria.i18n import N_
from olaria.storage.paths import user_path

DATASETS: dict[str, DataSet] = {
    data_set.name: data_set
    for data_set in (
        MNIST,
        FASHION_MNIST,
        CIFAR10,
        DIGITS,
        TINY_SHAKESPEARE,
        SHAKESPEARE,
        MACHADO,
        TOY_LANGUAGE,
        REVERSE,
        DATES,
        TOY_TRANSLATION,
        RING,
        GRID,
        SPIRAL,
    )
}
POINT_SUFFIXES = (".csv", ".tsv", ".txt")
IMAGE_SETTINGS = ("resize", "gray", "leave_out")
TEXT_SETTINGS = ("encoding", "column", "times", "tokenizer", "vocab_size", "unseen")


def load(
    name_or_path: str | os.PathLike[str],
    options: DataConfig | None = None,
    *,
    offline: bool = False,
    progress: Progress | None = None,
    wanted: Kind | None = None,
) -> AnyData:
    """A data set by name, or the user's own files by path.

    Args:
        name_or_path: a name of :data:`DATASETS`; else a file, a folder or a zip.
        options: how to read it; the defaults where None.
        offline: open no connection (``OLARIA_OFFLINE=1`` says the same).
        progress: called as a download advances.
        wanted: what a file is read as that could be several kinds: a table may be text, pairs or points.

    Raises:
        UsageError: there is no such name or path.
        SourceError: no source has the data set.
        DataError: the user's files cannot be used.
    """
    name_or_path = os.fspath(name_or_path)
    options = options or DataConfig(name=name_or_path)
    check_vocab_size(options.tokenizer, options.vocab_size)
    if name_or_path in DATASETS:
        data_set = DATASETS[name_or_path]
        _check_options(name_or_path, data_set.kind, options, ("encoding", "column", "times"))
        data = data_set.load(Request(data_set, options, offline, progress))
        if isinstance(data, ImageData) and (options.resize is not None or options.gray):
            from olaria.data.images import adapted

            data = adapted(data, options)
        return _shaped(data, options)
    path = user_path(name_or_path)
    if not os.path.exists(path):
        raise UsageError(
            N_("there is no data set, file or folder named {name}: {hint}"),
            name=name_or_path,
            hint=suggestion(name_or_path, DATASETS),
        )
    data = _own(path, options, wanted)
    return replace(data, name=encodable(data.name), title=encodable(data.title))


def _own(path: Path, options: DataConfig, wanted: Kind | None) -> AnyData:
    """The user's own files."""
    if wanted == "points" and path.suffix.lower() in POINT_SUFFIXES and path.is_file():
        _check_options(path.name, "points", options)
        return load_csv(path)
    is_table = wanted == "text" or (wanted is None and options.column is not None)
    if path.suffix.lower() == PAIR_SUFFIX and path.is_file() and not is_table:
        _check_options(path.name, "pairs", options, ("column", "times"))
        return load_tsv(path, options)
    from olaria.data.parquet_texts import holds_pairs

    if not is_table and holds_pairs(path, wanted):
        _check_options(path.name, "pairs", options, ("column", "times"))
        return load_parquet(path)
    from olaria.data.user import load_path

    data = load_path(path, options, wanted)
    _check_options(path.name, kind_of(data), options)
    return _shaped(data, options)


def _shaped(data: AnyData, options: DataConfig) -> AnyData:
    """Images without the class that is left out, where there is one, as PyTorch takes them; other data as they are."""
    if not isinstance(data, ImageData):
        return data
    from olaria.data.examples import with_examples

    if options.leave_out is not None:
        from olaria.data.images import without_class

        data = without_class(data, options.leave_out)
    return with_examples(data)


def _check_options(
    name: str, kind: str, options: DataConfig, not_here: tuple[str, ...] = ()
) -> None:
    """A setting that would have no effect is an error, not a silence."""
    foreign = {
        "images": TEXT_SETTINGS,
        "points": (*IMAGE_SETTINGS, *TEXT_SETTINGS),
    }.get(kind, IMAGE_SETTINGS)
    for setting in (*foreign, *not_here):
        if getattr(options, setting) != DataConfig.model_fields[setting].default:
            raise UsageError(
                N_("the setting {setting} has no effect on {name}; leave it out"),
                setting=setting,
                name=name,
            )
