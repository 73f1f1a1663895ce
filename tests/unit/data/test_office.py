"""Documents that are no plain text: Word and PDF are read, others say how to save them."""

from __future__ import annotations

import io
import sys
import zipfile
from pathlib import Path
from typing import Any

import pytest
from PIL import ImageFile

from olaria.data import DataConfig, TextData, documents, load
from olaria.data.mending import mend
from olaria.errors import DataError

WORD = "http://schemas.openxmlformats.org/wordprocessingml/2006/main"
MARKUP = "http://schemas.openxmlformats.org/markup-compatibility/2006"


def read(path: Path, **settings: Any) -> TextData:
    data = load(path, DataConfig.parse({"name": str(path), **settings}))
    assert isinstance(data, TextData)
    return data


def docx(body: str, declared: str = "", part: str = "word/document.xml") -> bytes:
    """The smallest Word document of some paragraphs."""
    stream = io.BytesIO()
    with zipfile.ZipFile(stream, "w", zipfile.ZIP_DEFLATED) as packed:
        packed.writestr("[Content_Types].xml", "<Types/>")
        packed.writestr(
            part,
            f'<?xml version="1.0"?>{declared}<w:document xmlns:w="{WORD}" xmlns:mc="{MARKUP}">'
            f"<w:body>{body}</w:body></w:document>",
        )
    return stream.getvalue()


BODY = """<w:p><w:pPr><w:tabs><w:tab w:val="left"/></w:tabs></w:pPr>
<w:r><w:t>O olei</w:t></w:r><w:r><w:t>ro &amp; a</w:t><w:tab/><w:t>roda</w:t></w:r></w:p>
<w:p><w:r><w:t>fim</w:t><w:br/><w:t>mesmo</w:t></w:r><w:del><w:r><w:delText>não</w:delText></w:r></w:del>
<w:moveFrom><w:r><w:t>não</w:t></w:r></w:moveFrom>
<mc:AlternateContent><mc:Choice><w:r><w:t>!</w:t></w:r></mc:Choice>
<mc:Fallback><w:r><w:t>!</w:t></w:r></mc:Fallback></mc:AlternateContent></w:p>"""


@pytest.mark.parametrize("part", ["word/document.xml", "word/document2.xml"])
def test_the_paragraphs_of_a_word_document(tmp_path: Path, part: str) -> None:
    (tmp_path / "a.docx").write_bytes(docx(BODY, part=part))
    assert read(tmp_path / "a.docx").text == "O oleiro & a\troda\nfim\nmesmo!\n"


@pytest.mark.parametrize(
    "content",
    [
        b"",
        b"\xd0\xcf\x11\xe0 an old one",
        docx("<w:p>"),
        docx("<w:p/>", part="other.xml"),
        docx("<w:p>&a;</w:p>", '<!DOCTYPE x [<!ENTITY a "&b;"><!ENTITY b SYSTEM "/etc/passwd">]>'),
        docx("<w:p>&#0;</w:p>"),
    ],
)
def test_a_damaged_word_document_is_one_line(tmp_path: Path, content: bytes) -> None:
    (tmp_path / "a.docx").write_bytes(content)
    with pytest.raises(DataError, match=r"a\.docx is not a sound \.docx"):
        read(tmp_path / "a.docx")


