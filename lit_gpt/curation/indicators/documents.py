"""What a model is asked about a row: token ids, and the places whose probability counts.

A row becomes one document in which each answer stands after all that was said before it, and one for each answer by
itself. Only an answer's own words count, and where that is asked for the token that ends it: an answer that was cut off
ends where no answer would.
A document's first token is never scored, for nothing precedes it that could predict it.
"""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from itertools import groupby

from lit_gpt.example import Example
from lit_gpt.prompts import PromptStyle
from lit_gpt.tokens.encode import EncodedRow, Encoder, encode_examples


@dataclass(frozen=True)
class Document:
    """Ids, and the places among them whose probability counts: ascending, none of them 0."""

    ids: list[int]
    places: list[int]


@dataclass(frozen=True)
class Passes:
    """A row twice: its answers given their prompts, and each answer alone."""

    id: str
    given: Document
    alone: list[Document]
    n_input: int  # tokens of everything but the answers
    n_output: int  # tokens of the answers

    @property
    def n_tokens(self) -> int:
        """Of the longest document."""
        return max(len(document.ids) for document in (self.given, *self.alone))


def passes_of(
    examples: Iterable[Example], tokenizer: Encoder, style: PromptStyle, alone_prefix: str = "", ends: bool = False
) -> Iterator[Passes]:
    """Both passes of every row, in order.

    alone_prefix: what stands before an answer that stands alone (Cherry LLM writes its response heading). Without one,
        and without a BOS, the first token of an answer alone is not scored.
    ends: the first token after an answer's words counts as one of them
    """
    end = {*tokenizer.control_tokens.values(), tokenizer.eos_id}
    opening = [tokenizer.bos_id] if tokenizer.adds_bos and tokenizer.bos_id is not None else []
    opening = opening + (tokenizer.encode_batch([alone_prefix])[0] if alone_prefix else [])
    for example, row in encode_examples(examples, tokenizer, style):
        is_output = [is_answer and id not in end for id, is_answer in zip(row.ids, row.is_answer, strict=True)]
        if ends:
            after = zip([False, *is_output], is_output, row.is_answer, strict=False)
            is_output = [is_one or (before and is_answer) for before, is_one, is_answer in after]
        places = [place for place, is_one in enumerate(is_output) if is_one]
        given = Document(row.ids[: places[-1] + 1] if places else row.ids, [place for place in places if place])
        n_output = len(places)
        yield Passes(example.id, given, _alone(row, is_output, opening), sum(not a for a in row.is_answer), n_output)


def _alone(row: EncodedRow, is_output: list[bool], opening: list[int]) -> list[Document]:
    documents = []
    for is_answer, run in groupby(zip(row.ids, is_output, strict=True), key=lambda pair: pair[1]):
        if is_answer:
            ids = opening + [id for id, _ in run]
            documents.append(Document(ids, list(range(max(len(opening), 1), len(ids)))))
    return documents
