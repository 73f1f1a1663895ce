"""Without its extra, the studio says in one line what to install."""

from __future__ import annotations

import sys

import pytest

from olaria.cli.main import main


@pytest.mark.parametrize("name", ["uvicorn", "fastapi"])
def test_the_studio_says_what_to_install(
    name: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    for module in [one for one in sys.modules if one.startswith(("olaria.web.app", name))]:
        monkeypatch.delitem(sys.modules, module)
    if name == "fastapi":
        pytest.importorskip("uvicorn")
    monkeypatch.setitem(sys.modules, name, None)
    with pytest.raises(SystemExit) as ended:
        sys.exit(main(["studio", "--no-browser", "--port", "0"]))
    shown = capsys.readouterr().err
    assert ended.value.code == 2
    assert shown.count("\n") == 1 and name in shown and "pip install 'olaria[studio]'" in shown
