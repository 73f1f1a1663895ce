"""Make the environment: ``python scripts/setup_env.py`` (``make setup``). Standard library only.

``--help`` lists the options; each has its target in the Makefile, which nobody needs. The steps are in
``setup_steps.py``: this file must be read by every older Python, to tell it what is wrong.
"""

import os
import sys

if sys.version_info < (3, 11):
    other = "make setup PYTHON=python3.12"
    if os.name == "nt":
        other = "py -3.12 scripts\\setup_env.py"
    told = (sys.version_info[0], sys.version_info[1], other)
    said = [os.environ.get(name, "") for name in ("OLARIA_LANG", "LC_ALL", "LC_MESSAGES", "LANG")]
    if ([value.strip() for value in said if value.strip()] or [""])[0][:2].lower() == "pt":
        sys.exit(
            "erro: a Olaria precisa do Python 3.11 ou mais novo e este tem a versao %d.%d; indique outro: %s"
            % told
        )
    sys.exit("error: Olaria needs Python 3.11 or newer and this is %d.%d; name another: %s" % told)

from setup_steps import main

if __name__ == "__main__":
    sys.exit(main())
