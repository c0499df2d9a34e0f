#!/bin/bash
# fuzz.sh SECONDS [READER…]: builds the readers with AddressSanitizer and libFuzzer's coverage, and fuzzes each for its
# share of the time. FUZZ_SEED (default: the date) makes a run repeatable; inputs that break a reader are kept in
# .build-fuzz/crashes.
set -euo pipefail
cd "$(dirname "$0")/../.."
seconds=${1:-60}
shift || true
seed=${FUZZ_SEED:-$(date +%Y%m%d)}
out=.build-fuzz
runtime=$(swiftc -print-target-info | python3 -c 'import json,sys;print(json.load(sys.stdin)["paths"]["runtimeResourcePath"])')
library=$runtime/clang/lib/linux/libclang_rt.fuzzer_no_main-$(uname -m).a
[ -e "$library" ] || { echo "fuzz: this Swift has no libFuzzer ($library)" >&2; exit 1; }
echo "fuzz: building, which takes minutes the first time"
EDGEFERRY_FUZZ=1 swift build -c release --product ferry-fuzz --scratch-path $out --sanitize=address \
  -Xswiftc -enable-testing -Xswiftc -sanitize-coverage=edge,inline-8bit-counters,pc-table \
  -Xlinker --whole-archive -Xlinker "$library" -Xlinker --no-whole-archive -Xlinker -lstdc++ \
  >$out.log 2>&1 || { grep -E 'error:|undefined' $out.log || tail $out.log; exit 1; }
mv $out.log $out/build.log
fuzz=$out/release/ferry-fuzz
readers=("$@")
[ ${#readers[@]} -gt 0 ] || mapfile -t readers < <($fuzz --list)
jobs=$(nproc)
share=$((seconds * jobs / ${#readers[@]}))
[ $share -gt 0 ] || share=1
mkdir -p $out/crashes $out/corpus
echo "fuzz: ${#readers[@]} readers, $share s each, $jobs at once, seed $seed"
one() {
  reader=$1
  $fuzz --seeds "$reader" $out/corpus/"$reader"
  # The backtracer of Swift would take the signal that libFuzzer waits for.
  if SWIFT_BACKTRACE=enable=no ASAN_OPTIONS=detect_leaks=0:allocator_may_return_null=1 \
    $fuzz "$reader" -seed="$seed" -max_total_time="$share" -timeout=5 -rss_limit_mb=1024 -max_len=16384 \
    -artifact_prefix=$out/crashes/"$reader"- -print_final_stats=1 $out/corpus/"$reader" >$out/"$reader".log 2>&1; then
    printf '%-11s ok, %s inputs, coverage %s\n' "$reader" \
      "$(sed -n 's/^stat::number_of_executed_units: *//p' $out/"$reader".log)" \
      "$(grep -o 'cov: [0-9]*' $out/"$reader".log | tail -1 | cut -c6-)"
  else
    printf '%-11s BROKEN, seed %s: %s\n' "$reader" "$seed" "$(grep -aE 'Fatal error|ERROR: |SUMMARY' $out/"$reader".log | head -2 | tr '\n' ' ')"
    grep -a 'Test unit written' $out/"$reader".log || true
    return 1
  fi
}
export -f one
export fuzz out seed share
printf '%s\n' "${readers[@]}" | xargs -P "$jobs" -I{} bash -c 'one {}'
