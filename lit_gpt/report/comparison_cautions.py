"""Reasons to read a comparison with care: noise that is none, spoilt rows to measure on, lengths, too few draws."""

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from lit_gpt.report.curation_report import UNEQUAL
from lit_gpt.report.formats import count, percent
from lit_gpt.report.measure_section import TITLES, TOO_FEW

RANDOM, AGAIN, LONGEST, MATCHED = "random", "random again", "longest", "length-matched"
TEST = "test"
TWO_DRAWS = (
    "Two draws hardly tell how far draws differ: of studies without an effect 8 to 11% leave zero out of the interval. "
    "Ask for three or more with --seeds; what is done is not done again."
)


SPOILT = (
    "Losses are of validation rows, as spoilt as the pool: learning what is wrong lowers them. No command here makes a "
    "split of tests of your own file. Check some rows by hand, prepare them as a set of their own, and have each "
    "training answer them: eval/exact_match.py --adapter_dir OUT_DIR/runs/NAME/final --data_dir CHECKED --split train."
)
HARDLY = 0.01  # share of the base's loss by which the random draw's must differ from it, or training did little


def cautions(results: Mapping[str, Any]) -> list[str]:
    """Sentences for the top of the page; none where there is nothing to say."""
    found = []
    for measure, numbers in results["measures"].items():
        again = numbers["effects"].get(AGAIN)
        if again and again["verdict"] not in ("as it should be", TOO_FEW):
            found.append(f"Two random draws differ beyond chance by {TITLES[measure].lower()}: trust no effect here.")
    by_seed = {measure: numbers["by_seed"] for measure, numbers in results["measures"].items()}
    losses = by_seed.get("held_out_loss", {}).get(RANDOM, [])
    found += _measured(results, losses, by_seed.get("exact_match", {}))
    found += _length(results)
    return found + few_draws(results["n_seeds_done"])


def size_cautions(results: Mapping[str, Any]) -> list[str]:
    """The same of a study of sizes; what earlier results do not say is not warned of."""
    measures = results["measures"]
    losses = measures.get("held_out_loss", {}).get(RANDOM, {"by_seed": [[]]})["by_seed"][-1]
    answered = {name: curve["by_seed"][-1] for name, curve in measures.get("exact_match", {}).items()}
    return [*_measured(results, losses, answered), *few_draws(results["settings"]["seeds"])]


def few_draws(n_seeds: int) -> list[str]:
    return [TWO_DRAWS] if n_seeds < 3 else []


def _measured(
    results: Mapping[str, Any], random_losses: Sequence[float], answered: Mapping[str, Sequence[float]]
) -> Iterator[str]:
    """What speaks against the rows that are measured on, or says that training did little."""
    if results.get("measured_split", TEST) != TEST:
        yield SPOILT
    if answered and not any(map(sum, answered.values())):
        yield "Nobody answered anything right: exact match tells nothing here."
    shared = results.get("prompts_in_pool")
    if shared and shared["n_shared"]:
        n_shared, n_measured = shared["n_shared"], shared["n_measured"]
        yield (
            f"{percent(n_shared / n_measured)} of the measured prompts ({count(n_shared)} of {count(n_measured)}) also "
            "stand in the pool, perhaps with other answers: what is learnt by heart counts."
        )
    base = results.get("base", {}).get("held_out_loss")
    if base and random_losses:
        random = sum(random_losses) / len(random_losses)
        if abs(base - random) < HARDLY * base:
            yield (
                f"The finetuning hardly moved the base: its held-out loss is {base:.3f}, after training on the random "
                f"draw {random:.3f}, less than {100 * HARDLY:.0f}% apart. Sets can hardly differ then: train for more "
                "--steps, or at a higher --learning_rate."
            )


def _length(results: Mapping[str, Any]) -> list[str]:
    """Of candidates whose answers are longer or shorter than the random draw's by half: either may be all that helped.
    What is there to tell length apart is not warned of."""
    words = {name: each["answer_words"][1] for name, each in results["candidates"].items()}
    random = words[RANDOM]
    unlike = {
        name: median
        for name, median in words.items()
        if name not in (AGAIN, LONGEST) and not name.startswith(MATCHED) and _differ(median, random)
    }
    if not unlike:
        return []
    medians = ", ".join(f"{count(median)} in {name}" for name, median in unlike.items())
    told = f"The median answer has {count(random)} {'word' if random == 1 else 'words'} in the random draw, {medians}: "
    return [f"{told}what comes of it may come of length. {_way_to_tell(results, unlike)}".rstrip()]


def _differ(one: float, other: float) -> bool:
    return max(one, other) >= UNEQUAL * max(min(one, other), 1)


def _way_to_tell(results: Mapping[str, Any], unlike: Mapping[str, float]) -> str:
    """Random rows of the same lengths: where they are, or how to have them. No baseline is matched."""
    named = [name for name in unlike if name not in results["settings"]["baselines"]]
    if any(f"{MATCHED} to {name}" not in results["candidates"] for name in named):
        return f"Random rows of the same lengths were not compared: --baselines random {MATCHED} adds them."
    return "See what is left beyond length, below." if named else ""
