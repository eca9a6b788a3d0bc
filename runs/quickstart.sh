#!/usr/bin/env bash
# The whole path in two minutes, offline, on a toy: a random base of 300 thousand weights and instructions made by a
# program. It shows that every stage works, not that the model is any good.
set -euo pipefail
toy=out/quickstart
mkdir -p "$toy"

echo "1. a base model with random weights, and 2,000 toy instructions made by a program"
base=$(python scripts/make_toy.py --checkpoint_dir "$toy/base" --instructions "$toy/toy.jsonl")

echo "2. prepare: rows with their provenance, then tokens for this base"
data=$(python scripts/prepare_csv.py --source "$toy/toy.jsonl" --origin program --destination_path "$toy/data" \
    --checkpoint_dir "$base" --max_seq_length 128)

echo "3. finetune: LoRA on every linear, since a random base has nothing to build on"
run=$(python finetune/lora.py --checkpoint_dir "$base" --data_dir "$data" --out_dir "$toy/lora" --epochs 6 \
    --lora_targets q,k,v,o,mlp,head --lora_r 32 --lora_alpha 64 --learning_rate 5e-3)

echo "4. ask it"
python generate/base.py --checkpoint_dir "$base" --adapter_dir "$run/best" --temperature 0 \
    --prompt "Write this word in capital letters." --input "ladder"

echo "5. merge the adapter: a plain Hugging Face directory that needs no adapter"
merged=$(python scripts/merge_lora.py --checkpoint_dir "$base" --adapter_dir "$run/best" --out_dir "$toy/merged")

echo "6. validation loss, first and best"
grep val_loss "$run/metrics.jsonl" | sed -n '1p'
grep best_val_loss "$run/manifest.json"
echo "$merged"
