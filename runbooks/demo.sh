#!/usr/bin/env bash
# The main jobs on the embedded lab: find orphans, remove one and take that back, remove all, prove it; then move a
# name in DNS, prove that it moved, and take that back; then carry a distribution to another account while a viewer watches.
set -euo pipefail

ferry=$(realpath "${1:?usage: demo.sh PATH-OF-EDGEFERRY}")
here=$(dirname "$(realpath "$0")")
folder=$(mktemp -d)
lab=
finish() {
  [ -z "$lab" ] || { kill "$lab" 2>/dev/null && wait "$lab" 2>/dev/null || true; }
  [ -n "${KEEP:-}" ] || rm -rf "$folder"
}
trap finish EXIT

bold() { if [ -t 1 ] && [ -z "${NO_COLOR:-}" ]; then printf '\n\033[1m%s\033[0m\n' "$*"; else printf '\n== %s\n' "$*"; fi; }
# stderr goes where stdout goes, so that progress and answers stand in order.
show() { printf '\n$ edgeferry %s\n' "$*"; "$ferry" "$@" 2>&1; }
digest() { sed -n 's/^  "digest" : "\(sha256:[0-9a-f]*\)".*/\1/p' "$1"; }

cd "$folder"
unset AWS_PROFILE AWS_SESSION_TOKEN AWS_CONFIG_FILE AWS_SHARED_CREDENTIALS_FILE

bold "1. A lab: CloudFront, Route 53, STS, CloudFormation, DNS and an edge on loopback, with a sample account"
"$ferry" lab serve --api 127.0.0.1:0 --propagation "${PROPAGATION:-1s}" --sample --ready-file ready.json >/dev/null &
lab=$!
until [ -s ready.json ]; do kill -0 "$lab"; sleep 0.05; done
eval "$("$ferry" lab env --ready-file ready.json --account 111111111111)"
servers=$(sed -n 's/.*"nameservers":\(\[[^]]*\]\).*/\1/p' ready.json)
resolver=$(sed -n 's/.*"resolver":"\([^"]*\)".*/\1/p' ready.json)
cat > edgeferry.yaml <<YAML
version: 1
regions: [us-east-1, eu-west-1]
polling: { deployed: 1s, authoritative: 1s, rounds: 2 }
zones:
  example.com: { provider: route53, nameservers: $servers }
  cloudfront.net: { provider: manual, nameservers: $servers }
resolvers: ["$resolver"]
# Spans for an afternoon, not for production: the defaults are in docs/settings.md.
cutover: { ttl: 5, propagation: 2s, margin: { minimum: 1s }, resolverFloor: 1s, clientHold: 2s, staleHold: 1m, bake: 4s }
health: { url: "https://{name}/", marker: { header: x-lab-distribution } }
YAML
show inventory take --out before.json

bold "2. What is orphaned here?"
show orphans discover

bold "3. Remove one orphan, with its rollback plan made before anything is written"
show orphans plan --finding policy-unattached:P03SAMPLENEWS --name news
show apply news --approve "$(digest plans/news.plan.json)"

bold "4. Take that removal back: what was deleted is made again from its saved config"
show rollback news --approve "$(digest plans/news.rollback.plan.json)"
show status news

bold "5. Plan the removal of every orphan"
show orphans plan --name clean-up

bold "6. Apply it, step by step"
show apply clean-up --approve "$(digest plans/clean-up.plan.json)"

bold "7. Proof: the orphans are gone, and nothing else changed"
show orphans discover --fail-on findings
show inventory take --out after.json
show inventory diff before.json after.json

bold "8. A name whose alias has moved already while DNS lags behind: what does DNS say?"
new=d1samplesite14.cloudfront.net
show cutover probe video.example.com
show cutover verify video.example.com --to $new || [ $? = 4 ]

bold "9. Plan the cutover: waits from live TTLs, and the way back before the first write"
show cutover plan video.example.com --to $new --name video

bold "10. Flip, drain, watch; proved on every server, in the resolver's cache and at the edge"
show apply video --approve "$(digest plans/video.plan.json)"
show cutover verify video

bold "11. Take it back, and prove that"
show rollback video --approve "$(digest plans/video.rollback.plan.json)"
show cutover verify video.example.com --to d1samplesite15.cloudfront.net --from $new || [ $? = 4 ]
show show video --output html --out video.html
ls -l video.html

bold "12. Another lab, with two accounts: a distribution with its policy, staging twin, function, store and keys is to move"
kill "$lab" && wait "$lab" 2>/dev/null || true
lab=
rm -f ready.json
"$ferry" lab serve --api 127.0.0.1:0 --propagation "${PROPAGATION:-1s}" --load "$here/lab/account-move.inventory.json" --ready-file ready.json >/dev/null &
lab=$!
until [ -s ready.json ]; do kill -0 "$lab"; sleep 0.05; done
for pair in source:111111111111 target:222222222222; do
  ( eval "$("$ferry" lab env --ready-file ready.json --account "${pair#*:}")"
    printf '[profile %s]\naws_access_key_id = %s\naws_secret_access_key = %s\nregion = us-east-1\n' \
      "${pair%:*}" "$AWS_ACCESS_KEY_ID" "$AWS_SECRET_ACCESS_KEY" )
done > aws.config
eval "$("$ferry" lab env --ready-file ready.json --account 111111111111)"
unset AWS_ACCESS_KEY_ID AWS_SECRET_ACCESS_KEY
export AWS_CONFIG_FILE=$PWD/aws.config
servers=$(sed -n 's/.*"nameservers":\(\[[^]]*\]\).*/\1/p' ready.json)
resolver=$(sed -n 's/.*"resolver":"\([^"]*\)".*/\1/p' ready.json)
cat > edgeferry.yaml <<YAML
version: 1
accounts: { source: { profile: source }, target: { profile: target } }
polling: { deployed: 1s, authoritative: 1s, rounds: 2 }
zones:
  example.com: { provider: route53, zoneId: Z1, account: source, nameservers: $servers }
resolvers: ["$resolver"]
cutover: { ttl: 5, propagation: 1s, margin: { minimum: 1s }, resolverFloor: 1s, clientHold: 1s, bake: 3s }
YAML
show migrate plan E1MOVEWWW --source source --target target --name move

bold "13. Move it, up to the last look at the old one, while a viewer asks ten times a second through DNS and the edge"
watch=
if command -v python3 >/dev/null; then
  python3 "$here/lab/watch.py" www.example.com "$resolver" "$EDGEFERRY_EDGE_PORT" "$EDGEFERRY_EDGE_CA" > watched.txt &
  watch=$!
fi
show apply move --approve "$(digest plans/move.plan.json)" --until await-idle-e1movewww || [ $? = 3 ]
if [ -n "$watch" ]; then kill "$watch"; wait "$watch" && code=0 || code=$?; cat watched.txt; [ "$code" = 0 ]; fi

bold "14. And all the way back"
show rollback move --approve "$(digest plans/move.rollback.plan.json)"
show cutover verify www.example.com --to d1.cloudfront.net

bold "Try next"
cat <<'TEXT'
  edgeferry lab serve --sample --ready-file ready.json &      a lab of your own
  eval "$(edgeferry lab env --ready-file ready.json --account 111111111111)"
  edgeferry orphans discover --output json                    the findings as data
  edgeferry orphans detach E1SAMPLESHOP01                     take a healthy policy off, and put it back
  edgeferry runbook PLAN                                      a plan as Markdown
  edgeferry help                                              everything else
TEXT
