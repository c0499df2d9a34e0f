#!/usr/bin/env bash
# The Debian package in a clean Debian 12: installed with nothing but what it depends on, used, and removed without a trace.
#
# Usage: deb.sh PACKAGE FOLDER
#
# The clean root is made by debootstrap from the mirror that this machine's apt uses, and kept in FOLDER as a tar file
# for the next time. Needs root, or sudo.
set -euo pipefail

package=$(realpath "${1:?usage: deb.sh PACKAGE FOLDER}") folder=$(realpath "${2:?}")
if [ "$(id -u)" != 0 ]; then exec sudo "$(realpath "$0")" "$package" "$folder"; fi
# What is mounted here is seen by nobody else, and gone at the end.
if [ -z "${EDGEFERRY_DEB_TEST:-}" ]; then EDGEFERRY_DEB_TEST=1 exec unshare --mount "$0" "$package" "$folder"; fi

say() { echo "deb-test: $*"; }
die() { echo "deb-test: $*" >&2; exit 1; }
root=$folder/root clean=$folder/bookworm.tar
finish() { umount -R "$root/dev" "$root/proc" 2>/dev/null || true; rm -rf --one-file-system "$root"; }
trap finish EXIT
finish

sites=$(apt-get indextargets --format '$(SITE) $(RELEASE) $(COMPONENT)' 'Created-By: Packages' | awk '$2 ~ /^bookworm/ && $3 == "main"' | sort -u)
main=$(awk '$2 == "bookworm" { print $1; exit }' <<<"$sites")
[ -n "$main" ] || die "this machine's apt has no mirror of Debian 12 (bookworm)"
if [ ! -e "$clean" ]; then
  say "making a clean Debian 12"
  debootstrap --variant=minbase bookworm "$root" "$main" >"$folder/debootstrap.log" 2>&1 || { tail -20 "$folder/debootstrap.log" >&2; die "debootstrap failed"; }
  sed 's/^/deb /' <<<"$sites" > "$root/etc/apt/sources.list"
  # How this machine's apt gets out.
  apt-config dump | grep -E '^Acquire::(https?|ftp)::Proxy' > "$root/etc/apt/apt.conf.d/01proxy" || true
  tar -C "$root" -cf "$clean.new" .
  mv "$clean.new" "$clean"
else
  mkdir "$root"
  tar -C "$root" -xpf "$clean"
fi
cp -L /etc/resolv.conf "$root/etc/resolv.conf"
cp -L /etc/hosts "$root/etc/hosts"
mount -t proc proc "$root/proc"
mount --rbind /dev "$root/dev"
mount --make-rslave "$root/dev"

inside() { chroot "$root" env -i PATH=/usr/sbin:/usr/bin:/sbin:/bin HOME=/root LC_ALL=C.UTF-8 DEBIAN_FRONTEND=noninteractive "$@"; }
apt() { inside apt-get -q -y -o Dpkg::Use-Pty=0 "$@" >>"$folder/apt.log" 2>&1 || { tail -20 "$folder/apt.log" >&2; die "apt-get $* failed"; }; }
# files: everything that a package could leave behind, apt's and dpkg's own notes apart.
files() { (cd "$root" && find . -xdev \( -path ./proc -o -path ./dev -o -path ./tmp -o -path ./var/cache -o -path ./var/lib/apt -o -path ./var/lib/dpkg -o -path ./var/log \) -prune -o -print | sort); }

: > "$folder/apt.log"
cp "$package" "$root/tmp/edgeferry.deb"
apt update
! inside test -e /usr/bin/edgeferry || die "the root is not clean"

say "installing what it depends on, then the package, and nothing else"
apt satisfy --no-install-recommends "$(dpkg-deb -f "$package" Depends)"
files > "$folder/before"
apt install --no-install-recommends /tmp/edgeferry.deb
inside dpkg --verify edgeferry | (! grep .) || die "dpkg --verify finds changed files"
! inside ldd /usr/bin/edgeferry | grep 'not found' || die "a library is missing"
for path in usr/share/man/man1/edgeferry.1.gz usr/share/man/man1/edgeferry-orphans-plan.1.gz usr/share/bash-completion/completions/edgeferry \
  usr/share/zsh/vendor-completions/_edgeferry usr/share/fish/vendor_completions.d/edgeferry.fish usr/share/doc/edgeferry/copyright usr/share/doc/edgeferry/changelog.gz; do
  [ -s "$root/$path" ] || die "/$path is missing"
  [ "$(stat -c %u:%g:%a "$root/$path")" = 0:0:644 ] || die "/$path is not root's, or not 0644"
done
gzip -cd "$root/usr/share/man/man1/edgeferry-orphans-plan.1.gz" | grep -q '^\.Nd ' || die "a man page is none"

say "running it"
version=$(inside edgeferry --version)
[ "$version" = "$(dpkg-deb -f "$package" Version)" ] || die "the package is $(dpkg-deb -f "$package" Version), the binary $version"
cat > "$root/tmp/use.sh" <<'USE'
set -eu
mkdir /tmp/work
cd /tmp/work
edgeferry lab serve --sample --ready-file ready.json >lab.out 2>lab.talk &
lab=$!
trap 'kill $lab; wait $lab || true' EXIT
for _ in $(seq 1200); do [ -s ready.json ] && break; sleep 0.1; done
eval "$(edgeferry lab env --ready-file ready.json --account 111111111111)"
edgeferry orphans discover
edgeferry orphans plan --finding policy-unattached:P03SAMPLENEWS --name news
edgeferry apply news --approve "$(sed -n 's/^  "digest" : "\(sha256:[0-9a-f]*\)".*/\1/p' plans/news.plan.json)"
# The optimised binary has to tell and to note what it removed.
printf 'version: 1\npolling: { deployed: 1s }\nsweep: { grace: 0s, maxDeletions: 20, maxPercent: 100 }\n' > edgeferry.yaml
edgeferry sweep run --quiet >/dev/null
edgeferry sweep run --apply --quiet | grep '^111111111111: removed '
edgeferry doctor --output json >doctor.json || true
# The trust store of ca-certificates, which TLS needs.
test -s /etc/ssl/certs/ca-certificates.crt
USE
inside bash /tmp/use.sh >"$folder/use.out" 2>"$folder/use.talk" || { cat "$folder/use.out" "$folder/use.talk" >&2; die "it does not run"; }
grep -q policy-unattached "$folder/use.out" || die "orphans discover found nothing: $(cat "$folder/use.out")"
grep -q 'sha256:' "$folder/use.out" || die "orphans plan made no plan"
inside bash -n /usr/share/bash-completion/completions/edgeferry || die "bash cannot read its completions"

say "removing it"
rm -r "$root/tmp/work"
apt purge edgeferry
files | diff "$folder/before" - || die "it leaves these behind"
say "edgeferry $version installs, runs and leaves nothing behind on Debian $(cat "$root/etc/debian_version")"
