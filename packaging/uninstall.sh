#!/usr/bin/env bash
# Takes away what install.sh put into a prefix, by its list; folders that it made go when they are empty.
#
# Usage: uninstall.sh PREFIX [DESTDIR]
set -euo pipefail

prefix=${1:?usage: uninstall.sh PREFIX [DESTDIR]} destination=${2:-}
list=$destination$prefix/share/doc/edgeferry/installed
[ -e "$list" ] || { echo "uninstall: nothing is installed in $destination$prefix ($list is not there)" >&2; exit 1; }
mapfile -t made < "$list"
for line in "${made[@]}"; do
  case $line in
    *..*) ;;
    "file $prefix/"* | "folder /"*) continue ;;
  esac
  echo "uninstall: $list names \"$line\", which install.sh did not put below $prefix; nothing was removed" >&2
  exit 1
done
for ((n = ${#made[@]} - 1; n >= 0; n--)); do
  path=$destination${made[n]#* }
  case ${made[n]} in
    "file "*) rm -f "$path" ;;
    *) if [ -d "$path" ]; then rmdir --ignore-fail-on-non-empty "$path"; fi ;;
  esac
done
echo "uninstalled: edgeferry from $destination$prefix"
