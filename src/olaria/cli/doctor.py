"""``olaria doctor``."""

from __future__ import annotations

import typer

from olaria.cli.options import Json
from olaria.cli.shell import Shell
from olaria.i18n import N_, Message

HELP = N_("Show the environment, and what to mend in it.")


def doctor(ctx: typer.Context, as_json: Json = False) -> None:
    """Show the environment."""
    shell: Shell = ctx.obj

    from olaria.workflows.doctor import doctor as examine

    shell.use_threads()
    found = examine()
    if as_json:
        shell.json(found)
        return
    machine = found["machine"]
    memory = machine["memory_bytes"]
    shell.facts(
        [
            *((name, version) for name, version in machine["versions"].items()),
            (shell.text(N_("system")), shell.measure(machine["system"])),
            (shell.text(N_("processor")), shell.measure(machine["cpu"])),
            (shell.text(N_("cores")), shell.measure(machine["num_cpus"])),
            (shell.text(N_("threads used")), shell.measure(machine["num_threads"])),
            (shell.text(N_("memory")), "–" if memory is None else shell.size(memory)),
            (
                shell.text(N_("bfloat16 in hardware")),
                shell.measure(machine["bfloat16_in_hardware"]),
            ),
            (shell.text(N_("C++ compiler")), shell.measure(machine["compiler"])),
            (shell.text(N_("graphics processor")), shell.measure(machine["gpu"])),
            (shell.text(N_("runs are in")), shell.measure(found["runs"])),
            (shell.text(N_("free space there")), shell.size(found["free_bytes"])),
            *((name, shell.measure(value)) for name, value in found["variables"].items()),
            *(
                (shell.text(N_("extra {name}"), name=name), shell.measure(is_there))
                for name, is_there in found["extras"].items()
            ),
        ]
    )
    for advice in found["advice"]:
        shell.line(shell.text(N_("advice: {text}"), text=Message.from_json(advice)))
    if not found["advice"]:
        shell.line(shell.text(N_("all is well")))
