"""What the model was trained on: the rows from the source to the tokens, and rows as the model reads them."""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from lit_gpt.errors import UserError
from lit_gpt.files import read_json
from lit_gpt.manifest import Manifest
from lit_gpt.report.formats import NOTHING, count, in_words, percent
from lit_gpt.report.funnel import Stage, funnel
from lit_gpt.report.markup import Child, Html, element, join
from lit_gpt.report.page import Section
from lit_gpt.report.parts import Column, Piece, heading, highlighted, key_values, missing, note, paragraph, table
from lit_gpt.report.run_record import REJECTS, RunRecord, tokens_cut

HELD_OUT = ("validation", "test")
# a token set's own counts, in the order of reading; whatever else it counts comes after
COUNT_WORDS = {
    "read": "rows read",
    "rows": "rows encoded",
    "whole": "whole",
    "trimmed": "cut at the end",
    "dropped_over_long": "left out: too long",
    "dropped_no_answer": "left out: no answer",
    "tokens": "tokens",
    "targets": "trained-on tokens",
}
STAGE_WORDS = {"read": "rows read", "used": "rows used", "train": "rows to train on"}
MADE_WORDS = {"generator": "Generator", "seed": "Seed"}
RATIOS = ("tokens a row", "share trained on")
SETTING_WORDS = {
    "prompt_style": "Prompt style",
    "max_seq_length": "Longest row, in tokens",
    "overflow": "Over-long rows",
    "mask_prompt": "Trained on the answers alone",
}


def data_section(run: RunRecord) -> Section:
    """The funnel of rows, and the tokens they became."""
    anchor, title = "data", "Data, from source to tokens"
    parts: list[Child] = []
    if run.example_set is None:
        parts.append(missing(run.why_not["example_set"]))
    else:
        parts += _examples(run.example_set, run.token_set)
    parts.append(heading("Tokens"))
    if run.token_set is None:
        parts.append(missing(run.why_not["token_set"]))
    else:
        parts += _tokens(run.token_set, run.token_dir)
    return Section(anchor, title, join(parts))


def _examples(examples: Manifest, tokens: Manifest | None) -> list[Child]:
    settings, counts = examples.settings, examples.counts
    facts = {"Data set": settings.get("name"), "Licence": settings.get("licence"), "Written by": settings.get("origin")}
    facts |= {words: settings[name] for name, words in MADE_WORDS.items() if settings.get(name) not in (None, "")}
    shown: list[Child] = [key_values({name: str(value or NOTHING) for name, value in facts.items()})]
    found = stages(counts, tokens.counts if tokens else None)
    nothing = missing("The data set's manifest counts no rows.")
    shown.append(funnel(found, "Rows from the source to training") if found else nothing)
    if counts.get("dropped"):
        shown.append(note(f"Every row left out is in {REJECTS} with its file, line and reason."))
    for code, n in counts.get("noted", {}).items():
        shown.append(note(f"{count(n)} rows are used though changed: {in_words(code)}."))
    return shown


def stages(counts: Mapping[str, Any], tokens: Mapping[str, Any] | None) -> list[Stage]:
    """Read, used, set to train, encoded: those that are counted, and what was lost before each."""
    held_out = {f"held out for {split}": int(counts[split]) for split in HELD_OUT if split in counts}
    dropped = {in_words(reason): int(n) for reason, n in counts.get("dropped", {}).items()}
    lost_before: dict[str, Mapping[str, int]] = {"read": {}, "used": dropped, "train": held_out}
    found = [Stage(STAGE_WORDS[n], int(counts[n]), lost) for n, lost in lost_before.items() if n in counts]
    if tokens is not None and "train" in tokens:
        train = tokens["train"]
        lost = {_count_words(name): int(n) for name, n in train.items() if name.startswith("dropped_")}
        trimmed = train.get("trimmed", 0)
        cut = f"{count(trimmed)} of them cut to fit" if trimmed else "none of them cut"
        found.append(Stage("training rows as tokens", int(train["rows"]), lost, cut))
    return found


