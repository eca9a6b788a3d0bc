"""The models known by name: size, context, licence, and whether the efficiency challenge allowed them as a base.

    python scripts/list_models.py --search llama

Any other checkpoint of a supported family works too: its config.json is enough. Families are the model_types of
config.json; `--families true` lists them.
"""

from lit_gpt.cli import run_command


def main(search: str = "", approved: bool = False, families: bool = False) -> None:
    """Print the table.

    Args:
        search: only names that contain this, in whatever case
        approved: only base models that the challenge allowed
        families: the supported model_types instead
    """
    from lit_gpt.approved import approved_list
    from lit_gpt.cards import load_cards
    from lit_gpt.hf_families import FAMILIES

    if families:
        print(*sorted(FAMILIES), sep="\n")
        return
    cards = [card for card in load_cards().values() if search.lower() in card.name.lower()]
    cards = [card for card in cards if card.is_approved or not approved]
    rows = [("model", "parameters", "context", "licence", f"challenge ({approved_list()['as_of']})")]
    for card in sorted(cards, key=lambda card: card.name.lower()):
        config = card.config
        size, allowed = f"{config.n_parameters / 1e9:.2f} B", "allowed" if card.is_approved else "not on the list"
        rows.append((card.name, size, f"{config.block_size:,}", card.licence or "see its page", allowed))
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    for row in rows:
        print("  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)).rstrip())


if __name__ == "__main__":
    run_command(main)
