#!/usr/bin/env bash
# Puts edgeferry into a prefix: the binary, its man pages and completions, licences and what to read.
#
# Usage: install.sh BINARY MANUAL PREFIX [DESTDIR]
#
# MANUAL is the folder that `make manual` writes. ZSH_COMPLETIONS and FISH_COMPLETIONS are folders below PREFIX/share, for packages that have
# theirs elsewhere. Everything made is listed in PREFIX/share/doc/edgeferry/installed, by which uninstall.sh takes it away.
set -euo pipefail
umask 022

binary=${1:?usage: install.sh BINARY MANUAL PREFIX [DESTDIR]} manual=${2:?} prefix=${3:?} destination=${4:-}
here=$(dirname "$(realpath "$0")")
case $prefix in /*) ;; *) echo "install: PREFIX has to be absolute, and is $prefix" >&2; exit 64 ;; esac
docs=$prefix/share/doc/edgeferry

# What an earlier version left is not mixed with this one.
if [ -e "$destination$docs/installed" ]; then "$here/uninstall.sh" "$prefix" "$destination" >/dev/null; fi

made=()
# folder PATH: made with those above it that are missing, each noted.
folder() {
  if [ -d "$destination$1" ]; then return; fi
  case $1 in /) ;; *) folder "$(dirname "$1")" ;; esac
  mkdir "$destination$1"
  made+=("folder $1")
}
# put MODE FILE PATH
put() {
  folder "$(dirname "$3")"
  install -m "$1" "$2" "$destination$3"
  made+=("file $3")
}

if [ -n "$destination" ]; then mkdir -p "$destination"; fi
put 755 "$binary" "$prefix/bin/edgeferry"
strip "$destination$prefix/bin/edgeferry"
for page in "$manual"/man1/*.1; do put 644 "$page" "$prefix/share/man/man1/${page##*/}"; done
put 644 "$manual/edgeferry.bash" "$prefix/share/bash-completion/completions/edgeferry"
put 644 "$manual/edgeferry.zsh" "$prefix/share/${ZSH_COMPLETIONS:-zsh/site-functions}/_edgeferry"
put 644 "$manual/edgeferry.fish" "$prefix/share/${FISH_COMPLETIONS:-fish/vendor_completions.d}/edgeferry.fish"
for text in "$manual"/licences/*; do put 644 "$text" "$docs/licences/${text##*/}"; done
# All that there is to read, laid out as in the repository, so that its links lead on. The examples alone are where packages have them: links
# to them and out of them follow.
repository=$here/..
for text in README.md CHANGELOG.md CONTRIBUTING.md LICENSE $(cd "$repository" && find docs plans runbooks -type f | LC_ALL=C sort); do
  case $text in
    docs/examples/*) path=$docs/${text#docs/} edit='s#](\.\./#](../docs/#g' ;;
    docs/*) path=$docs/$text edit='s#](\(\(\.\./\)*\)examples#](../\1examples#g' ;;
    *) path=$docs/$text edit='s#](docs/examples#](examples#g' ;;
  esac
  mode=644
  if [ -x "$repository/$text" ]; then mode=755; fi
  put "$mode" "$repository/$text" "$path"
  case $text in *.md) sed -i "$edit" "$destination$path" ;; esac
done
made+=("file $docs/installed")
printf '%s\n' "${made[@]}" > "$destination$docs/installed"
echo "installed: $destination$prefix/bin/edgeferry and $((${#made[@]} - 1)) more, listed in $destination$docs/installed"