def _count_words(name: str) -> str:
    return COUNT_WORDS.get(name, in_words(name))


def _tokens(manifest: Manifest, directory: Path | None) -> list[Child]:
    splits = {name: tally for name, tally in manifest.counts.items() if isinstance(tally, dict)}
    others = {name for tally in splits.values() for name in tally} - set(COUNT_WORDS)
    names = [*(n for n in COUNT_WORDS if any(n in tally for tally in splits.values())), *sorted(others)]
    columns = [Column("counted"), *(Column(split, True) for split in splits)]
    # splits side by side: that fits on a phone
    rows = [[_count_words(name), *(_tallied(tally, name) for tally in splits.values())] for name in names]
    rows += [[words, *(_ratio(tally, words) for tally in splits.values())] for words in RATIOS]
    facts = {words: _plain(manifest.settings.get(name)) for name, words in SETTING_WORDS.items()}
    facts |= {in_words(n).capitalize(): _number(v) for n, v in manifest.counts.items() if not isinstance(v, dict)}
    shown: list[Child] = [key_values(facts), table(columns, rows, "Rows and tokens of each split")]
    shown += [note(line) for line in _cut_lines(directory)]
    return shown


def _number(value: Any) -> str:
    """A count as it is; a share or a mean with its decimals."""
    return f"{value:,.4g}" if isinstance(value, float) else count(value) if isinstance(value, int) else str(value)


def _plain(value: Any) -> str:
    """A setting in words."""
    return {True: "yes", False: "no", None: NOTHING}[value] if value is None or isinstance(value, bool) else str(value)


def _tallied(tally: Mapping[str, Any], name: str) -> str:
    """An outcome that a split does not name did not happen in it; any other count is not known."""
    return _number(tally[name]) if name in tally else "0" if name in COUNT_WORDS else NOTHING


def _ratio(tally: Mapping[str, Any], words: str) -> str:
    rows, tokens, targets = (tally.get(name) or 0 for name in ("rows", "tokens", "targets"))
    if words == RATIOS[0]:
        return f"{tokens / rows:.1f}" if rows else NOTHING
    return percent(targets / tokens if tokens else None)


def _cut_lines(directory: Path | None) -> list[str]:
    cut = tokens_cut(directory) if directory else None
    if cut is None:
        return ["How many tokens were cut cannot be told: there is no ledger to read."]
    if not cut:
        return ["No token was cut: every row fits."]
    return [f"{split}: {count(n)} tokens lost in rows {_count_words(outcome)}." for (split, outcome), n in cut.items()]


@dataclass(frozen=True)
class Sample:
    """A row as the model reads it; marked pieces are trained on."""

    id: str
    category: str
    pieces: tuple[Piece, ...]
    n_tokens: int


def read_samples(path: Path) -> list[Sample]:
    """The samples in a JSON file; UserError where it holds something else."""
    try:
        return [_sample(record) for record in read_json(path)]
    except (OSError, ValueError, TypeError, KeyError, AttributeError, RecursionError) as error:
        expected = "a JSON list of {id, category, pieces: [{text, is_target}], n_tokens}"
        raise UserError(f"{path} ({type(error).__name__}: {error})", expected, "check --samples") from None


def _sample(record: dict[str, Any]) -> Sample:
    pieces = tuple(Piece(str(piece["text"]), bool(piece["is_target"])) for piece in record["pieces"])
    return Sample(str(record["id"]), str(record.get("category") or ""), pieces, int(record["n_tokens"]))


def samples_section(samples: list[Sample]) -> Section:
    """Rows as the model reads them, the targets marked."""
    anchor, title = "samples", "Rows as the model reads them"
    legend = paragraph(
        "Prompt and answer as one text. ", element("mark", "Marked text"), " is what the loss is taken on."
    )
    return Section(anchor, title, join([legend, *(_sample_block(sample) for sample in samples)]))


def _sample_block(sample: Sample) -> Html:
    head = " · ".join(part for part in (sample.category, f"{count(sample.n_tokens)} tokens", sample.id) if part)
    return join([note(head), highlighted(sample.pieces)])
