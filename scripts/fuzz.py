"""Give the readers of strangers' files anything: each answers, or refuses with an error of Olaria's own.

    python scripts/fuzz.py TARGET [--seconds 600]      with atheris, guided by the branches that a file reaches
    python scripts/fuzz.py --list

The same targets meet hypothesis in tests/property/test_fuzz.py. ``pip install atheris`` is left to whoever
runs this: the package is large, and no test depends on it.
"""

from __future__ import annotations

import argparse
import hashlib
import io
import json
import struct
import sys
import tempfile
import zipfile
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from functools import cache, partial
from importlib import import_module
from pathlib import Path
from typing import Any

import fuzz_runs as runs

LARGEST = 4096
"""Bytes of a file that is tried."""


@dataclass(frozen=True)
class Target:
    """A reader, and files that it takes, to begin from."""

    read: Callable[[bytes], object]
    seeds: Callable[[], list[bytes]]


@cache
def _folder() -> Path:
    """Where files lie whose reader wants a path; in memory where the system has such a place."""
    memory = Path("/dev/shm")
    return Path(tempfile.mkdtemp(prefix="olaria-fuzz-", dir=memory if memory.is_dir() else None))


# -- data -----------------------------------------------------------------------------------------


def read_idx(content: bytes) -> None:
    """As labels and as images, packed or not."""
    from olaria.data.archives import gunzip
    from olaria.data.formats import read_idx as read
    from olaria.errors import IntegrityError

    for dimensions in (1, 3):
        with suppress(IntegrityError):
            read(content, dimensions, "file")
    with suppress(IntegrityError):
        gunzip(content, 1 << 16, "file")


def _idx_seeds() -> list[bytes]:
    import gzip

    images = struct.pack(">HBB3I", 0, 8, 3, 1, 2, 2) + b"abcd"
    return [struct.pack(">HBBI", 0, 8, 1, 2) + b"ab", images, gzip.compress(images)]


def read_image(content: bytes) -> None:
    """As the images of a class folder, some of them sound."""
    from olaria.data.config import DataConfig
    from olaria.data.entries import Entry
    from olaria.data.images import load_images
    from olaria.errors import DataError

    sound = _picture("PNG")
    contents = [content, sound, sound, sound, sound]
    entries = [
        Entry(f"a/{number}.png", len(own), partial(bytes, own))
        for number, own in enumerate(contents)
    ]
    with suppress(DataError):
        load_images(Path("folder"), entries, DataConfig(name="folder", resize=4))


@cache
def _picture(kind: str) -> bytes:
    from PIL import Image

    stream = io.BytesIO()
    Image.new("RGB", (6, 6), (1, 2, 3)).save(stream, kind)
    return stream.getvalue()


def read_text(content: bytes) -> None:
    """As each kind of text; the first byte chooses which."""
    from olaria.data.config import DataConfig
    from olaria.data.entries import Entry
    from olaria.data.plane import load_csv
    from olaria.data.text import load_text
    from olaria.errors import DataError, UsageError

    kinds = (".txt", ".csv", ".jsonl", ".srt", ".tsv")
    kind = kinds[content[0] % len(kinds)] if content else ".txt"
    entry = Entry(f"a{kind}", len(content), lambda: content[1:])
    with suppress(DataError, UsageError):
        load_text(Path(f"a{kind}"), [entry], DataConfig(name="a"))
    path = _folder() / "points.csv"
    path.write_bytes(content[1:])
    with suppress(DataError):
        load_csv(path)


def _text_seeds() -> list[bytes]:
    return [
        b"\x00" + "maçã e mamão\r\n".encode() * 3,
        b'\x01a,b\n1,"x, y"\n2,z\n',
        b'\x02{"text": "um"}\n{"text": "dois"}\n',
        b"\x031\n00:00:01,000 --> 00:00:02,000\nOl\xc3\xa1!\n\n",
        b"\x00" + "olá".encode("utf-16"),
        b"\x01" + b"1,5;2\n" * 60,
    ]