def test_a_word_document_that_swells_is_refused(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(documents, "MAX_XML_BYTES", 1000)
    (tmp_path / "a.docx").write_bytes(docx("<w:p/>" * 10_000))
    with pytest.raises(DataError, match="not a sound"):
        read(tmp_path / "a.docx")


def test_what_printing_leaves_is_mended_and_counted() -> None:
    pages = [
        "CENA 1\nO ﬁm é só o co\u00ad\nmeço, moça. Um guarda-chuva\n1.",
        "CENA 2\nA ro\u00adda\u00a0gira cons-\ntruindo, o guarda-\nchuva OLEI-\nRO\n2.",
        "CENA 3\nRio-\nSul, em\n1984\x00\n3.",
    ]
    text, counts = mend(pages)
    assert text == (
        "CENA 1\nO fim é só o começo,\nmoça. Um guarda-chuva\n\n"
        "CENA 2\nA roda gira construindo,\no guarda-chuva\nOLEIRO\n\n\nCENA 3\nRio-\nSul, em\n1984"
    )
    assert counts == {
        "numbers": 3, "soft": 2, "ligatures": 1, "blanks": 1, "words": 3, "controls": 1
    }  # fmt: skip


@pytest.mark.parametrize("numbers", [("1984", "o fim"), ("12", "7"), ("7", "7")])
def test_a_number_that_does_not_count_on_is_text(numbers: tuple[str, str]) -> None:
    pages = [f"página de texto\n{number}" for number in numbers]
    assert mend(pages) == (
        "\n\n".join(pages),
        {"soft": 0, "ligatures": 0, "blanks": 0, "controls": 0},
    )


@pytest.fixture
def pdf(monkeypatch: pytest.MonkeyPatch) -> bytes:
    """Four pages with numbers, a ligature, a word cut at the end of a line and a non-breaking space."""
    pytest.importorskip("pypdf")
    # The library lets cut images pass, in the whole process; not beyond this test.
    monkeypatch.setattr(ImageFile, "LOAD_TRUNCATED_IMAGES", False)
    weasyprint = pytest.importorskip("weasyprint")
    page = "<p>CENA {n} O ﬁm é só o co-<br>meço&nbsp;da roda</p>"
    style = (
        "<style>@page{size:A6;@bottom-center{content:counter(page)}} p{break-after:page}</style>"
    )
    made: bytes = weasyprint.HTML(
        string=style + "".join(page.format(n=n) for n in "ABC")
    ).write_pdf()
    return made


def test_the_pages_of_a_pdf(tmp_path: Path, pdf: bytes) -> None:
    (tmp_path / "roteiro.pdf").write_bytes(pdf)
    data = read(tmp_path / "roteiro.pdf")
    assert data.text == "\n\n".join(f"CENA {n} O fim é só o começo\nda roda" for n in "ABC")
    assert data.notes[0].text().startswith("taken out of PDF documents: 3 page numbers, 3 hyphens")


def test_documents_are_read_where_nothing_is_plainer(tmp_path: Path) -> None:
    (tmp_path / "a.docx").write_bytes(docx(BODY))
    (tmp_path / "b.docx").write_bytes(docx(BODY.replace("fim", "outro fim")))
    assert read(tmp_path).num_documents == 2
    (tmp_path / "c.txt").write_text("o texto puro\n", "utf-8")
    data = read(tmp_path)
    assert (data.text, data.num_documents) == ("o texto puro\n", 1)
    assert "2 files of another kind" in data.notes[0].text()


def test_a_damaged_locked_or_scanned_pdf_is_one_line(tmp_path: Path, pdf: bytes) -> None:
    import pypdf

    path = tmp_path / "a.pdf"
    for content in (b"", b"%PDF-1.4", pdf[: len(pdf) // 2]):
        path.write_bytes(content)
        with pytest.raises(DataError, match=r"a\.pdf is not a sound PDF"):
            read(path)
    locked, scanned = (pypdf.PdfWriter() for _ in range(2))
    locked.append(io.BytesIO(pdf))
    locked.encrypt("x", algorithm="RC4-128")
    locked.write(path)
    with pytest.raises(DataError, match="locked with a password"):
        read(path)
    scanned.add_blank_page(100, 100)
    scanned.write(path)
    with pytest.raises(DataError, match="no text in it"):
        read(path)


def test_a_pdf_that_takes_too_long_is_given_up(
    tmp_path: Path, pdf: bytes, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(documents, "MAX_PDF_SECONDS", 0.0)
    (tmp_path / "a.pdf").write_bytes(pdf)
    with pytest.raises(DataError, match="longer than 0 s"):
        read(tmp_path / "a.pdf")


def test_without_the_library_a_pdf_says_what_to_install(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(sys.modules, "pypdf", None)
    (tmp_path / "a.pdf").write_bytes(b"%PDF-1.4")
    with pytest.raises(DataError, match=r"pip install 'olaria\[documents\]'"):
        read(tmp_path / "a.pdf")


@pytest.mark.parametrize(
    ("name", "remedy"),
    [
        ("livro.epub", "Calibre"),
        ("messages.html", "JSON"),
        ("carta.rtf", "LibreOffice"),
        ("carta.odt", "LibreOffice"),
        ("carta.doc", "LibreOffice"),
        ("livro.MOBI", "Calibre"),
        ("planilha.xlsx", r"save it as \.csv"),
        ("train.feather", r"save it as \.csv"),
        ("legendas.RAR", r"pack it as a \.zip"),
        ("corpus.tar.gz", r"pack it as a \.zip"),
    ],
)
def test_other_documents_say_how_to_save_them(tmp_path: Path, name: str, remedy: str) -> None:
    (tmp_path / name).write_bytes(b"x")
    for path in (tmp_path, tmp_path / name):
        with pytest.raises(DataError, match=f"{name} is .*{remedy}"):
            read(path)


def test_plain_text_that_was_printed_stays_as_it_is(tmp_path: Path) -> None:
    text = "CENA 1\n\u00a0O ﬁm é só o co\u00ad\nmeço\n1.\x0c" * 5
    (tmp_path / "a.txt").write_text(text, "utf-8")
    data = read(tmp_path / "a.txt")
    assert data.text == text
    assert "form feeds: 5" in data.notes[0].text()
