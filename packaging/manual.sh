#!/usr/bin/env bash
# What is installed beside the binary, made from it: man pages, completions, and the licences of what is linked in.
#
# Usage: manual.sh BINARY FOLDER CHECKOUTS
#
# CHECKOUTS is where SwiftPM keeps the sources of the packages that Package.swift names.
set -euo pipefail

binary=${1:?usage: manual.sh BINARY FOLDER CHECKOUTS} folder=${2:?} checkouts=${3:?}
here=$(dirname "$(realpath "$0")")
rm -rf "$folder/man1" "$folder/licences"
mkdir -p "$folder/licences"
python3 "$here/manual.py" "$binary" "$folder/man1"
# Bash's is read and never run: the line that names a shell is left out.
for shell in bash zsh fish; do "$binary" --generate-completion-script "$shell" | sed '1{/^#!/d}' > "$folder/edgeferry.$shell"; done

# Linked in; everything else is a library of the system, whose package brings its own.
shopt -s nullglob
for package in "$checkouts"/*/; do
  name=$(basename "$package")
  texts=("$package"LICENSE* "$package"NOTICE*)
  [ ${#texts[@]} -gt 0 ] || { echo "manual: $name has no licence" >&2; exit 1; }
  cat "${texts[@]}" > "$folder/licences/$name.txt"
done
# The standard library, Dispatch and Foundation come with the toolchain.
toolchain=$(dirname "$(realpath "$(command -v "${SWIFT:-swift}")")")/../share/swift/LICENSE.txt
install -m 644 "$toolchain" "$folder/licences/swift.txt"
install -m 644 "$here/vendored.txt" "$folder/licences/vendored.txt"
pages=("$folder"/man1/*) licences=("$folder"/licences/*)
echo "manual: ${#pages[@]} man pages, completions for bash, zsh and fish, ${#licences[@]} licences in $folder"
