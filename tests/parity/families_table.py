"""The README's table of families, made from what the tests compare: `python -m tests.parity.families_table`."""

from collections import Counter, defaultdict

from lit_gpt.cards import load_cards
from tests.parity.variants import VARIANTS

N_NAMED = 3  # models of a family that the table names


def families_table() -> str:
    """Markdown: a row for every family."""
    n_networks = Counter(variant.family for variant in VARIANTS)
    names = defaultdict(list)
    for card in load_cards().values():
        names[card.hf["model_type"]].append(card.name.partition("/")[2])
    rows = ["| `model_type` | networks compared | known by name |", "|---|---|---|"]
    for family, count in sorted(n_networks.items()):
        known = sorted(names[family], key=str.lower)
        more = f" and {len(known) - N_NAMED} more" if len(known) > N_NAMED else ""
        rows.append(f"| {family} | {count} | {', '.join(known[:N_NAMED])}{more} |")
    return "\n".join(rows)


if __name__ == "__main__":
    print(families_table())
