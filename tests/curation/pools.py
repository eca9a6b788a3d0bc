"""Small pools for the tests of curation."""

import json
from pathlib import Path
from typing import Any

from lit_gpt.curation.recipes import Recipe, read_recipe
from lit_gpt.curation.settings import CurateSettings
from lit_gpt.data.prepare import prepare_examples
from lit_gpt.data.settings import DataSettings
from lit_gpt.data.sources import user_file

WORDS = (
    "amber birch cedar delta ember frost grove heron iris jade kelp lotus maple north olive pearl quartz river".split()
)


def prompts(n: int) -> list[dict[str, Any]]:
    """n rows, all different, with answers of 1 to n words."""
    return [
        {
            "instruction": f"Tell me about {WORDS[i % 18]} {WORDS[i // 18 % 18]} and {i}",
            "output": " ".join(["word"] * (i + 1)),
        }
        for i in range(n)
    ]


def prepare(folder: Path, rows: list[dict[str, Any]], name: str = "pool") -> Path:
    """A prepared set of these rows, none held out."""
    folder.mkdir(parents=True, exist_ok=True)
    file = folder / f"{name}.jsonl"
    file.write_text("".join(json.dumps(row) + "\n" for row in rows))
    settings = DataSettings(source=str(file), destination_path=folder / name, val_split_fraction=0)
    return prepare_examples(user_file.source(), settings)


def recipe(folder: Path, text: str, name: str = "mine") -> Recipe:
    """A recipe of these sections, with a card."""
    card = "card: {title: t, paper: p, formula: f, ours: [o], negatives: [n]}\n"
    path = folder / f"{name}.yaml"
    path.write_text(card + text)
    return read_recipe(path)


def settings(data_dir: Path, **more: Any) -> CurateSettings:
    return CurateSettings(**{"data_dir": data_dir, "recipe": "mine", "report": False, **more})


def ledger(directory: Path) -> list[dict[str, Any]]:
    return [json.loads(line) for line in (directory / "rejects.jsonl").read_text().splitlines()]
