#!/usr/bin/env bash
# A Debian package of what `make install` puts below /usr, with the dependencies that dpkg-shlibdeps finds in the binary.
#
# Usage: deb.sh BINARY MANUAL FOLDER
#
# Writes FOLDER/edgeferry_VERSION_ARCHITECTURE.deb and prints its path last. SOURCE_DATE_EPOCH dates the files.
set -euo pipefail
umask 022

binary=$(realpath "${1:?usage: deb.sh BINARY MANUAL FOLDER}") manual=$(realpath "${2:?}")
mkdir -p "${3:?}"
folder=$(realpath "$3")
here=$(dirname "$(realpath "$0")")
stage=$folder/stage
rm -rf "$stage" "$folder/debian"
ZSH_COMPLETIONS=zsh/vendor-completions "$here/install.sh" "$binary" "$manual" /usr "$stage" >/dev/null
docs=$stage/usr/share/doc/edgeferry
version=$("$binary" --version)
maintainer="edgeferry maintainers <maintainers@edgeferry.invalid>"

# Debian's own shape: dpkg knows the files, licences are in one file, man pages and the changelog are packed.
rm "$docs/installed"
{
  echo "edgeferry is licensed under the Apache License 2.0: /usr/share/common-licenses/Apache-2.0"
  for text in "$docs"/licences/*; do
    printf '\n\nLinked into it: %s\n\n' "$(basename "$text" .txt)"
    cat "$text"
  done
} > "$docs/copyright"
rm -r "$docs/licences" "$docs/LICENSE"
sed -i 's#](\(\(\.\./\)*\)LICENSE)#](\1copyright)#g' "$docs/README.md" "$docs"/docs/*.md
printf 'edgeferry (%s) unstable; urgency=medium\n\n  * See CHANGELOG.md.\n\n -- %s  %s\n' \
  "$version" "$maintainer" "$(LC_ALL=C date -u -R -d "@${SOURCE_DATE_EPOCH:-$(date +%s)}")" > "$docs/changelog"
gzip -9n "$docs/changelog" "$stage"/usr/share/man/man1/*.1

# dpkg-shlibdeps wants a source package's control file beside it.
mkdir -p "$folder/debian"
printf 'Source: edgeferry\n\nPackage: edgeferry\nArchitecture: any\n' > "$folder/debian/control"
libraries=$(cd "$folder" && dpkg-shlibdeps --ignore-missing-info -O "$stage/usr/bin/edgeferry" 2>/dev/null | sed -n 's/^shlibs:Depends=//p')
[ -n "$libraries" ] || { echo "deb: dpkg-shlibdeps names no library" >&2; exit 1; }

architecture=$(dpkg --print-architecture)
mkdir -p "$stage/DEBIAN"
cat > "$stage/DEBIAN/control" <<CONTROL
Package: edgeferry
Version: $version
Architecture: $architecture
Maintainer: $maintainer
Installed-Size: $(du -sk --apparent-size --exclude=DEBIAN "$stage" | cut -f1)
Depends: $libraries, ca-certificates
Section: net
Priority: optional
Description: change Amazon CloudFront in production by plan
 Finds and removes orphaned continuous-deployment policies and staging
 distributions, once or as a sweep over many accounts; moves DNS names to
 another target with waits computed from live TTLs; carries distributions to
 another account or another infrastructure-as-code tool. Everything is a plan
 first: computed from live observation, approved by its digest, applied step
 by step with verified waits, reversible by a rollback plan.
CONTROL
(cd "$stage" && find usr -type f -print0 | sort -z | xargs -0 md5sum) > "$stage/DEBIAN/md5sums"
package=$folder/edgeferry_${version}_$architecture.deb
dpkg-deb --root-owner-group -Zxz --build "$stage" "$package" >/dev/null
rm -r "$stage" "$folder/debian"
echo "$package"
