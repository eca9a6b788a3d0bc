"""From a source to an ExampleSet to the TokenSet a run reads: what every prepare script calls.

Streams throughout: neither the examples nor the tokens of a split are ever in memory together. What is
trimmed or dropped is counted by reason and can be read back from `ledger.jsonl`.
"""

import json
import sys
from collections import Counter
from contextlib import ExitStack
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import IO, Any

from lit_gpt.data.prepare import prepare_examples
from lit_gpt.data.settings import DataSettings
from lit_gpt.data.source import Source
from lit_gpt.data.store import count_examples, load_example_set, read_examples
from lit_gpt.errors import UserError
from lit_gpt.files import locked, new_directory, read_json
from lit_gpt.hf_config import config_from_hf
from lit_gpt.manifest import Manifest, damaged_files
from lit_gpt.progress import watched
from lit_gpt.prompt_styles import find_style
from lit_gpt.prompts import PromptStyle
from lit_gpt.tokenizer import Tokenizer
from lit_gpt.tokens.encode import encode_examples, fit
from lit_gpt.tokens.settings import TokenSettings
from lit_gpt.tokens.store import (
    ARRAYS,
    KIND,
    SPLITS,
    SplitWriter,
    TokenSet,
    array_name,
    ids_dtype,
    mark_prepared,
    prepared_token_sets,
    token_key,
)

LEDGER = "ledger.jsonl"
LOCK = ".lock"


def prepare(source: Source, data: DataSettings, tokens: TokenSettings) -> Path:
    """Write the ExampleSet, and with a checkpoint its TokenSet too; returns the ExampleSet's directory."""
    if tokens.checkpoint_dir is not None:
        Tokenizer(tokens.checkpoint_dir)  # what is missing should not be found after the work
        context_length(tokens.checkpoint_dir)
    data_dir = prepare_examples(source, data)
    if tokens.checkpoint_dir is not None:
        mark_prepared(encode_set(data_dir, tokens).directory)
    return data_dir


@dataclass(frozen=True)
class Wanted:
    """What a run asks of its tokens; None means whatever was last prepared."""

    max_seq_length: int | None = None
    prompt_style: str | None = None
    mask_prompt: bool | None = None
    overflow: str | None = None

    def accepts(self, settings: dict[str, Any]) -> bool:
        return all(value is None or settings[name] == value for name, value in asdict(self).items())


def find_or_encode(data_dir: Path, checkpoint_dir: Path, wanted: Wanted) -> TokenSet:
    """The TokenSet last prepared for this tokenizer that has what is wanted, else one encoded for this run."""
    tokenizer_hash, examples_hash = Tokenizer(checkpoint_dir).fingerprint, load_example_set(data_dir).content_hash
    if wanted.max_seq_length is not None:
        wanted = replace(wanted, max_seq_length=_within_context(wanted.max_seq_length, checkpoint_dir))
    parents = {"tokenizer": tokenizer_hash, "example_set": examples_hash}
    prepared = [(directory, m) for directory, m in prepared_token_sets(data_dir) if m.parents == parents]
    for directory, manifest in prepared:
        if _is_current(manifest, checkpoint_dir) and wanted.accepts(manifest.settings):
            return TokenSet.open(directory)
    last = prepared[0][1].settings if prepared else {}
    chosen = {name: last.get(name) if value is None else value for name, value in asdict(wanted).items()}
    given = {name: value for name, value in chosen.items() if value is not None}
    return encode_set(data_dir, replace(TokenSettings(checkpoint_dir), **given))


def _is_current(manifest: Manifest, checkpoint_dir: Path) -> bool:
    """Whether the prompts are those the style renders today."""
    version: int | str = manifest.settings["prompt_style_version"]
    return version == find_style(manifest.settings["prompt_style"], checkpoint_dir).version


def encode_set(data_dir: Path, settings: TokenSettings) -> TokenSet:
    """Encode both splits of an ExampleSet, or find that it was done before."""
    with locked(data_dir / "tokens" / LOCK, wait=True):
        return _encode_set(data_dir, settings)


def _encode_set(data_dir: Path, settings: TokenSettings) -> TokenSet:
    assert settings.checkpoint_dir is not None
    tokenizer = Tokenizer(settings.checkpoint_dir)
    example_set = load_example_set(data_dir)
    style = find_style(settings.prompt_style, settings.checkpoint_dir)
    decisive = _decisive_settings(settings, tokenizer, style)
    key = token_key({**decisive, "tokenizer": tokenizer.fingerprint}, example_set.content_hash)
    directory = data_dir / "tokens" / key
    if directory.exists():
        token_set = TokenSet.open(directory)
        print(f"tokens: {directory} was encoded before", file=sys.stderr)
        return token_set
    if damaged := damaged_files(data_dir, example_set):
        got = f"{data_dir}: {', '.join(damaged)} is not what its manifest says"
        raise UserError(got, "the files as they were prepared", "prepare the set again")
    parents = {"tokenizer": tokenizer.fingerprint, "example_set": example_set.content_hash}
    with new_directory(directory) as temporary:
        counts = _Encoding(data_dir, tokenizer, style, settings, decisive["max_seq_length"]).write(temporary)
        _require_rows(data_dir, counts["train"], decisive["max_seq_length"])
        names = [array_name(split, array) for split in SPLITS for array in ARRAYS] + [LEDGER]
        Manifest(KIND, parents, counts, decisive, verdicts=example_set.verdicts).write(temporary, names)
    _tell(directory, counts)
    return TokenSet.open(directory)


