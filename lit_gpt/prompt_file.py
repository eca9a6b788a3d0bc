"""Many prompts from a file, answered in batches: a JSON object a line in, a JSON object a line out, in the same order.

    {"instruction": "Sort these.", "input": "3 1 2"}        or    {"messages": [{"role": "user", "content": "..."}]}
    {"line": 1, "answers": ["1 2 3"], "is_cut": [false]}    or    {"line": 1, "reason": "...", "text": "..."}

No row is lost: one that cannot be asked has its reason in its place. Answers are kept in OUT.partial as they come; the
same command run again after an interruption goes on from there. Not covered: prompts that arrive while others run.
"""

import json
import sys
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from lit_gpt.answer_settings import Sampling
from lit_gpt.batched_generation import Stop, answer_all
from lit_gpt.errors import UserError
from lit_gpt.example import Message, user_message
from lit_gpt.files import hash_json, write_bytes
from lit_gpt.generation import UNFINISHED, new_text, room_for_answer
from lit_gpt.model import GPT
from lit_gpt.progress import bar
from lit_gpt.prompts import PromptStyle
from lit_gpt.seeds import derive_seed
from lit_gpt.stop_strings import cut_at_stop
from lit_gpt.tokenizer import Tokenizer
from lit_gpt.tokens.encode import encode_prompt, stop_ids

ROLES = ("system", "user", "assistant")
N_SHOWN = 200  # characters of a line that cannot be asked
Record = dict[str, Any]


@dataclass(frozen=True)
class Answerer:
    """A model and how it answers; everything here, and the prompts, decide the answers."""

    model: GPT
    tokenizer: Tokenizer
    style: PromptStyle
    sampling: Sampling
    stops: tuple[str, ...] = ()
    seed: int = 1234
    num_samples: int = 1
    max_new_tokens: int = 50
    batch_size: int = 16

    def seeds_of(self, line: int) -> list[int]:
        """One a sample, which depends on the line's number and not on who shares its batch."""
        return [derive_seed(self.seed, "line", line, "sample", number) for number in range(self.num_samples)]

    def stop(self) -> Stop:
        ids = stop_ids(self.tokenizer, self.style)
        if not self.stops:
            return Stop(ids)

        def is_ended(prompt_ids: Sequence[int], ids: Sequence[int]) -> bool:
            text = new_text(self.tokenizer, prompt_ids, ids)
            return not text.endswith(UNFINISHED) and cut_at_stop(text, self.stops) != text

        return Stop(ids, is_ended)


def answer_file(answerer: Answerer, path: Path, out: Path | None, made_from: Record) -> None:
    """Answer every line of a file, to `out` or, without one, to stdout.

    made_from: what else decides the answers, by name; the rest of another's work is not gone on with.
    UserError where the file has no row that can be asked.
    """
    prompts, records = _read(answerer, path)
    if not prompts:
        reason = next((record["reason"] for record in records.values()), "it is empty")
        raise UserError(f"{path} without a prompt: {reason}", 'lines such as {"instruction": "..."}', "mend the file")
    for line, record in records.items():
        print(f"{path}, line {line} cannot be asked: {record['reason']}", file=sys.stderr)
    if out is None:
        records |= dict(_answer(answerer, prompts))
        sys.stdout.write("".join(_lines(records)))
        return
    head = hash_json({**made_from, "prompts": {str(line): ids for line, ids in prompts.items()}})
    partial = out.with_name(out.name + ".partial")
    done = _resumed(partial, head)
    left = {line: ids for line, ids in prompts.items() if line not in done}
    with open(partial, "a", encoding="utf-8") as file:
        for line, record in _answer(answerer, left):
            done[line] = record
            file.write(json.dumps(record) + "\n")
            file.flush()
    write_bytes(out, "".join(_lines(records | done)).encode())
    partial.unlink()


def _lines(records: dict[int, Record]) -> Iterator[str]:
    return (json.dumps(records[line], ensure_ascii=False) + "\n" for line in sorted(records))


