"""Exported chats: who said what, with the time of each message or without."""

from __future__ import annotations

import io
import json
import zipfile
from pathlib import Path
from typing import Any

import pytest
from PIL import Image

from olaria.data import DataConfig, ImageData, TextData, load
from olaria.errors import UsageError

IPHONE = (
    "\u200e[12/03/2024, 21:05:31] Olaria: \u200eAs mensagens são protegidas.\r\n"
    "[12/03/2024, 9:05:33\u202fPM] Ana: oi\r\n"
    "\u200e[12/03/2024, 21:05:40] Zé 🏺: \u200e<Mídia oculta>\r\n"
    "[12/03/2024, 21:06:01] Zé 🏺: duas\r\nlinhas: aqui\r\n"
    "[12/03/2024, 21:07:00] Ana: image omitted"
)
ANDROID = (
    "12/03/2024 21:04 - As mensagens e as chamadas são protegidas.\n"
    "12/03/2024 21:05 - Ana: oi\n"
    "12/03/2024 21:05 - Ana: IMG-1.jpg (arquivo anexado)\n"
    "12/03/2024 21:06 - Zé 🏺: duas\nlinhas: aqui\n"
)
SAID = "Ana: oi\nZé 🏺: duas\nlinhas: aqui\n"


def read(path: Path, **settings: Any) -> TextData:
    data = load(path, DataConfig.parse({"name": str(path), **settings}))
    assert isinstance(data, TextData)
    return data


@pytest.mark.parametrize(
    ("text", "said"),
    [
        (IPHONE, SAID),
        (ANDROID, SAID),
        (
            "3/12/24, 9:05 PM - Ana: oi\n3/12/24, 9:06 PM - +55 11 9: olá\n",
            "Ana: oi\n+55 11 9: olá\n",
        ),
        (
            "2024-03-12, 9:05 p.\u00a0m. - Ana: oi\n2024-03-12, 9:06 a.m. - Zé: é\n",
            "Ana: oi\nZé: é\n",
        ),
        ("[12.03.24, 21:05:33] Ana: oi\n[12.03.24, 21:06:33] Zé: é\n", "Ana: oi\nZé: é\n"),
        ("[21:05, 12/03/2024] Ana: oi\n[21:06, 12/03/2024] Zé: é\n", "Ana: oi\nZé: é\n"),
        ("12/03/2024 às 21:05 - Ana: oi\n12/03/2024 às 21:06 - Zé: é\n", "Ana: oi\nZé: é\n"),
        ("12/03/2024 à 21:05 - Ana: oi\n12/03/2024 à 21:06 - Zé: é\n", "Ana: oi\nZé: é\n"),
        ("12/3/24 a las 9:05 - Ana: oi\n12/3/24 a las 9:06 - Zé: é\n", "Ana: oi\nZé: é\n"),
        ("12.3.2024 klo 21.05 - Ana: oi\n12.3.2024 klo 21.06 - Zé: é\n", "Ana: oi\nZé: é\n"),
        (
            "[12/3/24, 9:05:03\u202fPM] ~\u202fAna: oi\n[12/3/24, 9:06:03\u202fPM] ~\u00a0Zé: é\n",
            "Ana: oi\nZé: é\n",
        ),
        (
            "[12/03/2024, 21:05:33] Ana: \u200eimagem ocultada\n[12/03/2024, 21:05:34] Ana: Bild oculto?\n"
            "[12/03/2024, 21:06:33] Zé: \u200eBild weggelassen\n"
            "[12/03/2024, 21:06:34] Zé: \u200eENQUETE:\nvamos?\n",
            "Ana: Bild oculto?\nZé: ENQUETE:\nvamos?\n",
        ),
    ],
)
def test_times_are_dropped_on_request_and_senders_stay(
    tmp_path: Path, text: str, said: str
) -> None:
    path = tmp_path / "chat.txt"
    path.write_bytes(text.encode())
    assert read(path, times="drop").text == said
    kept = read(path)
    assert kept.text == text.replace("\r\n", "\n"), "letter for letter"
    assert "times=drop" in kept.notes[0].text()
    assert "messages" in read(path, times="drop").notes[0].text()


