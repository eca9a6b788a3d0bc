#!/usr/bin/env bash
# Loss and right answers against the size of the subset, on a pool of the instruction world of which half is spoilt: the
# default recipe, InstructMining with a rule fitted to another pool, and a random draw. Interrupted, it goes on where it stopped.
#
#   bash runs/size_curve.sh
set -euo pipefail

[ -f data/spoilt/manifest.json ] || python scripts/prepare_world.py --defects true --n_rows 6000 --n_test 400 --seed 2306 \
    --destination_path data/spoilt
python eval/size_curve.py --config configs/sizes/spoilt_pool.yaml "$@"
