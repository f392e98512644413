#compdef @PROGRAM@
# Completion of @PROGRAM@ for zsh; made of --help.
_@FUNCTION@() {
  local -a found paths=(@PATHS@) options live
  local path_='' word name before=${words[CURRENT - 1]} i
  for ((i = 2; i < CURRENT; i++)); do
    word=${words[i]}
    case ${words[i - 1]} in (--url|--token-file|--ca) options+=(${words[i - 1]} $word) ;; esac
    for name in $paths; do
      if [[ $name == "${path_:+$path_ }$word" ]]; then path_=$name; fi
    done
  done
  # What an option wants, else what may begin here.
  for word in "$path_:$before" "$path_:"; do
    case $word in
@TABLE@
      (*)) continue ;;
    esac
    break
  done
  local -a choices
  for word in $found; do
    case $word in
      (@files) _files ;;
      (@live:*)
        live=(${(f)"$(ppo-client $options --timeout 1 words ${word#*:} 2>/dev/null)"})
        compadd -a live
        ;;
      (*) choices+=($word) ;;
    esac
  done
  if (( $#choices )); then _describe @PROGRAM@ choices; fi
}
_@FUNCTION@ "$@"
