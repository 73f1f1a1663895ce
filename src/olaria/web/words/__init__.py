"""What the page says, by the names that its modules use; it travels in the reader's language."""

from __future__ import annotations

from typing import Any

from olaria.data import DATASETS
from olaria.families import MODELS
from olaria.i18n import translate
from olaria.web.words import desk, images, shell, text, training

WORDS = shell.WORDS | training.WORDS | images.WORDS | text.WORDS | desk.WORDS


def words_of(language: str) -> dict[str, Any]:
    """All of them, and what families and data sets are called.

    Args:
        language: the reader's.
    """
    return {
        "format": 1,
        "language": {"pt": "pt-BR"}.get(language, language),
        "words": {name: translate(said, language) for name, said in WORDS.items()},
        "families": {name: translate(one.title, language) for name, one in MODELS.items()},
        "data": [
            {"name": name, "kind": one.kind, "title": translate(one.title, language)}
            for name, one in DATASETS.items()
        ],
    }
