# Completion of @PROGRAM@ for bash (with Debian's package bash-completion); made of --help.
_@FUNCTION@() {
  local cur prev words cword
  _get_comp_words_by_ref -n '=:@' cur prev words cword || return
  local -a found=() paths=(@PATHS@) options=() live
  local path='' i word before=$prev
  for ((i = 1; i < cword; i++)); do
    word=${words[i]}
    case ${words[i - 1]} in --url | --token-file | --ca) options+=("${words[i - 1]}" "$word") ;; esac
    for live in "${paths[@]}"; do
      if [[ $live == "${path:+$path }$word" ]]; then path=$live; fi
    done
  done
  # What an option wants, else what may begin here.
  for word in "$path:$before" "$path:"; do
    case $word in
@TABLE@
      *) continue ;;
    esac
    break
  done
  local -a choices=()
  for word in "${found[@]}"; do
    case $word in
      @files) compopt -o filenames; mapfile -t -O "${#choices[@]}" choices < <(compgen -f -- "$cur"); continue ;;
      @live:*)
        if [[ $cur == -* ]]; then continue; fi
        mapfile -t live < <(ppo-client "${options[@]}" --timeout 1 words "${word#*:}" 2>/dev/null)
        choices+=("${live[@]}")
        ;;
      -*) if [[ $cur == -* ]]; then choices+=("$word"); fi ;;
      *) choices+=("$word") ;;
    esac
  done
  COMPREPLY=()
  for word in "${choices[@]}"; do
    if [[ $word == "$cur"* ]]; then COMPREPLY+=("$(printf %q "$word")"); fi
  done
  __ltrim_colon_completions "$cur"
  if [[ $cur == *[@=]* && $COMP_WORDBREAKS == *[@=]* ]]; then
    local head=${cur%"${cur##*[@=]}"}
    COMPREPLY=("${COMPREPLY[@]#"$head"}")
  fi
}
complete -F _@FUNCTION@ @PROGRAM@
