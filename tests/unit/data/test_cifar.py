"""CIFAR-10's binary version, made small: the layout, the archive, and what is refused."""

from __future__ import annotations

import hashlib
import io
import tarfile
from dataclasses import replace
from pathlib import Path

import pytest
import torch

from olaria.data import cifar, package_index
from olaria.data.base import DataSet, File, Request
from olaria.data.cifar import CIFAR10, RECORD_BYTES, read_records
from olaria.data.config import DataConfig
from olaria.data.pip_config import PipConfig
from olaria.errors import IntegrityError, SourceError
from olaria.workflows.data_folders import where


def record(label: int, red: int, green: int, blue: int) -> bytes:
    """One image of a single colour."""
    return bytes([label]) + bytes([red]) * 1024 + bytes([green]) * 1024 + bytes([blue]) * 1024


def small() -> tuple[DataSet, bytes]:
    """The data set with files of four records each, and the archive that holds them."""
    contents = {
        name: b"".join(record(i, 10 * number, 20, i) for i in range(4))
        for number, name in enumerate(cifar.HASHES)
    }
    packed = io.BytesIO()
    with tarfile.open(fileobj=packed, mode="w:gz") as made:
        for name, content in contents.items():
            member = tarfile.TarInfo(cifar.TAR_FOLDER + name)
            member.size = len(content)
            made.addfile(member, io.BytesIO(content))
    files = tuple(
        File(name, len(content), hashlib.sha256(content).hexdigest())
        for name, content in contents.items()
    )
    return replace(CIFAR10, files=files), packed.getvalue()


@pytest.fixture(autouse=True)
def _places(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("OLARIA_HOME", str(tmp_path / "home"))
    monkeypatch.setenv("OLARIA_MIRROR", str(tmp_path / "mirror"))
    monkeypatch.setattr(package_index, "read_pip_config", lambda: PipConfig(no_index=True))


def test_a_record_is_a_label_and_three_planes() -> None:
    images = read_records([record(3, 1, 2, 3), record(9, 4, 5, 6)])
    assert images.x.shape == (2, 3, 32, 32)
    assert images.x.dtype == torch.uint8
    assert images.x[1].amax((1, 2)).tolist() == images.x[1].amin((1, 2)).tolist() == [4, 5, 6]
    assert images.y is not None
    assert images.y.tolist() == [3, 9]


def test_rows_run_before_columns() -> None:
    plane = bytes(i // 32 for i in range(1024))
    images = read_records([bytes([0]) + plane * 3])
    assert images.x[0, 0, :, 0].tolist() == list(range(32))
    assert images.x[0, 2, 5].tolist() == [5] * 32


def test_cut_records_and_foreign_labels_are_refused() -> None:
    with pytest.raises(IntegrityError, match=str(RECORD_BYTES)):
        read_records([record(0, 0, 0, 0)[:-1]])
    with pytest.raises(IntegrityError, match="200 is not a valid label"):
        read_records([record(200, 0, 0, 0)])


def test_the_published_archive_in_a_mirror_is_unpacked_and_kept(tmp_path: Path) -> None:
    data_set, packed = small()
    folder = tmp_path / "mirror" / "cifar10"
    folder.mkdir(parents=True)
    (folder / "cifar-10-binary.tar.gz").write_bytes(packed)
    request = Request(data_set, DataConfig(name="cifar10"), offline=True)
    data = cifar.load(request)
    assert (data.source, data.shape, data.num_classes) == ("mirror", (3, 32, 32), 10)
    assert [len(part.x) for part in (data.train, data.validation, data.test)] == [18, 2, 4]
    (folder / "cifar-10-binary.tar.gz").unlink()
    assert cifar.load(request).source == "cache"
    assert cifar.load(request).sha256 == data.sha256


def test_an_archive_that_lacks_a_file_is_refused(tmp_path: Path) -> None:
    data_set, packed = small()
    more = replace(data_set, files=(*data_set.files, File("data_batch_6.bin", 1, "0" * 64)))
    folder = tmp_path / "mirror" / "cifar10"
    folder.mkdir(parents=True)
    (folder / "cifar-10-binary.tar.gz").write_bytes(packed)
    with pytest.raises(SourceError, match=r"lacks data_batch_6\.bin"):
        cifar.load(Request(more, DataConfig(name="cifar10"), offline=True))


def test_it_is_told_where_the_archive_is_published() -> None:
    addresses = [file["addresses"] for file in where("cifar10")["files"]]
    assert len(addresses) == 6
    assert all(one[0].endswith("/cifar-10-binary.tar.gz") for one in addresses)


def test_an_archive_with_other_pixels_is_refused(tmp_path: Path) -> None:
    data_set, packed = small()
    wrong = replace(data_set, files=(replace(data_set.files[0], sha256="0" * 64),))
    folder = tmp_path / "mirror" / "cifar10"
    folder.mkdir(parents=True)
    (folder / "cifar-10-binary.tar.gz").write_bytes(packed)
    with pytest.raises(SourceError, match="wrong content"):
        cifar.load(Request(wrong, DataConfig(name="cifar10"), offline=True))
