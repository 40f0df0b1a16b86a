# Completes a line in an interactive zsh, and prints what it has become.
#
#   complete.zsh FOLDER-WITH-COMPLETIONS LINE
zmodload zsh/zpty
zpty shell zsh -f -i
zpty -w shell "PS1= RPS1= fpath=($1 \$fpath); stty -echo; autoload -Uz compinit; compinit -u -D; bindkey '^T' show"
# Ctrl-T prints the line that is being edited, between marks.
zpty -w shell "show() { print -r -- \"<<\$BUFFER>>\" }; zle -N show; print ready''now"
zpty -r shell output '*readynow*'
zpty -w -n shell "$2"$'\t\x14'
zpty -r shell output '*<<*>>*'
output=${output##*<<}
print -r -- "${${output%%>>*}% }"
zpty -d shell
