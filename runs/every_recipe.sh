#!/usr/bin/env bash
# What would each recipe keep of a pool? A tenth, by every recipe that chooses, and what passes by those that have rules: a
# curated set with a page for each, and a table at the end. Not run: recipes that need models of others or a judge, and
# difficulty-balanced, which needs the base's accuracy on each kind of task.
# Interrupted, it goes on where it stopped; scores are made once for all.
#
#   bash runs/every_recipe.sh POOL BASE [TARGETS] [RULE]
#
# POOL      a prepared set, such as data/dolly
# BASE      the checkpoint that scores
# TARGETS   a prepared set to resemble, for length-matched, less and rds+; without it they are left out
# RULE      rule.json of scripts/sample_finetunes.py and scripts/fit_rule.py, for instructmining-refit; without it that is left out
set -euo pipefail
pool=$1 base=$2 targets=${3:-} rule=${4:-}
out="out/every_recipe/$(basename "$pool")-$(basename "$base")"

keep() { # NAME FLAGS...
    local name=$1
    shift
    [ -f "$out/$name/report.html" ] && return
    echo "$name" >&2
    rm -rf "${out:?}/$name"
    local TIMEFORMAT="%U %S" # processor seconds
    mkdir -p "$out/told"
    { time python scripts/curate.py --data_dir "$pool" --recipe "$name" --checkpoint_dir "$base" --missing drop \
        --out_dir "$out/$name" "$@" >"$out/told/$name.log" 2>&1; } 2>"$out/told/$name.seconds" || tail -n 3 "$out/told/$name.log" >&2
}

for name in clean full lima-rules self-instruct-rules; do keep "$name"; done
keep decontaminate --against "$pool/validation.parquet"
tenth="--fraction 0.1"
for name in balanced default deita-local facility-location ifd lift-variety longest mods-local \
    qdit-local random selectit superfiltering; do
    keep "$name" $tenth
done
if [ -n "$targets" ]; then
    for name in length-matched rds+ less; do keep "$name" $tenth --target_dir "$targets"; done
fi
if [ -n "$rule" ]; then keep instructmining-refit $tenth --given rule="$rule"; fi
tuned="$out/mods-local-run"
if [ -f "$out/mods-local/manifest.json" ]; then # MoDS asks what a model tuned on its first choice still lacks
    [ -d "$tuned/final" ] || python finetune/lora.py --config configs/finetune/quickstart.yaml --checkpoint_dir "$base" \
        --data_dir "$out/mods-local" --out_dir "$tuned" --epochs 1 --max_seq_length 512
    keep mods-necessity-local $tenth --given tuned="$tuned/final"
fi

python - "$out" <<'END'
import json, sys
from pathlib import Path

out = Path(sys.argv[1])
print("| recipe | rows kept | processor s |\n|---|---|---|")
for seconds in sorted((out / "told").glob("*.seconds")):
    made = out / seconds.stem / "manifest.json"
    kept = f"{json.loads(made.read_text())['counts']['train']:,}" if made.is_file() else "none: see its log"
    print(f"| {seconds.stem} | {kept} | {sum(map(float, seconds.read_text().split()[-2:])):.0f} |")
END
echo "$out"
