"""The scripts that shells read; each asks `enctest completion --words` for every word."""

from __future__ import annotations

from typing import Final

BASH: Final = r"""# enctest and enctest-tui in bash: eval "$(enctest completion bash)"
_enctest_complete() {
    local line="${COMP_LINE:0:COMP_POINT}" word="${2}" value
    local IFS=$'\n' found
    found=($(enctest completion --line "$line" 2>/dev/null))
    COMPREPLY=()
    # Bash takes : and = for the ends of words, and replaces what stands behind the last of them.
    local whole="${line##*[[:space:]]}" before=""
    case "$whole" in *[:=]*) [[ "$COMP_WORDBREAKS" == *:* ]] && before="${whole%"${whole##*[:=]}"}" ;; esac
    for value in "${found[@]}"; do
        value="${value%%$'\t'*}"
        COMPREPLY+=("${value#"$before"}")
    done
    if [[ ${#COMPREPLY[@]} -eq 1 && "${COMPREPLY[0]}" == *[/:=] ]]; then compopt -o nospace; fi
}
complete -o default -F _enctest_complete enctest enctest-tui
"""

ZSH: Final = r"""#compdef enctest enctest-tui
# enctest and enctest-tui in zsh: eval "$(enctest completion zsh)", after compinit
_enctest_complete() {
    local -a lines whole open shown_whole shown_open
    local line value shown
    lines=("${(@f)$(enctest completion --words "${(@)words[1,CURRENT]}" 2>/dev/null)}")
    for line in $lines; do
        value="${line%%$'\t'*}"
        shown="$value"
        [[ "$line" == *$'\t'* ]] && shown="$value  -- ${line#*$'\t'}"
        if [[ "$value" == *[/:=] ]]; then
            open+=("$value"); shown_open+=("$shown")
        elif [[ -n "$value" ]]; then
            whole+=("$value"); shown_whole+=("$shown")
        fi
    done
    (( $#whole )) && compadd -l -d shown_whole -a whole
    (( $#open )) && compadd -l -S '' -d shown_open -a open
    (( $#whole + $#open )) || _files
}
compdef _enctest_complete enctest enctest-tui
"""

FISH: Final = r"""# enctest and enctest-tui in fish: enctest completion fish | source
function __enctest_complete
    enctest completion --words (commandline -opc) (commandline -ct) 2>/dev/null
end
complete -c enctest -f -a '(__enctest_complete)'
complete -c enctest-tui -f -a '(__enctest_complete)'
"""

SCRIPTS: Final = {"bash": BASH, "zsh": ZSH, "fish": FISH}
