"""What a recipe says of its data; read without NumPy, Pillow or torch.

>>> DataConfig(name="mnist").gray
False
"""

from __future__ import annotations

from pathlib import PureWindowsPath

from pydantic import Field

from olaria.config import Config, PathName
from olaria.vocabulary import (
    ENCODING,
    RESIZE_SIDES,
    TIMES,
    TOKENIZER,
    UNSEEN,
    VOCAB_SIZES,
    Times,
    TokenizerKind,
    Unseen,
)

CODES, LATENTS = "codes:", "latents:"
"""Begin the name of data that are the codes of a run's images, as letters or as latent vectors."""


def coded_name(run: str, prefix: str = CODES) -> str:
    """The name of the data that are the codes of a run's images; see :data:`CODES`."""
    return f"{prefix}{run}"


class DataConfig(Config):
    """Which data, and how the user's own files are read."""

    name: PathName
    """A name of ``olaria data``, or the path of a file, folder or zip."""
    resize: int | None = Field(default=None, ge=RESIZE_SIDES[0], le=RESIZE_SIDES[1])
    """Side in pixels of the square images to make; None keeps their size."""
    gray: bool = False
    """Reduce colour to one channel."""
    leave_out: int | None = Field(default=None, ge=0)
    """A class, from 0, of which nothing is trained on: what is to be found as an anomaly."""
    encoding: str = ENCODING
    """Encoding of text files; decoding is strict."""
    column: str | None = None
    """Column of a ``.csv`` or ``.tsv`` file, by name or number, or of a ``.parquet``; field of JSON records."""
    times: Times = TIMES
    """Times of the messages of an exported chat, which are kept as text or dropped."""
    tokenizer: TokenizerKind = TOKENIZER
    """How text becomes integers."""
    vocab_size: int | None = Field(default=None, ge=VOCAB_SIZES[0], le=VOCAB_SIZES[1])
    """Tokens of the tokenizer ``bpe``: the 256 bytes and the merges; 512 where None."""
    unseen: Unseen = UNSEEN
    """What to do with a character that is not in the alphabet."""

    @property
    def last_name(self) -> str:
        """The name without the folders of a path, whichever system's: for those who have other folders.

        >>> DataConfig(name="/home/ana/texts/ode.txt").last_name, DataConfig(name="codes:/runs/vq").last_name
        ('ode.txt', 'codes:vq')
        """
        place = PureWindowsPath(self.coded_run or self.name)
        return coded_name(place.name, self.code_prefix)

    @property
    def coded_run(self) -> str | None:
        """The run whose images are the data, as codes; None for any other data.

        >>> DataConfig(name="codes:vq-mnist").coded_run, DataConfig(name="latents:ae-mnist").coded_run
        ('vq-mnist', 'ae-mnist')
        """
        return self.name.removeprefix(self.code_prefix) if self.code_prefix else None

    @property
    def code_prefix(self) -> str:
        """What the name of data that are codes begins with; empty for any other data."""
        return next((prefix for prefix in (CODES, LATENTS) if self.name.startswith(prefix)), "")
