# SPDX-License-Identifier: Apache-2.0
# Completion of aa-shimctl for fish: the program itself says what may come next.
function __aa_shimctl_complete
    set -l words (commandline --tokenize --cut-at-cursor --current-process)
    set -l begun (commandline --current-token --cut-at-cursor)
    set -l answer ($words[1] complete $words[2..] "$begun" 2>/dev/null)
    for line in $answer[2..]
        echo $line
    end
    switch $answer[1]
        case files
            __fish_complete_path "$begun"
        case directories
            __fish_complete_directories "$begun"
    end
end
complete --command aa-shimctl --no-files --arguments '(__aa_shimctl_complete)'