COLUMNS = (None, "fala", "1", "messages")
"""What is asked for of a table; its first byte chooses."""


def read_table(content: bytes) -> None:
    """As ``.csv`` and ``.tsv``: every text has something in it, and what is said of the rest is a sentence."""
    from olaria.data.tables import csv_column

    for name in ("a.csv", "a.tsv"):
        _read_column(csv_column, name, content)


def _table_seeds() -> list[bytes]:
    rows = 'id;fala\r\n1;"um; ""dois"""\r\n2;três\r\n;\r\n'
    texts = [
        rows,
        "sep=;\r\n" + rows,
        rows.replace(";", ","),
        rows.replace(";", "\t"),
        rows.replace("\r\n", "\r"),
        rows.replace("\r\n", ";\r\n"),
        '"a fala (texto, tom)";fala;fala\n"uma\nlinha";1,5;x\n',
        "label,pixel0,pixel1\n" + "5,0,255\n" * 5,
        "fala\nOlá, mundo\n",
    ]
    return [bytes([place]) + text.encode() for text in texts for place in range(len(COLUMNS))]


def read_records(content: bytes) -> None:
    """As ``.jsonl`` and ``.json``, as :func:`read_table`."""
    from olaria.data.records import json_column

    for name in ("a.jsonl", "a.json"):
        _read_column(json_column, name, content)


def _record_seeds() -> list[bytes]:
    chat = [{"role": "user", "content": "oi"}, {"role": "x", "content": None}]
    values: list[Any] = [{"fala": "um"}, {"fala": None}, {"messages": chat}, {"1": 2.5}]
    lines = "".join(json.dumps(value) + "\r\n" for value in values)
    texts = [lines, json.dumps(values, indent=1), '["um", null, "dois"]', json.dumps(values[2:3])]
    return [bytes([place]) + text.encode() for text in texts for place in range(len(COLUMNS))]


def _read_column(read: Callable[..., list[str]], name: str, content: bytes) -> None:
    from olaria.errors import OlariaError
    from olaria.i18n import Message

    text = content[1:].decode("utf-8", "replace")
    column = COLUMNS[content[0] % len(COLUMNS)] if content else None
    notes: list[Message] = []
    try:
        texts = read(name, text, column, notes)
    except OlariaError as error:
        said = [error.message]
    else:
        assert all(one.strip() for one in texts)
        said = notes
    for language in ("en", "pt"):
        assert all("\n" not in one.text(language) for one in said)


def read_subtitles(content: bytes) -> None:
    """As subtitles of each kind: every line that is kept says something."""
    from olaria.data.subtitles import spoken

    text = content.decode("utf-8", "replace")
    for whole in (text, "WEBVTT\n\n" + text, "[Script Info]\n[Events]\n" + text):
        said = spoken(whole)
        assert all(line.strip() for line in said.text.split("\n")[:-1])
        assert 0 <= said.share_left_out <= 1


def _subtitle_seeds() -> list[bytes]:
    texts = (
        "1\n00:00:01,000 --> 00:00:02,000 X1:1\n<i>Olá</i>\n\n2\n0:0:3-->0:0:4\n{\\an8}7\n",
        "NOTE a\n\nSTYLE\n::cue {}\n\nname\n0:01.0 --> 0:02.0 line:1\n<v.a Ana>a &amp; b<0:01.5>\n",
        "0:00:01.000,0:00:04.000\nOlá\n7\n",
        "Format: Start, Text\nDialogue: 0:01,{\\i1}Olá, tu\\Nfim{\\p1}m 0 0\n",
    )
    return [text.encode() for text in texts]


