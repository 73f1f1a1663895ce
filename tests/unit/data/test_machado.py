"""The Portuguese novel that the package carries."""

from __future__ import annotations

import lzma
from pathlib import Path

import pytest

from olaria.data import load, machado
from olaria.errors import IntegrityError
from olaria.workflows import demo


def test_it_is_the_novel_whole_and_needs_no_network() -> None:
    data = load("machado", offline=True)
    assert (data.source, data.sha256, data.licence) == ("bundled", machado.SHA256, "public domain")
    text = data.train + data.validation
    assert len(text) == 355_559 and 0.89 < len(data.train) / len(text) < 0.91
    assert text.startswith("Memórias Póstumas de Brás Cubas\n")
    assert "não transmiti a nenhuma criatura o legado da nossa miséria." in data.validation
    assert text.rstrip().endswith("FIM") and "Gutenberg" not in text
    assert {"ã", "ç", "é"} < set(text) and "\r" not in text


def test_another_text_in_its_place_is_refused(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "texts").mkdir()
    (tmp_path / "texts" / "bras-cubas.txt.xz").write_bytes(lzma.compress(b"another"))
    monkeypatch.setattr(machado.resources, "files", lambda package: tmp_path)
    with pytest.raises(IntegrityError, match=r"bras-cubas.txt.xz .* is damaged"):
        load("machado")


def test_the_portuguese_demo_learns_from_it() -> None:
    assert demo.TEXTS["pt"][0] == "machado"
    assert demo.TEXTS["en"][0] == "tiny-shakespeare"
