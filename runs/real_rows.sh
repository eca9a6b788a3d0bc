#!/usr/bin/env bash
# Does curation help on rows that people wrote? Dolly, LIMA, Super-NaturalInstructions and P3, 600 rows of each, and
# small bases; and on Dolly beside Alpaca, told apart by who wrote a row, people or a model. Interrupted, it goes on where
# it stopped.
#
#   bash runs/real_rows.sh checkpoints/ORG/NAME...      # with the sets prepared as data/dolly, lima, superni, p3 and alpaca
set -euo pipefail

[ -f data/four_sources/manifest.json ] || python scripts/prepare_merged.py --sources dolly lima superni p3 --weights 1 1 1 1 --budget_rows 2400 \
    --val_split_fraction 0.2 --destination_path data/four_sources
[ -f data/people_and_model/manifest.json ] || python scripts/prepare_merged.py --sources dolly alpaca --weights 1 1 --budget_rows 2400 \
    --val_split_fraction 0.2 --destination_path data/people_and_model
for base in "$@"; do
    echo "from $base"
    python eval/compare_datasets.py --config configs/compare/real_rows.yaml --checkpoint_dir "$base" \
        --out_dir "out/real_rows/$(basename "$base")"
    python eval/compare_datasets.py --config configs/compare/real_rows.yaml --checkpoint_dir "$base" --pool data/people_and_model \
        --recipes default ifd lift-variety --out_dir "out/people_and_model/$(basename "$base")"
done
