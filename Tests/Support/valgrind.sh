#!/usr/bin/env bash
# The commands of a release binary under valgrind's memcheck, against a lab on loopback. Fails when any report is
# left: a wrong access, a use of what was never set, a definite leak. What is suppressed is in valgrind.supp, with why.
#
# Usage: valgrind.sh PATH-OF-EDGEFERRY PYTHON
set -euo pipefail

ferry=$(realpath "${1:?usage: valgrind.sh PATH-OF-EDGEFERRY PYTHON}")
python=${2:?usage: valgrind.sh PATH-OF-EDGEFERRY PYTHON}
here=$(dirname "$(realpath "$0")")
folder=$(mktemp -d)
running=()
finish() {
  for pid in "${running[@]}"; do kill "$pid" 2>/dev/null && wait "$pid" 2>/dev/null || true; done
  [ -n "${KEEP:-}" ] || rm -rf "$folder"
}
trap finish EXIT
cd "$folder"
# valgrind cannot read Swift's debug information and gives up on it; the symbols that stay name every function.
strip -g -o edgeferry "$ferry"
ferry=$folder/edgeferry
# The main thread of a program of Dispatch ends in sigsuspend with a constant mask, which valgrind 3.19 writes to and
# dies of; pause waits for any signal just as well.
printf '#include <unistd.h>\nint sigsuspend(const void *mask) { (void)mask; return pause(); }\n' \
  | cc -shared -fPIC -x c - -o pause.so
unset AWS_PROFILE AWS_SESSION_TOKEN AWS_CONFIG_FILE AWS_SHARED_CREDENTIALS_FILE

count=0
left=0
# check EXIT-CODE ARGUMENT…: runs the command under memcheck.
check() {
  local wanted=$1 code=0
  shift
  count=$((count + 1))
  LD_PRELOAD=$folder/pause.so valgrind -q --error-exitcode=99 --leak-check=full --errors-for-leak-kinds=definite --show-leak-kinds=definite \
    --num-callers=40 --fair-sched=try --suppressions="$here/valgrind.supp" --gen-suppressions=all \
    --log-file="report-$count" "$ferry" "$@" >"out-$count" 2>"talk-$count" || code=$?
  if [ -s "report-$count" ]; then
    left=$((left + 1))
    echo "valgrind: edgeferry $*"
    head -c 20000 "report-$count"
  elif [ "$code" != "$wanted" ]; then
    left=$((left + 1))
    echo "valgrind: edgeferry $* ended with $code instead of $wanted"
    head -c 4000 "talk-$count"
  else
    echo "valgrind: clean: edgeferry $*"
  fi
}
digest() { sed -n 's/^  "digest" : "\(sha256:[0-9a-f]*\)".*/\1/p' "$1"; }
# await FILE: until it is there and not empty.
await() { for _ in $(seq 2400); do [ -s "$1" ] && return; sleep 0.05; done; echo "valgrind: no $1" >&2; exit 1; }

"$ferry" lab serve --api 127.0.0.1:0 --propagation 0.2s --sample --ready-file ready.json >/dev/null 2>lab-talk &
running+=($!)
await ready.json
eval "$("$ferry" lab env --ready-file ready.json --account 111111111111)"
servers=$(sed -n 's/.*"nameservers":\(\[[^]]*\]\).*/\1/p' ready.json)
resolver=$(sed -n 's/.*"resolver":"\([^"]*\)".*/\1/p' ready.json)
# settings RESOLVER…
settings() {
  local list=
  for it in "$@"; do list="$list${list:+, }\"$it\""; done
  cat > edgeferry.yaml <<YAML
version: 1
regions: [us-east-1]
polling: { deployed: 1s, authoritative: 0.5s, rounds: 2 }
zones:
  example.com: { provider: route53, nameservers: $servers }
  cloudfront.net: { provider: manual, nameservers: $servers }
resolvers: [$list]
cutover: { ttl: 2, propagation: 1s, margin: { minimum: 1s }, resolverFloor: 1s, clientHold: 1s, staleHold: 5s, bake: 1s }
health: { url: "https://{name}/", marker: { header: x-lab-distribution } }
YAML
}
settings "$resolver"
new=d1samplesite14.cloudfront.net
old=d1samplesite15.cloudfront.net

