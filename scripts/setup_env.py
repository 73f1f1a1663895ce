"""Make the environment: ``python scripts/setup_env.py`` (``make setup``). Standard library only.

``--help`` lists the options; each has its target in the Makefile, which nobody needs. The steps are in
``setup_steps.py``: this file must be read by every older Python, to tell it what is wrong.
"""

import json
import os
import subprocess
import sys

if sys.version_info < (3, 11):
    words, python = sys.argv[1:], "3.12"
    wheels = os.environ.get("OLARIA_WHEELS", "")
    if "--wheels" in words[:-1]:
        wheels = words[words.index("--wheels") + 1]
    here = {"dar": "mac"}.get(sys.platform[:3], sys.platform[:3])  # linux and linux-arm, windows
    try:
        # Wheels from a stick serve the Pythons on their list and no other (setup_wheels.py).
        with open(os.path.join(wheels, "olaria-wheels.json")) as listed:
            found = json.load(listed)["targets"]
        python = [str(one["python"]) for one in found if one["system"][:3] == here][-1]
    except (IOError, ValueError, LookupError, TypeError):  # noqa: UP024, no stick; an OSError since 3.3
        pass
    command = ["python" + python, "scripts/setup_env.py"]
    if os.name == "nt":
        command = ["py", "-" + python, "scripts\\setup_env.py"]
    command.extend(words)
    other = subprocess.list2cmdline(command)
    if os.environ.get("MAKELEVEL"):
        other = "PYTHON=python" + python
    again, outra = "run: ", "rode: "
    if other.startswith("PYTHON="):
        again, outra = "run the same command with ", "rode o mesmo comando com "
    told = (sys.version_info[0], sys.version_info[1])
    said = [os.environ.get(name, "") for name in ("OLARIA_LANG", "LC_ALL", "LC_MESSAGES", "LANG")]
    if ([value.strip() for value in said if value.strip()] or [""])[0][:2].lower() == "pt":
        text = "erro: a Olaria precisa do Python 3.11 ou mais novo e este tem a versao %d.%d; "
        sys.exit(text % told + outra + other)
    text = "error: Olaria needs Python 3.11 or newer and this is %d.%d; "
    sys.exit(text % told + again + other)

from setup_steps import main

if __name__ == "__main__":
    sys.exit(main())
