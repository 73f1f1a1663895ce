"""Data sets by name, and the user's own files by path.

The names load on first use, so that whoever needs :mod:`olaria.data.config` alone, as a recipe does, loads no more.

>>> from olaria.data import DATASETS
>>> "mnist" in DATASETS
True
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

_PUBLIC = {
    "DATASETS": "loading",
    "AnyData": "base",
    "DataConfig": "config",
    "DataSet": "base",
    "DownloadProgress": "base",
    "ImageData": "base",
    "Images": "base",
    "PairData": "base",
    "PointData": "base",
    "TextData": "base",
    "load": "loading",
}

__all__ = [
    "DATASETS",
    "AnyData",
    "DataConfig",
    "DataSet",
    "DownloadProgress",
    "ImageData",
    "Images",
    "PairData",
    "PointData",
    "TextData",
    "load",
]

if TYPE_CHECKING:
    from olaria.data.base import (
        AnyData,
        DataSet,
        DownloadProgress,
        ImageData,
        Images,
        PairData,
        PointData,
        TextData,
    )
    from olaria.data.config import DataConfig
    from olaria.data.loading import DATASETS, load


def __getattr__(name: str) -> Any:
    if name not in _PUBLIC:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(import_module(f"{__name__}.{_PUBLIC[name]}"), name)


def __dir__() -> list[str]:
    return sorted(__all__)