def read_chat(content: bytes) -> None:
    """As a chat of WhatsApp and of Telegram, with its times and without."""
    from olaria.data.chats import telegram, whatsapp

    text = content.decode("utf-8", "replace")
    for read in (whatsapp, telegram):
        kept, dropped = read(text, "keep"), read(text, "drop")
        assert (kept is None) == (dropped is None)
        if kept is not None and dropped is not None:
            assert kept.senders == dropped.senders


def _chat_seeds() -> list[bytes]:
    phone = "\u200e[12/03/2024, 9:05\u202fPM] Ana: \u200e<Mídia oculta>\n[1/2/24, 21:05:33] Zé: oi\nlá\n"
    other = "12/03/2024 21:05 - Ana: oi\n12/03/2024 às 9:05 p. m. - Zé: a.jpg (arquivo anexado)\n"
    day = {"id": 1, "type": "message", "date": "2024-03-12T21:05:33"}
    pieces = ["a", {"type": "link", "text": "b"}]
    messages = [{**day, "from": "Ana", "text": "oi"}, {**day, "from_id": "u", "text": pieces}]
    account = {"chats": {"list": [{"messages": messages}]}}
    documents = (json.dumps(one) for one in ({"messages": messages}, account))
    return [text.encode() for text in (phone, other, *documents)]


def read_docx(content: bytes) -> None:
    """As a Word document, and as the XML inside one."""
    import zipfile

    from olaria.data.documents import read_docx as read
    from olaria.errors import DataError

    stream = io.BytesIO()
    with zipfile.ZipFile(stream, "w") as packed:
        packed.writestr("word/document.xml", content)
    for file in (content, stream.getvalue()):
        with suppress(DataError):
            read(file, "a.docx")


def _docx_seeds() -> list[bytes]:
    import zipfile

    space = "http://schemas.openxmlformats.org/wordprocessingml/2006/main"
    run = "<w:r><w:t>Olá &amp; tu</w:t><w:tab/><w:br/></w:r><w:del><w:r><w:t>x</w:t></w:r></w:del>"
    xml = f'<w:document xmlns:w="{space}"><w:p><w:tabs/>{run}</w:p></w:document>'.encode()
    declared = b'<!DOCTYPE a [<!ENTITY b "c">]>' + xml.replace(b"&amp;", b"&b;")
    stream = io.BytesIO()
    with zipfile.ZipFile(stream, "w", zipfile.ZIP_DEFLATED) as packed:
        packed.writestr("word/document.xml", xml)
    return [xml, declared, stream.getvalue()]


def read_arrays(content: bytes) -> None:
    """As a file of arrays; the first byte chooses which."""
    from olaria.data.config import DataConfig
    from olaria.data.user import load_path
    from olaria.errors import DataError

    path = _folder() / ("a.npz" if content[:1] > b"\x7f" else "a.npy")
    path.write_bytes(content[1:])
    with suppress(DataError):
        load_path(path, DataConfig(name="a"))


def _array_seeds() -> list[bytes]:
    import numpy as np

    images = np.arange(80, dtype=np.uint8).reshape(5, 4, 4)
    seeds = []
    for values in (images, images[..., None] / 255, images.reshape(40, 2) / 9):
        plain, packed = io.BytesIO(), io.BytesIO()
        np.save(plain, values)
        np.savez(packed, x=values, y=np.arange(len(values)))
        seeds += [b"\0" + plain.getvalue(), b"\xff" + packed.getvalue()]
    return seeds


def read_archive(content: bytes) -> None:
    """As a zip with a zip in it; or, by the first byte, as the names in a sound one."""
    from olaria.data.entries import find_entries, inside_zips
    from olaria.data.names import plain_name
    from olaria.data.parts import organise
    from olaria.errors import DataError

    path = _folder() / "names.zip"
    kind, raw = content[0] if content else 0, content[1:].split(b"\n")
    path.write_bytes(content[1:] if kind < 4 else _zip_of(raw, flags=kind & 8, system=kind & 3))
    with suppress(DataError):
        entries = find_entries(path)
        entries = inside_zips(path, entries) if kind & 1 else entries
        names = {entry.name for entry in entries}
        assert len(names) == len(entries)
        for entry in entries:
            assert entry.name == plain_name(entry.name) and entry.name.encode()
            assert entry.name[0] != "/" and not {"..", "\\"} & {*entry.name, *entry.name.split("/")}
            with suppress(DataError):
                entry.read()
        assert organise([*names]).parts.keys() == names


