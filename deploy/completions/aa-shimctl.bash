# SPDX-License-Identifier: Apache-2.0
# Completion of aa-shimctl for bash: the program itself says what may come next.
# shellcheck shell=bash
_aa_shimctl() {
    local paths word begun=${COMP_WORDS[COMP_CWORD]}
    COMPREPLY=()
    [ "$begun" != = ] || begun=
    {
        read -r paths
        while IFS=$'\t' read -r word _; do COMPREPLY+=("$word"); done
    } < <("${COMP_WORDS[0]/#\~/$HOME}" complete "${COMP_WORDS[@]:1:COMP_CWORD}" 2> /dev/null)
    case $paths in
        files) compopt -o filenames; mapfile -t -O "${#COMPREPLY[@]}" COMPREPLY < <(compgen -f -- "$begun") ;;
        directories) compopt -o filenames; mapfile -t -O "${#COMPREPLY[@]}" COMPREPLY < <(compgen -d -- "$begun") ;;
    esac
}
complete -F _aa_shimctl aa-shimctl
