"""Completion of words in the shell: the script that asks this program what may follow, for each shell."""

from __future__ import annotations

from dataclasses import dataclass

from olaria.i18n import N_
from olaria.vocabulary import Shell
from olaria.workflows.requests import Document, Request, setting
from olaria.workflows.requests.verbs import verb

ASKED = "_OLARIA_COMPLETE"
"""The variable that names the shell that asks. The words up to the cursor are the command's own.

The first line of the answer is ``files`` where a path may stand too, else ``words``; each other line is a word, a tab
and what it means.
"""

_BASH = r"""# Completion of olaria in bash. This keeps it:
#   mkdir -p ~/.local/share/bash-completion/completions
#   olaria completion bash > ~/.local/share/bash-completion/completions/olaria
# and so does this line in ~/.bashrc, where bash-completion is not installed:
#   eval "$(olaria completion bash)"
_olaria() {
    local IFS=$'\n' kind="" line
    COMPREPLY=()
    while read -r line; do
        if [[ -z $kind ]]; then kind=$line; else COMPREPLY+=("${line%%$'\t'*}"); fi
    done < <(@ASKED@=bash "${COMP_WORDS[0]/#\~/$HOME}" "${COMP_WORDS[@]:1:COMP_CWORD}" 2>/dev/null)
    if [[ $kind == files ]]; then compopt -o default 2>/dev/null; fi
    return 0
}
complete -F _olaria olaria
"""
_ZSH = r"""#compdef olaria
# Completion of olaria in zsh. This keeps it, FOLDER being one of $fpath:
#   olaria completion zsh > FOLDER/_olaria
# and so does this line in ~/.zshrc:
#   eval "$(olaria completion zsh)"
_olaria() {
    local -a lines found
    local line word
    lines=("${(@f)$(@ASKED@=zsh ${~words[1]} "${(@Q)words[2,CURRENT]}" 2>/dev/null)}")
    for line in "${(@)lines[2,-1]}"; do
        word=${line%%$'\t'*}
        found+=("${word//:/\\:}:${line#*$'\t'}")
    done
    if (( $#found )); then _describe -V olaria found && return; fi
    [[ ${lines[1]} == files ]] && _files
}
if [[ ${funcstack[1]} == _olaria ]]; then
    _olaria "$@"
else
    (( $+functions[compdef] )) || { autoload -Uz compinit && compinit -D }
    compdef _olaria olaria
fi
"""
_FISH = r"""# Completion of olaria in fish. This keeps it:
#   mkdir -p ~/.config/fish/completions
#   olaria completion fish > ~/.config/fish/completions/olaria.fish
function __olaria_complete
    set -l words (commandline -opc)
    set -l current (commandline -ct)
    set -l lines (env @ASKED@=fish $words "$current" 2>/dev/null)
    if test (count $lines) -gt 1
        printf '%s\n' $lines[2..-1]
    else if test "$lines[1]" = files
        __fish_complete_path "$current"
    end
end
complete -c olaria -f -a '(__olaria_complete)'
"""
_SCRIPTS: dict[Shell, str] = {"bash": _BASH, "zsh": _ZSH, "fish": _FISH}


@dataclass(frozen=True, kw_only=True)
class CompletionRequest(Request):
    """What ``completion`` takes."""

    summary = N_("Print the script that lets a shell complete verbs, options and names.")

    shell: Shell = setting(
        N_("which shell; the script's first lines say where to keep it"),
        metavar=N_("SHELL"),
        positional=True,
    )


@verb(CompletionRequest)
def completion(request: CompletionRequest) -> Document:
    """The script of a shell. No file is touched: whoever wants it puts it where the shell looks."""
    script = _SCRIPTS[request.shell].replace("@ASKED@", ASKED)
    return Document(format=1, shell=request.shell, script=script)