def _zip_of(names: list[bytes], *, flags: int = 0, system: int = 3) -> bytes:
    """A zip with files of these very names, which :mod:`zipfile` does not write (its specification, 4.3)."""
    members, listing = b"", b""
    for name in names:
        about = struct.pack("<HHHHHIIIHH", 20, flags << 8, 0, 0, 0, 0, 0, 0, len(name), 0)
        listing += struct.pack("<4sBB", b"PK\1\2", 20, system) + about
        listing += struct.pack("<HHHII", 0, 0, 0, 0, len(members)) + name
        members += b"PK\3\4" + about + name
    counts = (len(names), len(names), len(listing), len(members))
    end = struct.pack("<4sHHHHIIH", b"PK\5\6", 0, 0, *counts, 0)
    return members + listing + end


def _archive_seeds() -> list[bytes]:
    names = "a/0.png tr/maçã/1.png b\\x.png __MACOSX/._1 ../x C:/y val/a.b/c.png".encode().split()
    inner = io.BytesIO()
    with zipfile.ZipFile(inner, "w") as made:
        made.writestr("deep.zip", _zip_of(names[:2]))
    alone = [bytes([kind]) + name for kind in (4, 7, 8, 15) for name in names]
    return [b"\4" + b"\n".join(names[:2]), b"\1" + inner.getvalue(), *alone]


def read_numbers(content: bytes) -> None:
    """As a table of pixels or IDX images, and as a table of the classes of pictures beside it."""
    from olaria.data.config import DataConfig
    from olaria.data.user import load_path
    from olaria.errors import DataError, UsageError

    alone, beside = _folder() / "alone", _folder() / "beside"
    for folder in (alone, beside):
        folder.mkdir(exist_ok=True)
    for number in range(6):
        (beside / f"{number}.png").write_bytes(_picture("PNG"))
    for path in (alone / "train.csv", alone / "train-images-idx3-ubyte", beside / "train.csv"):
        path.write_bytes(content)
        with suppress(DataError, UsageError):
            load_path(path.parent, DataConfig(name="a"), "images")
        path.unlink()


def _number_seeds() -> list[bytes]:
    rows = "\n".join(",".join(str(i * j % 256) for j in range(50)) for i in range(8))
    named = "label," + ",".join(f"p{i}" for i in range(49))
    classes = "file_name,label\n" + "".join(f"{i}.png,{i % 2}\n" for i in range(6))
    images = struct.pack(">HBB3I", 0, 8, 3, 4, 2, 2) + bytes(16)
    return [rows.encode(), f"{named}\n{rows}".encode(), classes.encode(), images]


# -- runs -----------------------------------------------------------------------------------------


def read_recipe(content: bytes) -> None:
    """As recipe.json, and as a setting of the command line."""
    from olaria.errors import ConfigError, StorageError, UsageError
    from olaria.recipes import Recipe, preset
    from olaria.storage.files import read_document

    path = _folder() / "recipe.json"
    path.write_bytes(content)
    with suppress(StorageError, ConfigError):
        Recipe.parse(read_document(path), "recipe.json")
    with suppress(UsageError):
        preset("vae-mnist", "tiny").with_settings([content.decode("utf-8", "surrogateescape")])


def _recipe_seeds() -> list[bytes]:
    from olaria.recipes import PRESETS, preset

    dumps = (preset(name, "tiny").model_dump(mode="json") for name in PRESETS)
    return [json.dumps(dump).encode() for dump in dumps] + [b"model.latent=4", b"model.hidden=[4]"]


