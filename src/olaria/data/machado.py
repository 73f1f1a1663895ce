"""Memórias Póstumas de Brás Cubas, by Machado de Assis: a novel in Portuguese that the package carries."""

from __future__ import annotations

import hashlib
import lzma
from importlib import resources

from olaria.data.base import DataSet, Request, TextData
from olaria.errors import IntegrityError
from olaria.i18n import N_

SHA256 = "cab0029c7b7376eaf145786fe83041429329fcbacc5a459f4d9b219a8f0bd0d4"
"""Of the text in UTF-8: today's spelling, the line ends of Unix, nothing but the novel and its dedication."""
_FOLDER, _FILE = "texts", "bras-cubas.txt.xz"


def load(request: Request) -> TextData:
    """The novel; its first 90% of characters train.

    Raises:
        IntegrityError: the file of this installation is another one.
    """
    from olaria.data.split import split_text

    data_set = request.data_set
    packed = resources.files(__package__).joinpath(_FOLDER, _FILE).read_bytes()
    content = lzma.decompress(packed)
    if hashlib.sha256(content).hexdigest() != SHA256:
        raise IntegrityError(
            N_("{file} of this installation is damaged: install Olaria again"), file=_FILE
        )
    train, validation = split_text(content.decode("utf-8"))
    return TextData(
        name=data_set.name,
        title=data_set.title,
        train=train,
        validation=validation,
        source="bundled",
        sha256=SHA256,
        citation=data_set.citation,
        licence=data_set.licence,
    )


MACHADO = DataSet(
    name="machado",
    title=N_("Machado de Assis: Memórias Póstumas de Brás Cubas, in Portuguese; no network needed"),
    kind="text",
    load=load,
    citation="J. M. Machado de Assis. Memórias Póstumas de Brás Cubas, 1881.",
    licence=N_("public domain"),
)
