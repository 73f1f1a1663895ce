"""``olaria doctor``."""

from __future__ import annotations

from olaria.cli.shell import Shell
from olaria.cli.verb import Verb
from olaria.i18n import N_, Message
from olaria.workflows.doctor import DoctorRequest, doctor
from olaria.workflows.requests import Document


def _do(shell: Shell, request: DoctorRequest) -> Document:
    shell.use_threads()
    found: Document = doctor(request)
    return found


def _show(shell: Shell, found: Document) -> None:
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
            (shell.text(N_("trains on")), shell.measure(found["device"])),
            (shell.text(N_("runs are in")), shell.measure(found["runs"])),
            (shell.text(N_("free space there")), shell.size(found["free_bytes"])),
            (shell.text(N_("mirror")), shell.measure(found["mirror"])),
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


VERB = Verb(DoctorRequest, _do, _show)
