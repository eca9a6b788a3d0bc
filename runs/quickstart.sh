#!/usr/bin/env bash
# The whole path in about a minute, offline, on a toy: a base model with random weights and instructions made by a
# program. It shows that every stage works, not that the model is any good. Interrupted, it goes on where it stopped.
set -euo pipefail
toy=out/quickstart
mkdir -p "$toy"

echo "1. make a base model with random weights, and 2,000 toy instructions, by a program"
base=$(python scripts/make_toy.py --checkpoint_dir "$toy/base" --instructions "$toy/toy.jsonl")

echo "2. prepare: rows with their provenance, then tokens for this base"
data=$(python scripts/prepare_csv.py --source "$toy/toy.jsonl" --origin program --destination_path "$toy/data" \
    --checkpoint_dir "$base" --max_seq_length 128)

echo "3. train every weight: a random base has nothing that an adapter could build on"
full=$(python finetune/full.py --checkpoint_dir "$base" --data_dir "$data" --out_dir "$toy/full" --epochs 5 \
    --learning_rate 3e-3 --batch_size 16)

echo "4. finetune the result with LoRA"
lora=$(python finetune/lora.py --checkpoint_dir "$full/best" --data_dir "$data" --out_dir "$toy/lora" --epochs 1)

echo "5. ask the random base, then the finetuned model: 'ladder' in capital letters"
for model in "--checkpoint_dir $base" "--checkpoint_dir $full/best --adapter_dir $lora/best"; do
    # shellcheck disable=SC2086  # the words of $model are flags of their own
    python generate/base.py $model --prompt "Write this word in capital letters." --input "ladder" \
        --prompt_style alpaca --temperature 0 --max_new_tokens 12
done

echo "6. merge the adapter: a plain Hugging Face directory that needs no adapter"
merged=$(python scripts/merge_lora.py --checkpoint_dir "$full/best" --adapter_dir "$lora/best" --out_dir "$toy/merged")

echo "7. validation loss in nats a token: the random base, after step 3, after step 4"
for run in "$full" "$lora"; do
    grep -h '"val_loss"' "$run/metrics.jsonl" | sed -n '1p;$p'
done
echo "$merged"
