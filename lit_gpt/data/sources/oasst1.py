"""Open Assistant conversations: 10,364 trees of messages by 13,500 volunteers, rated by volunteers.

Home: https://huggingface.co/datasets/OpenAssistant/oasst1, `2023-04-12_oasst_ready.trees.jsonl.gz`
(https://arxiv.org/abs/2304.07327). Licence: Apache-2.0. Origin: human, except messages marked `synthetic`.

One tree (shortened), and one flat row as QLoRA's evaluation files have them:
    {"message_tree_id": "6708…", "prompt": {"text": "Can you write …?", "role": "prompter", "lang": "en",
     "replies": [{"text": "Monopsony is …", "role": "assistant", "rank": 0, "labels": {"quality": {"value": 0.7}},
                  "replies": []}]}}
    {"input": "### Human: What do you think? ### Assistant:", "output": "As an open …", "lang": "en", "rank": 0}

Known traps
- A tree holds several dialogues. `best` takes the reply ranked first at every turn; `all` takes every path to a leaf.
  The hub's `messages` files hold the same trees as single messages and are not read.
- Rank 0 is the best. Prompters' messages have none, and many answers neither; then the first one given is taken.
- Half of it is not English (35 languages). A message may be deleted, or synthetic with a `model_name`; both are told.
- A path may end in a question; it is cut to the last answer, and paths that become the same are one.
- The `labels` are means of ratings between 0 and 1; a message that nobody rated has none, which is not a 0.
- Some writers pasted ChatGPT's answers. Nothing in the data says where.
"""

from collections.abc import Iterator
from typing import Any, Literal

from lit_gpt.data.formats import dialogue, marked_turns, optional_text_field, text_field
from lit_gpt.data.source import Home, ParsedRow, Rejected, Source
from lit_gpt.example import Message

HOME = Home("OpenAssistant/oasst1", ("2023-04-12_oasst_ready.trees.jsonl.gz",))
Threads = Literal["best", "all"]
Node = dict[str, Any]
LAST = float("inf")
MAX_TURNS = 100  # the deepest tree of oasst1 has a tenth of that


def source(threads: Threads = "best", languages: str = "", min_quality: float | None = None) -> Source:
    """Which dialogues of the trees.

    Args:
        threads: best takes the best-ranked dialogue of each tree, all takes each of them
        languages: language codes with commas between, e.g. en,de; the default is all languages
        min_quality: least rating, from 0 to 1, that every answer of a dialogue must have
    """
    wanted = {language.strip() for language in languages.split(",") if language.strip()}

    def parse(record: dict[str, Any]) -> ParsedRow:
        if wanted and (language := optional_text_field(record, "lang")) not in wanted:
            raise Rejected("other_language" if language else "unknown_language")
        path = record.get("path")
        return _flat(record, min_quality) if path is None else _thread(path, min_quality)

    def unfold(record: dict[str, Any], file: str) -> Iterator[dict[str, Any]]:
        root = record.get("prompt")
        if not isinstance(root, dict):
            yield record
            return
        paths = _paths(root, threads == "best")
        for path in dict.fromkeys(tuple(map(_without_replies, path)) for path in paths):
            yield {"path": [dict(node) for node in path], "lang": root.get("lang")}

    return Source(
        name="oasst1",
        home=HOME,
        licence="Apache-2.0",
        origin="human",
        parse=parse,
        unfold=unfold,
        forms=(("prompt",), ("input", "output")),
        options={"threads": threads, "languages": sorted(wanted), "min_quality": min_quality},
    )


def _paths(root: Node, best: bool) -> Iterator[list[Node]]:
    """The dialogues from the root, each cut after its last answer."""
    todo = [[root]]
    while todo:
        path = todo.pop()
        replies = sorted(_replies(path[-1]), key=_rank)
        if not replies or len(path) == MAX_TURNS:
            yield path[:-1] if path[-1].get("role") == "prompter" and len(path) > 1 else path
        todo += [[*path, reply] for reply in reversed(replies[:1] if best else replies)]


def _replies(node: Node) -> list[Node]:
    replies = node.get("replies") or []
    if not isinstance(replies, list) or not all(isinstance(reply, dict) for reply in replies):
        raise Rejected("non_text_value")
    return replies


def _rank(node: Node) -> float:
    rank = node.get("rank")
    return rank if isinstance(rank, int | float) else LAST


def _without_replies(node: Node) -> tuple[tuple[str, Any], ...]:
    """The message alone, as something that can be compared."""
    text = node.get("text")
    if not isinstance(text, str | None):
        raise Rejected("non_text_value")
    return (
        ("text", text),
        ("role", str(node.get("role"))),
        ("deleted", bool(node.get("deleted"))),
        ("synthetic", bool(node.get("synthetic"))),
        ("model_name", str(node.get("model_name") or "unknown")),
        ("quality", _quality(node)),
    )


def _quality(node: Node) -> float | None:
    labels = node.get("labels")
    quality = labels.get("quality") if isinstance(labels, dict) else None
    value = quality.get("value") if isinstance(quality, dict) else None
    return float(value) if isinstance(value, int | float) else None


def _thread(path: list[Node], min_quality: float | None) -> ParsedRow:
    if any(node["deleted"] for node in path):
        raise Rejected("deleted_message")
    answers = [node for node in path if node["role"] == "assistant"]
    if min_quality is not None:
        if any(node["quality"] is None for node in answers):
            raise Rejected("missing_score")
        if any(node["quality"] < min_quality for node in answers):
            raise Rejected("below_quality")
    row = dialogue([Message("assistant" if n["role"] == "assistant" else "user", text_field(n, "text")) for n in path])
    if any(node["synthetic"] for node in path):
        models = sorted({node["model_name"] for node in path if node["synthetic"]})
        return ParsedRow(row.messages, origin="llm", generator=", ".join(models), notes=row.notes)
    return row


def _flat(record: dict[str, Any], min_quality: float | None) -> ParsedRow:
    """A row whose dialogue so far is one text with marks, and whose last answer is another."""
    if min_quality is not None:
        raise Rejected("missing_score")
    asked = text_field(record, "input").rstrip().removesuffix("### Assistant:")
    answer = Message("assistant", text_field(record, "output"))
    return dialogue([*marked_turns(asked), answer], optional_text_field(record, "category"))