@cache
def _checkpoint(name: str) -> tuple[Path, bytes]:
    """A folder of its own for each target, and the sound manifest."""
    import torch

    from olaria.storage.checkpoint import MANIFEST, save_checkpoint

    folder = _folder() / name
    save_checkpoint(folder, {"model": {"w": torch.ones(2)}}, {"format": 1, "step": 1})
    return folder, (folder / MANIFEST).read_bytes()


def read_manifest(content: bytes) -> None:
    """As manifest.json of a checkpoint."""
    from olaria.errors import StorageError
    from olaria.storage.checkpoint import load_checkpoint

    folder, _ = _checkpoint("manifest")
    (folder / "manifest.json").write_bytes(content)
    with suppress(StorageError):
        load_checkpoint(folder)


def _manifest_seeds() -> list[bytes]:
    return [_checkpoint("manifest")[1]]


def read_tensors(content: bytes) -> None:
    """As tensors that the manifest vouches for."""
    from olaria.errors import StorageError
    from olaria.storage.checkpoint import load_checkpoint
    from olaria.storage.files import json_text

    folder, sound = _checkpoint("tensors")
    (folder / "model.safetensors").write_bytes(content)
    manifest: dict[str, Any] = json.loads(sound)
    digest = hashlib.sha256(content).hexdigest()
    manifest["files"]["model.safetensors"] = {"size_bytes": len(content), "sha256": digest}
    (folder / "manifest.json").write_text(json_text(manifest))
    with suppress(StorageError):
        load_checkpoint(folder, ("model",))


def _tensor_seeds() -> list[bytes]:
    import torch
    from safetensors.torch import save

    return [save({"w": torch.ones(2), "b": torch.ones(1, 2).bfloat16()}, {"about": "x"}), save({})]


TARGETS = {
    "idx": Target(read_idx, _idx_seeds),
    "image": Target(
        read_image, lambda: [_picture(kind) for kind in ("PNG", "JPEG", "BMP", "GIF", "WEBP")]
    ),
    "text": Target(read_text, _text_seeds),
    "table": Target(read_table, _table_seeds),
    "records": Target(read_records, _record_seeds),
    "subtitles": Target(read_subtitles, _subtitle_seeds),
    "chat": Target(read_chat, _chat_seeds),
    "docx": Target(read_docx, _docx_seeds),
    "arrays": Target(read_arrays, _array_seeds),
    "archive": Target(read_archive, _archive_seeds),
    "numbers": Target(read_numbers, _number_seeds),
    "recipe": Target(read_recipe, _recipe_seeds),
    "manifest": Target(read_manifest, _manifest_seeds),
    "tensors": Target(read_tensors, _tensor_seeds),
    "run": Target(lambda content: runs.read_run(_folder(), content), lambda: runs.seeds(_folder())),
}


def main() -> None:
    """Run a target for some time; atheris prints how many files it tried."""
    parser = argparse.ArgumentParser(description=__doc__.split("\n\n")[0])
    parser.add_argument("target", nargs="?", choices=TARGETS)
    parser.add_argument("--seconds", type=int, default=600)
    parser.add_argument("--list", action="store_true")
    chosen = parser.parse_args()
    if chosen.list or chosen.target is None:
        print("\n".join(TARGETS))
        return
    atheris = import_module("atheris")  # not among the packages that are locked

    target = TARGETS[chosen.target]
    with atheris.instrument_imports(include=["olaria"]):
        target.read(b"")
    seeds = _folder() / "seeds"
    seeds.mkdir()
    for number, seed in enumerate(target.seeds()):
        (seeds / str(number)).write_bytes(seed)
    limits = [f"-max_total_time={chosen.seconds}", f"-max_len={LARGEST}", "-rss_limit_mb=4096"]
    atheris.Setup([sys.argv[0], *limits, str(seeds)], target.read)
    atheris.Fuzz()


if __name__ == "__main__":
    main()