def _require_rows(data_dir: Path, tally: dict[str, int], max_seq_length: int) -> None:
    if not tally["rows"]:
        raise UserError(
            f"no training row of {data_dir} fits into {max_seq_length} tokens",
            "at least one row whose prompt leaves room for an answer",
            "raise --max_seq_length",
        )


def _decisive_settings(settings: TokenSettings, tokenizer: Tokenizer, style: PromptStyle) -> dict[str, Any]:
    return {
        "max_seq_length": _within_context(settings.max_seq_length, settings.checkpoint_dir),
        "prompt_style": style.name,
        "prompt_style_version": style.version,
        "mask_prompt": settings.mask_prompt,
        "overflow": settings.overflow,
        "ids_dtype": ids_dtype(tokenizer.vocab_size).__name__,
        "bos_id": tokenizer.bos_id if tokenizer.adds_bos else None,
        "eos_id": tokenizer.eos_id,
    }


def _within_context(max_seq_length: int | None, checkpoint_dir: Path | None) -> int:
    """The longest row that is both allowed and possible."""
    assert checkpoint_dir is not None
    n_context = context_length(checkpoint_dir)
    if max_seq_length is not None and max_seq_length > n_context:
        print(f"--max_seq_length {max_seq_length} is beyond the model's context: {n_context} it is", file=sys.stderr)
    return min(max_seq_length or n_context, n_context)


def context_length(checkpoint_dir: Path) -> int:
    """The longest row the checkpoint's model was made for, in tokens."""
    path = checkpoint_dir / "config.json"
    if not path.is_file():
        raise UserError(f"{checkpoint_dir} without config.json", "a checkpoint directory", "put its config.json there")
    try:
        return config_from_hf(read_json(path)).block_size
    except (ValueError, AttributeError) as error:
        raise UserError(f"{path}, which cannot be read ({error})", "a sound config.json", "get it again") from None


@dataclass(frozen=True)
class _Encoding:
    """What the encoding of every split shares."""

    data_dir: Path
    tokenizer: Tokenizer
    style: PromptStyle
    settings: TokenSettings
    max_seq_length: int

    def write(self, out: Path) -> dict[str, Any]:
        """Write every split and the ledger into `out`; the counts by split and outcome."""
        with ExitStack() as files:
            ledger = files.enter_context(open(out / LEDGER, "w", encoding="utf-8"))
            writers = {split: SplitWriter(out, split, self.tokenizer.vocab_size, files) for split in SPLITS}
            return {split: self._write_split(split, writer, ledger) for split, writer in writers.items()}

    def _write_split(self, split: str, writer: SplitWriter, ledger: IO[str]) -> dict[str, int]:
        tally: Counter[str] = Counter()
        examples = read_examples(self.data_dir, split)
        rows = encode_examples(examples, self.tokenizer, self.style)
        total = count_examples(self.data_dir, split)
        for number, (example, row) in enumerate(watched(rows, f"encoding {split}", "row", total)):
            fitted = fit(row, self.max_seq_length, self.settings.overflow, example.id)
            outcome = _outcome(row.has_answer, fitted.has_answer, fitted.n_cut)
            tally[outcome] += 1
            if outcome != "whole":
                _note(ledger, id=example.id, split=split, outcome=outcome, n_tokens=len(row.ids), n_cut=fitted.n_cut)
            if fitted.has_answer:
                writer.add(number, fitted.ids, fitted.is_target(self.settings.mask_prompt))
        assert writer.n_rows == tally["whole"] + tally["trimmed"]
        return {"read": total, "rows": writer.n_rows, "tokens": writer.n_tokens, "targets": writer.n_targets, **tally}


def _note(ledger: IO[str], **entry: Any) -> None:
    ledger.write(json.dumps(entry) + "\n")


def _outcome(had_answer: bool, has_answer: bool, n_cut: int) -> str:
    if not had_answer:
        return "dropped_no_answer"
    if not has_answer:
        return "dropped_over_long"
    return "trimmed" if n_cut else "whole"


def _tell(directory: Path, counts: dict[str, Any]) -> None:
    print(f"tokens: {directory}", file=sys.stderr)
    for split, tally in counts.items():
        details = ", ".join(f"{count:,} {name}" for name, count in tally.items())
        print(f"  {split}: {details}", file=sys.stderr)
