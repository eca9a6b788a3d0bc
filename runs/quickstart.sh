#!/usr/bin/env bash
# The story of the project in a few minutes, offline: a base model that has read documents, a data set, a finetuning,
# and whether it helped. Interrupted, it goes on where it stopped.
set -euo pipefail
here=out/quickstart
recipe=configs/finetune/quickstart.yaml
base=assets/tiny_base

echo "1. prepare 4,000 instructions with one right answer each, and their tokens for this base"
data=$(python scripts/prepare_world.py --n_rows 4000 --destination_path "$here/world" --checkpoint_dir "$base" \
    --prompt_style chat --max_seq_length 256)
python scripts/show_examples.py --checkpoint_dir "$base" --data_dir "$data" --n_rows 3 --out "$here/samples.json"

exact_match="python eval/exact_match.py --checkpoint_dir $base --data_dir $data --prompt_style chat --max_new_tokens 96"

echo "2. before: how many of 480 test questions does the base answer exactly right?"
before=$($exact_match --n_items 480 --out_dir "$here/before")

echo "3. finetune with LoRA"
run=$(python finetune/lora.py --config "$recipe" --checkpoint_dir "$base" --data_dir "$data" --out_dir "$here/lora" \
    --eval_every 200)

echo "4. after: the same questions"
after=$($exact_match --n_items 480 --adapter_dir "$run/best" --out_dir "$here/after")

echo "5. three questions of your own"
ask() {
    echo "   $1 ($2)"
    python generate/base.py --checkpoint_dir "$base" --adapter_dir "$run/best" --temperature 0 --max_new_tokens 40 \
        --prompt "$1" --input "$2"
}
ask "Put these words in alphabetical order." "pear, lion, hammer"
ask "Who is the oldest?" "Mary is 31. Omar is 58. Tess is 12."
ask "Turn this sentence into a question." "Rosa likes the red apple."

echo "6. the report: what changed, on what data, at what cost"
python scripts/write_report.py --run_dir "$run" --before "$before" --after "$after" --samples "$here/samples.json" \
    --command "make quickstart" --out "$here/report.html" \
    --power_w 30 --grams_co2_per_kwh 445 \
    --assumptions_source "power: 15 W for each of two busy cores, a guess; CO2: world average 2024, IEA Electricity 2025"