def _answer(answerer: Answerer, prompts: dict[int, list[int]]) -> Iterator[tuple[int, Record]]:
    """Every line's record, as soon as all of its samples are there."""
    asked = [(line, number) for line in prompts for number in range(answerer.num_samples)]
    answers = answer_all(
        answerer.model,
        [prompts[line] for line, _ in asked],
        answerer.max_new_tokens,
        sampling=answerer.sampling,
        seeds=[answerer.seeds_of(line)[number] for line, number in asked],
        stop=answerer.stop(),
        batch_size=answerer.batch_size,
    )
    there: dict[int, dict[int, tuple[str, bool]]] = {line: {} for line in prompts}
    with bar(len(asked), "answering", "answer") as progress:
        for index, answer in answers:
            line, number = asked[index]
            text = new_text(answerer.tokenizer, prompts[line], answer.ids)
            there[line][number] = cut_at_stop(text, answerer.stops), answer.is_cut
            progress.update()
            if len(there[line]) == answerer.num_samples:
                texts, is_cut = zip(*(there[line][n] for n in range(answerer.num_samples)), strict=True)
                yield line, {"line": line, "answers": list(texts), "is_cut": list(is_cut)}


def _read(answerer: Answerer, path: Path) -> tuple[dict[int, list[int]], dict[int, Record]]:
    """The prompts' ids by line, from 1, and the records of lines that cannot be asked; blank lines are no rows."""
    prompts: dict[int, list[int]] = {}
    records: dict[int, Record] = {}
    try:
        lines = path.read_bytes().splitlines()
    except FileNotFoundError:
        raise UserError(f"no file {path}", "a JSON object a line", "check --prompts") from None
    for number, line in enumerate(lines, 1):
        if not line.strip():
            continue
        try:
            prompts[number] = encode_prompt(_messages(line), answerer.tokenizer, answerer.style)
            room_for_answer(answerer.model, prompts[number])
        except (UserError, ValueError, RecursionError) as error:
            prompts.pop(number, None)
            reason = f"{error.got}; expected {error.expected}" if isinstance(error, UserError) else str(error)
            text = line[:N_SHOWN].decode(errors="replace")
            records[number] = {"line": number, "reason": reason, "text": text}
    return prompts, records


def _messages(line: bytes) -> list[Message]:
    """The dialogue of a line; ValueError saying what is wrong with it."""
    row = json.loads(line)
    if not isinstance(row, dict):
        raise ValueError("no JSON object")
    if "messages" not in row:
        instruction, given = row.get("instruction"), row.get("input") or ""
        if not isinstance(instruction, str) or not instruction.strip() or not isinstance(given, str):
            raise ValueError("neither messages nor an instruction (and perhaps an input) of text")
        return [user_message(instruction, given)]
    turns = row["messages"]
    is_dialogue = isinstance(turns, list) and all(
        isinstance(turn, dict) and turn.get("role") in ROLES and isinstance(turn.get("content"), str) for turn in turns
    )
    if not is_dialogue or not turns or turns[-1]["role"] != "user":
        raise ValueError("messages that are not a list of {role, content} ending with the user's")
    return [Message(turn["role"], turn["content"]) for turn in turns]


def _resumed(partial: Path, head: str) -> dict[int, Record]:
    """What an interrupted run of the same prompts left; its last line may be cut."""
    partial.parent.mkdir(parents=True, exist_ok=True)
    done: dict[int, Record] = {}
    lines = partial.read_text(encoding="utf-8").splitlines(keepends=True) if partial.is_file() else []
    if lines and lines[0] == head + "\n":
        for line in lines[1:]:
            if line.endswith("\n"):
                record = json.loads(line)
                done[record["line"]] = record
        print(f"{partial} goes on: {len(done)} rows are answered", file=sys.stderr)
    elif lines:
        print(f"{partial} is of other prompts or settings, and starts over", file=sys.stderr)
    write_bytes(partial, "".join([head + "\n", *(json.dumps(record) + "\n" for record in done.values())]).encode())
    return done
