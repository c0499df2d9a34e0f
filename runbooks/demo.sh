#!/usr/bin/env bash
# The main job on the embedded lab: find orphans, plan, apply, prove, roll one removal back.
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
show() { printf '$ edgeferry %s\n' "$*"; "$ferry" "$@"; }
digest() { python3 -c 'import json,sys; print(json.load(open(sys.argv[1]))["digest"])' "$1"; }

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

bold "3. The plan, and the rollback plan beside it, before anything is written"
accept="--accept-risk policy-still-routing"
show orphans plan --name clean-up $accept

bold "4. Apply it, step by step"
show apply clean-up --approve "$(digest plans/clean-up.plan.json)"

bold "5. Proof: the orphans are gone, and nothing else changed"
show orphans discover --fail-on findings
show inventory take --out after.json
show inventory diff before.json after.json

bold "6. Take one removal back"
show orphans detach E1SAMPLESHOP01 --name maintenance
show apply maintenance --approve "$(digest plans/maintenance.plan.json)"
show rollback maintenance --approve "$(digest plans/maintenance.rollback.plan.json)"
show status maintenance || true

bold "Try next"
cat <<'TEXT'
  edgeferry lab serve --sample --ready-file ready.json &      a lab of your own
  eval "$(edgeferry lab env --ready-file ready.json --account 111111111111)"
  edgeferry orphans discover --output json                    the findings as data
  edgeferry runbook PLAN                                      a plan as Markdown
  edgeferry help                                              everything else
TEXT