@pytest.mark.parametrize(
    "text",
    [
        "Em 12/03/2024 21:05 - Ana: disse oi.\n" * 9,
        "12/03/2024 21:05 - Ana: uma vez só\n",
        "12/03/2024 21:05 - Ana: oi\n12/03/2024 21:06 - Ana: oi\n" + "um romance\n" * 900,
    ],
)
def test_a_text_with_a_time_in_it_is_no_chat(tmp_path: Path, text: str) -> None:
    path = tmp_path / "a.txt"
    path.write_text(text, "utf-8")
    assert read(path).notes == ()
    with pytest.raises(UsageError, match=r"times has no effect on a\.txt"):
        read(path, times="drop")


def test_what_lies_beside_a_chat_was_sent_in_it(tmp_path: Path) -> None:
    stream = io.BytesIO()
    Image.new("L", (4, 4)).save(stream, "PNG")
    for name, text in (("_chat.txt", IPHONE), ("Conversa do WhatsApp com Ana.txt", ANDROID)):
        path = tmp_path / "x.zip"
        with zipfile.ZipFile(path, "w") as packed:
            packed.writestr(name, text)
            for number in range(5):
                packed.writestr(f"IMG-{number}.png", stream.getvalue())
            packed.writestr("PTT-1.opus", b"OggS")
            packed.writestr("nota.pdf", b"%PDF-1.4")
            packed.writestr("nota.docx", b"PK")
        data = read(path)
        assert [note.text()[:8] for note in data.notes[:2]] == ["5 files ", "3 files "]
        assert "Ana: oi" in data.text
        assert isinstance(load(path, wanted="images"), ImageData)


def telegram() -> dict[str, Any]:
    """A chat as Telegram Desktop exports it."""
    day = "2024-03-12T21:05:33"
    return {
        "name": "Olaria",
        "type": "private_group",
        "id": 7,
        "messages": [
            {"id": 1, "type": "service", "date": day, "actor": "Ana", "action": "x", "text": ""},
            {"id": 2, "type": "message", "date": day, "from": "Ana", "text": "oi"},
            {"id": 3, "type": "message", "date": day, "from": "Zé", "photo": "a.jpg", "text": ""},
            {
                "id": 4,
                "type": "message",
                "date": day,
                "from": None,
                "from_id": "user7",
                "text": ["veja ", {"type": "link", "text": "http://a"}, " já"],
            },
        ],
    }


@pytest.mark.parametrize("whole_account", [False, True])
def test_telegrams_json_is_read_as_a_chat(tmp_path: Path, whole_account: bool) -> None:
    chat = {"about": "…", "chats": {"list": [telegram()]}} if whole_account else telegram()
    (tmp_path / "result.json").write_text(json.dumps(chat), "utf-8")
    for number in range(3):
        Image.new("L", (4, 4)).save(tmp_path / f"{number}.png")
    data = read(tmp_path)
    assert data.text == (
        "[2024-03-12 21:05:33] Ana: oi\n[2024-03-12 21:05:33] user7: veja http://a já\n"
    )
    assert read(tmp_path, times="drop").text == "Ana: oi\nuser7: veja http://a já\n"
    notes = [note.text() for note in data.notes]
    assert notes[0].startswith("3 files of images were left out")
    assert notes[1].startswith("exported chats: 1, with 2 messages of 2 people")
    assert notes[2].startswith("messages left out")


def test_a_setting_without_effect_is_an_error() -> None:
    for name in ("digits", "toy-language", "reverse"):
        with pytest.raises(UsageError, match="times has no effect"):
            load(name, DataConfig(name=name, times="drop"))
