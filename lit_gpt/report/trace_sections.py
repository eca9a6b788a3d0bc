"""Where everything comes from: versions, the commands that make it again, and the chain of content hashes."""

from collections.abc import Mapping, Sequence

from lit_gpt.manifest import Manifest
from lit_gpt.report.evaluations import Evaluation
from lit_gpt.report.formats import in_words
from lit_gpt.report.markup import Child, join
from lit_gpt.report.page import Section
from lit_gpt.report.parts import Column, code, code_block, details, heading, key_values, missing, note, paragraph, table
from lit_gpt.report.result_sections import Results
from lit_gpt.report.run_record import HYPERPARAMETERS, RunRecord, model_hash

Row = tuple[Child, ...]


def environment_section(run: RunRecord, environment: Mapping[str, str]) -> Section:
    """What the run's manifest records of its making, and what the caller says of the machine."""
    anchor, title = "environment", "Environment"
    parts: list[Child] = []
    if run.manifest:
        recorded = {"Code version": run.manifest.code_version, "Run finished": run.manifest.created.replace("T", " ")}
        settings = run.manifest.settings
        recorded |= {
            in_words(name).capitalize(): str(settings[name]) for name in ("precision", "seed") if name in settings
        }
        parts += [heading("Recorded by the run"), key_values(recorded)]
    else:
        parts.append(missing("The run is not finished, so it records no version yet."))
    parts.append(heading("Stated when this page was written"))
    parts.append(
        key_values(environment) if environment else missing("Nothing was said of the machine and its packages.")
    )
    return Section(anchor, title, join(parts))


def rerun_section(run: RunRecord, commands: Sequence[str]) -> Section:
    """The commands, the settings, and the chain of hashes cannot be apart: together they make the run again."""
    parts: list[Child] = []
    if commands:
        parts += [paragraph("From the top of the repository, in this order:"), code_block(commands)]
    else:
        parts.append(missing("No commands were given to this report."))
    if run.hyperparameters:
        shown = code_block(run.hyperparameters.rstrip("\n").split("\n"))
        parts.append(details(f"Every setting of the run ({HYPERPARAMETERS}, for --config)", shown))
    else:
        parts.append(missing(f"There is no {HYPERPARAMETERS} in {run.directory}."))
    return Section("rerun", "Run it again", join(parts))


def trace_section(run: RunRecord, results: Results) -> Section:
    """Each artefact with its content hash and the hashes of what it was made from."""
    chain: list[tuple[str, Manifest | None]] = [
        ("data set", run.example_set),
        ("tokens", run.token_set),
        ("run", run.manifest),
        *((f"evaluation {when}", e.manifest) for when, e in _evaluations(results)),
    ]
    known = {manifest.content_hash: name for name, manifest in chain if manifest}
    if "checkpoint" in run.parents:
        known[run.parents["checkpoint"]] = "the run's base model"
    for name, manifest in run.weights.items():
        known |= dict.fromkeys((manifest.content_hash, model_hash(manifest)), f"{name}/ of the run")
    rows: list[Row] = []
    for name, each in chain:
        rows += _rows(name, each, known) if each else [(name, "", "not available", "")]
    rows += [(f"{name}/ of the run", "itself", code(m.content_hash), "") for name, m in run.weights.items()]
    columns = [Column("artefact"), Column("hash of"), Column("content hash (SHA-256)"), Column("which is")]
    how = (
        "Each artefact names its parents by content hash in its manifest.json: follow them from the run to the source."
    )
    remark = "“Which is” names the artefact on this page with the very same hash."
    return Section(
        "trace", "Where it comes from", join([paragraph(how), table(columns, rows, "Manifests"), note(remark)])
    )


def _rows(name: str, manifest: Manifest, known: Mapping[str, str]) -> list[Row]:
    own: Row = (name, "itself", code(manifest.content_hash), "")
    parents = [
        (name, f"its {in_words(parent)}", code(content_hash), known.get(content_hash, ""))
        for parent, content_hash in manifest.parents.items()
    ]
    return [own, *parents]


def _evaluations(results: Results) -> list[tuple[str, Evaluation]]:
    pairs = (("before", results.before), ("after", results.after))
    return [(when, evaluation) for when, evaluation in pairs if evaluation]
