"""A score for each row of a pool as a table that --score_table reads: the base's loss on its answers."""

from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq

from lit_gpt.checkpoint import checkpoint_hashes
from lit_gpt.curation.indicators.likelihoods import Reader, likelihoods
from lit_gpt.curation.indicators.scores import why_missing
from lit_gpt.data.store import count_examples, load_example_set, read_examples
from lit_gpt.files import hash_json
from lit_gpt.loading import load
from lit_gpt.progress import watched
from lit_gpt.prompt_styles import style_to_ask_in
from lit_gpt.proof.settings import ComparisonSettings

N_LETTERS = 12


def write_base_losses(settings: ComparisonSettings, folder: Path) -> Path:
    """`content_hash` and `score` of every training row: nats a token of its answers; rows too long to read have none.

    The file is named by what decides its numbers, and not made again.
    """
    s = settings
    made_of = [load_example_set(s.pool).content_hash, checkpoint_hashes(s.base), s.prompt_style]
    path = folder / f"{hash_json(made_of)[:N_LETTERS]}.parquet"
    if path.is_file():
        return path
    folder.mkdir(parents=True, exist_ok=True)
    model, tokenizer = load(s.base)
    reader = Reader(model, tokenizer, style_to_ask_in(s.prompt_style, s.base, None))
    rows = watched(read_examples(s.pool), "the base's losses", "row", count_examples(s.pool, "train"))
    hashes = {each.id: each.content_hash for each in read_examples(s.pool)}
    found = {
        hashes[id]: float(row.given) for id, row in likelihoods(rows, reader, alone=False) if not why_missing(row.given)
    }
    temporary = path.with_name(f".{path.name}")
    pq.write_table(pa.table({"content_hash": list(found), "score": list(found.values())}), temporary)
    temporary.replace(path)
    return path
