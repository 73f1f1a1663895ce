"""What ``olaria sample`` does with runs that neither draw images from noise nor go on with a text."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

from olaria.cli import options
from olaria.cli.shell import Shell
from olaria.errors import UsageError
from olaria.i18n import N_

if TYPE_CHECKING:
    from olaria.runs import Run


def only_points(run: Run, drawing: dict[str, Any], prompt: str | None, for_images: bool) -> None:
    """Points are drawn from noise alone: what would have no effect is an error."""
    words = [f"--{name.replace('_', '-')}" for name in drawing]
    words += ["--prompt"] * (prompt is not None) + ["--mode, --class"] * for_images
    if words:
        raise UsageError(
            N_("run {name} draws points: it takes -n, --seed and --out; leave out {words}"),
            name=run.name,
            words=", ".join(words),
        )


def points(
    shell: Shell,
    run: Run,
    count: int | None,
    common: dict[str, Any],
    out: str | None,
    overwrite: bool,
    as_json: bool,
) -> None:
    """Draw points, write their picture or their table, and name the file."""
    from olaria.workflows.generate import refuse_overwriting
    from olaria.workflows.other_samples import sample_points, save_points

    if out is not None:
        refuse_overwriting(Path(out), overwrite)
    drawn = sample_points(run, count=count or 2000, **common)
    path = options.free_path(f"{run.name}-samples", ".png") if out is None else Path(out)
    save_points(drawn, path, overwrite=overwrite)
    if as_json:
        shape = [*drawn.points.shape]
        shell.json({"format": 1, "run": run.name, "path": str(path), "shape": shape})
    else:
        shell.path(path)


def only_painting(run: Run, drawing: dict[str, Any], for_images: bool) -> None:
    """Codes are drawn at a temperature and no more: what would have no effect is an error."""
    words = [f"--{name.replace('_', '-')}" for name in drawing if name != "temperature"]
    words += ["--mode, --class"] * for_images
    if words:
        raise UsageError(
            N_("run {name} paints codes: it takes -n and --temperature; leave out {words}"),
            name=run.name,
            words=", ".join(words),
        )


def only_translating(
    run: Run, drawing: dict[str, Any], mode: str | None, count: str | None
) -> None:
    """A translation is searched for, not drawn: what would have no effect is an error."""
    words = [f"--{name.replace('_', '-')}" for name in drawing]
    words += ["--mode"] * (mode is not None) + ["-n"] * (count is not None)
    if words:
        raise UsageError(
            N_("run {name} translates: it takes --prompt and --beam; leave out {words}"),
            name=run.name,
            words=", ".join(words),
        )


def translation(
    shell: Shell,
    run: Run,
    prompt: str,
    beam: int,
    asked: dict[str, Any],
    out: str | None,
    overwrite: bool,
    as_json: bool,
) -> None:
    """Translate one text, and show it or write it."""
    from olaria.sampling.translation import DecodingConfig
    from olaria.workflows.generate import refuse_overwriting, save_text
    from olaria.workflows.translate import translate_texts

    config = DecodingConfig.parse({"beam": beam})
    if out is not None:
        refuse_overwriting(Path(out), overwrite)
    (text,) = translate_texts(run, [prompt], config=config, **asked)
    if out is not None:
        save_text(text + "\n", Path(out), overwrite=overwrite)
    if as_json:
        shell.json({"format": 1, "run": run.name, "prompt": prompt, "text": text, "path": out})
    elif out is not None:
        shell.path(Path(out))
    else:
        shell.piece(text + "\n")
