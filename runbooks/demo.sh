#!/usr/bin/env bash
# The main job on the embedded lab: find orphans, remove one and take that back, remove all, prove it.
set -euo pipefail

ferry=$(realpath "${1:?usage: demo.sh PATH-OF-EDGEFERRY}")
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

bold "1. A lab: CloudFront, STS and CloudFormation on loopback, with a sample account"
"$ferry" lab serve --api 127.0.0.1:0 --propagation "${PROPAGATION:-1s}" --sample --ready-file ready.json >/dev/null &
lab=$!
for _ in $(seq 200); do [ -s ready.json ] && break; sleep 0.05; done
eval "$("$ferry" lab env --ready-file ready.json --account 111111111111)"
cat > edgeferry.yaml <<'YAML'
version: 1
regions: [us-east-1, eu-west-1]
polling: { deployed: 1s }
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

bold "Try next"
cat <<'TEXT'
  edgeferry lab serve --sample --ready-file ready.json &      a lab of your own
  eval "$(edgeferry lab env --ready-file ready.json --account 111111111111)"
  edgeferry orphans discover --output json                    the findings as data
  edgeferry orphans detach E1SAMPLESHOP01                     take a healthy policy off, and put it back
  edgeferry runbook PLAN                                      a plan as Markdown
  edgeferry help                                              everything else
TEXT