# Reading, planning and running without DNS.
cat > aws.config <<CONFIG
[profile old]
$("$ferry" lab env --ready-file ready.json --account 111111111111 | sed -n 's/^export AWS_ACCESS_KEY_ID=/aws_access_key_id=/p; s/^export AWS_SECRET_ACCESS_KEY=/aws_secret_access_key=/p' | tr -d "'")
[profile new]
$("$ferry" lab env --ready-file ready.json --account 222222222222 | sed -n 's/^export AWS_ACCESS_KEY_ID=/aws_access_key_id=/p; s/^export AWS_SECRET_ACCESS_KEY=/aws_secret_access_key=/p' | tr -d "'")
CONFIG
cat > two.yaml <<YAML
version: 1
accounts: { source: { profile: old }, target: { profile: new } }
polling: { deployed: 1s }
resolvers: ["$resolver"]
YAML
cat > plain.json <<JSON
{"schema":"edgeferry.inventory/1","accounts":[{"id":"111111111111","distributions":[{"id":"EPLAIN","domainName":"dplain.cloudfront.net",
"config":{"CallerReference":"plain","Comment":"","Enabled":true,"Origins":{"Quantity":1,"Items":[{"Id":"o","DomainName":"o.example.net",
"CustomOriginConfig":{"HTTPPort":80,"HTTPSPort":443,"OriginProtocolPolicy":"https-only"}}]},"DefaultCacheBehavior":{"TargetOriginId":"o",
"ViewerProtocolPolicy":"https-only","CachePolicyId":"custom"}}}],"cachePolicies":[{"id":"custom","config":{"Name":"custom","MinTTL":1}}]}]}
JSON
"$ferry" lab load plain.json --ready-file ready.json >/dev/null
primary=E1SAMPLESHOP01
check 0 inventory take --out first.json
check 0 inventory take --out second.json
check 0 inventory diff first.json second.json
check 0 orphans discover --output json
check 0 orphans plan --name all --accept-risk policy-still-routing --accept-risk owned-by-live-stack
check 0 apply all --approve "$(digest plans/all.plan.json)"
check 0 status all
check 0 sweep run --output json
check 0 sweep report --output html
check 0 migrate export "$primary" --out closure.json
check 0 handover detect "$primary" --output json
check 0 handover emit "$primary" --to terraform --out tf
check 0 handover emit "$primary" --to cloudformation --out cf
check 0 handover check "$primary" --template cf/template.json
check 0 handover plan "$primary" --from none --to terraform --dir tf --name over
check 0 permissions --plan all
check 0 permissions handover plan
keys=("$AWS_ACCESS_KEY_ID" "$AWS_SECRET_ACCESS_KEY")
unset AWS_ACCESS_KEY_ID AWS_SECRET_ACCESS_KEY
export AWS_CONFIG_FILE=$folder/aws.config
check 0 migrate plan EPLAIN --config two.yaml --source source --target target --name move
grep -q '"code" : "quota-unread"' plans/move.plan.json && { left=$((left + 1)); echo "valgrind: migrate plan lost what it counted"; }
check 3 apply move --config two.yaml --approve "$(digest plans/move.plan.json)" --until prove-eplain
check 0 migrate verify move --config two.yaml
check 0 rollback move --config two.yaml --approve "$(digest plans/move.rollback.plan.json)"
unset AWS_CONFIG_FILE
export AWS_ACCESS_KEY_ID=${keys[0]} AWS_SECRET_ACCESS_KEY=${keys[1]}

for output in text json markdown; do
  check 0 cutover probe video.example.com example.com absent.example.com --output $output
done
check 0 cutover plan video.example.com --to $new --name video
check 0 show video
check 0 show video --output html
check 0 apply video --approve "$(digest plans/video.plan.json)"
check 0 cutover verify video
check 4 cutover verify video.example.com --to $old --from $new --output json
check 0 rollback video --approve "$(digest plans/video.rollback.plan.json)"
check 0 status video --output json

# The same resolver behind TLS and HTTPS.
openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:prime256v1 -nodes -keyout key.pem -out cert.pem -days 2 \
  -subj /CN=127.0.0.1 -addext subjectAltName=IP:127.0.0.1 2>/dev/null
"$python" "$here/secure_dns.py" "$resolver" cert.pem key.pem >ports 2>secure-talk &
running+=($!)
await ports
read -r tls https <ports
trusted=$EDGEFERRY_EDGE_CA
export EDGEFERRY_EDGE_CA=$folder/cert.pem
settings "tls://127.0.0.1:$tls" "https://127.0.0.1:$https/dns-query"
check 0 cutover probe video.example.com --output json
# Both were heard, and nothing else would do.
[ "$(grep -c '"verdict" : "ok"' "out-$count")" -ge 6 ] || { left=$((left + 1)); echo "valgrind: DNS over TLS or HTTPS gave no answer"; cat "out-$count"; }
export EDGEFERRY_EDGE_CA=$trusted
check 0 cutover probe video.example.com

# What goes wrong: nobody listens, nobody answers soundly, the input is none.
settings 127.0.0.1:9 tls://127.0.0.1:9 https://127.0.0.1:9/dns-query
check 0 cutover probe video.example.com
check 64 cutover probe 'a..example.com'
check 64 cutover plan example.com video.example.com --to '*.example.net'
printf 'video.example.com,%s\na,b,c\n' $new > bad.csv
check 64 cutover verify --names bad.csv
printf '{"schema":"edgeferry.plan/1"' > cut.plan.json
check 64 show ./cut.plan.json
check 1 cutover probe www.example.org

if [ "$left" != 0 ]; then
  echo "valgrind: $left of $count commands left a report"
  exit 1
fi
echo "valgrind: $count commands, no report left"
