"""Perplexity and IFD: against Transformers' GPT-2 of random weights, and packed against one row at a time."""

import math
from pathlib import Path
from types import MappingProxyType

import pytest
import torch
from transformers import GPT2LMHeadModel

from lit_gpt.checkpoint import load_model
from lit_gpt.curation.indicators import likelihoods as module
from lit_gpt.curation.indicators.documents import Document, passes_of
from lit_gpt.curation.indicators.likelihoods import (
    Likelihood,
    Reader,
    learnability_scores,
    length_scores,
    likelihoods,
    nll_alone_scores,
    nll_given_scores,
)
from lit_gpt.curation.indicators.packed import next_logits, summed_nll
from lit_gpt.curation.indicators.scores import Missing, why_missing
from lit_gpt.model import GPT
from lit_gpt.prompts import TEXT_STYLES
from tests.curation.rows import row
from tests.tiny import save_checkpoint


class Letters:
    """A tokenizer whose ids fit a vocabulary of 101; without a BOS, as GPT-2's."""

    bos_id: int | None = None
    eos_id = 2
    adds_bos = False
    control_tokens = MappingProxyType({"</s>": 2})
    stop_ids = (2,)

    def encode_batch(self, texts: list[str]) -> list[list[int]]:
        return [[3 + ord(letter) % 98 for letter in text] for text in texts]


class WithBos(Letters):
    bos_id = 1
    adds_bos = True
    control_tokens = MappingProxyType({"<s>": 1, "</s>": 2})


RAW = TEXT_STYLES["raw"]
ROWS = [row(f"r{n}", "why " * (n % 4) + "?", "because of " + "abcdefgh" * (n % 3) + "x" * n) for n in range(1, 12)]


@pytest.fixture(scope="module")
def theirs(tmp_path_factory: pytest.TempPathFactory) -> tuple[GPT2LMHeadModel, GPT]:
    directory = tmp_path_factory.mktemp("gpt2")
    other = save_checkpoint(directory, "gpt2")
    return other, load_model(directory, dtype=torch.float32).eval()


def their_mean_nll(model: GPT2LMHeadModel, ids: list[int], n_context: int) -> float:
    """Transformers' own loss, with what is not scored masked by its own convention."""
    labels = [-100] * n_context + ids[n_context:]
    with torch.no_grad():
        return model(input_ids=torch.tensor([ids]), labels=torch.tensor([labels])).loss.item()


@pytest.mark.parametrize("tokenizer", [Letters(), WithBos()])
@pytest.mark.parametrize("prefix", ["", "Answer:"])
@pytest.mark.parametrize("ends", [False, True])
def test_both_passes_are_transformers(
    theirs: tuple[GPT2LMHeadModel, GPT], tokenizer: Letters, prefix: str, ends: bool
) -> None:
    other, ours = theirs
    reader = Reader(ours, tokenizer, RAW, alone_prefix=prefix, ends=ends)
    bos = [tokenizer.bos_id] if tokenizer.bos_id is not None else []
    found = dict(likelihoods(ROWS, reader))
    assert list(found) == [example.id for example in ROWS]
    for example in ROWS:
        prompt, answer, heading = tokenizer.encode_batch(
            [example.messages[0].content, example.messages[1].content, prefix]
        )
        answer = [*answer, tokenizer.eos_id] if ends else answer
        given = their_mean_nll(other, bos + prompt + answer, len(bos + prompt))
        alone = their_mean_nll(other, bos + heading + answer, len(bos + heading))
        assert found[example.id].given == pytest.approx(given, rel=1e-5)
        assert found[example.id].alone == pytest.approx(alone, rel=1e-5)
        assert found[example.id].perplexity == pytest.approx(math.exp(given), rel=1e-5)
        assert found[example.id].ifd_loss == pytest.approx(given / alone, rel=1e-5)
        assert found[example.id].ifd_ppl == pytest.approx(math.exp(given) / math.exp(alone), rel=1e-5)


def test_each_pass_can_be_read_by_itself(theirs: tuple[GPT2LMHeadModel, GPT]) -> None:
    reader = Reader(theirs[1], Letters(), RAW)
    found = dict(likelihoods(ROWS, reader))
    assert dict(nll_given_scores(ROWS, reader)) == pytest.approx({id: r.given for id, r in found.items()})
    assert dict(nll_alone_scores(ROWS, reader)) == pytest.approx({id: r.alone for id, r in found.items()})


def test_only_answers_reach_the_head_and_each_token_is_read_once_a_pass(theirs: tuple[GPT2LMHeadModel, GPT]) -> None:
    model, reader = theirs[1], Reader(theirs[1], Letters(), RAW)
    n_read, n_headed = [], []
    hooks = [
        model.transformer.wte.register_forward_hook(lambda _, ids, out: n_read.append(ids[0].numel())),
        model.lm_head.register_forward_hook(lambda _, hidden, out: n_headed.append(hidden[0][..., 0].numel())),
    ]
    list(likelihoods(ROWS, reader))
    for hook in hooks:
        hook.remove()
    documents = [document for row in reader.passes(ROWS) for document in (row.given, *row.alone)]
    assert sum(n_read) == sum(len(document.ids) for document in documents), "no padding"
    assert sum(n_headed) == sum(len(document.places) for document in documents) < sum(n_read)


def test_the_two_ratios_rank_rows_differently() -> None:
    one, other = Likelihood(1.0, 2.0), Likelihood(0.1, 0.3)
    assert one.ifd_loss > other.ifd_loss and one.ifd_ppl < other.ifd_ppl


def test_packing_changes_no_number(theirs: tuple[GPT2LMHeadModel, GPT]) -> None:
    model = theirs[1]
    documents = [Document([5 + n % 7] * (n % 9 + 2), list(range(1, n % 9 + 2))) for n in range(40)]
    alone = [summed_nll(model, [document])[0] for document in documents]
    for chunk_tokens in (1, 17, 4096):
        assert summed_nll(model, documents, chunk_tokens) == pytest.approx(alone, rel=1e-5)
    logits = torch.stack([next_logits(model, [document])[0] for document in documents])
    torch.testing.assert_close(next_logits(model, documents, 17), logits, rtol=1e-4, atol=1e-5)


def test_pieces_of_a_window_give_the_bits_of_one_stream(
    theirs: tuple[GPT2LMHeadModel, GPT], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "WINDOW_ROWS", 4)
    reader = Reader(theirs[1], Letters(), RAW)
    pieces = [pair for start in range(0, len(ROWS), 4) for pair in likelihoods(ROWS[start : start + 4], reader)]
    assert pieces == list(likelihoods(ROWS, reader))


def test_rows_that_cannot_be_scored_say_why(theirs: tuple[GPT2LMHeadModel, GPT]) -> None:
    rows = [row("long", "q", "x" * 80), row("empty", "q", ""), row("fine", "q", "xyz"), row("one", "q", "x")]
    found = dict(likelihoods(rows, Reader(theirs[1], Letters(), RAW)))
    assert [why_missing(found[id].perplexity) for id in found] == ["too_long", "no_answer_tokens", "", ""]
    assert [why_missing(found[id].ifd_loss) for id in found] == [
        "too_long",
        "no_answer_tokens",
        "",
        "nothing_to_score_alone",
    ]
    limited = Reader(theirs[1], Letters(), RAW, max_tokens=3)
    assert why_missing(dict(nll_given_scores(rows, limited))["fine"]) == "too_long"
    assert dict(nll_alone_scores(rows, limited))["fine"] > 0, "only what is read has to fit"
    assert why_missing(Likelihood(1.0, 0.0).ifd_loss) == "certain_alone"
    assert why_missing(Likelihood(1.0).ifd_ppl) == "not_asked_for"
    assert why_missing(Likelihood(1e6).perplexity) == "overflow"
    assert why_missing(Likelihood(Missing("x")).perplexity) == "x"


def test_a_dialogue_s_answers_count_together(theirs: tuple[GPT2LMHeadModel, GPT]) -> None:
    model, tokenizer = theirs[1], WithBos()
    dialogue = row("d", "ab", "cd", "ef", "ghi")
    (passes,) = passes_of([dialogue], tokenizer, RAW)
    a, b, gap, c = tokenizer.encode_batch(["ab", "cd", "\n\nef", "ghi"])
    assert passes.given.ids == [1, *a, *b, 2, *gap, *c]  # the second answer's end is not scored, so not read either
    assert passes.given.places == [3, 4, 10, 11, 12]
    assert [document.ids for document in passes.alone] == [[1, *b], [1, *c]]
    assert list(length_scores([dialogue], tokenizer, RAW)) == [("d", 7, 5)]
    nll = summed_nll(model, [passes.given, *passes.alone])
    ((_, found),) = likelihoods([dialogue], Reader(model, tokenizer, RAW))
    assert (found.given, found.alone) == pytest.approx((nll[0] / 5, (nll[1] + nll[2]) / 5))


def test_learnability_is_the_fall_of_the_loss(theirs: tuple[GPT2LMHeadModel, GPT], tmp_path: Path) -> None:
    save_checkpoint(tmp_path, "gpt2", seed=1)
    before = Reader(theirs[1], Letters(), RAW)
    after = Reader(load_model(tmp_path, dtype=torch.float32).eval(), Letters(), RAW)
    rows = [*ROWS, row("long", "q", "x" * 80)]
    first, second = (dict(likelihoods(rows, reader, alone=False)) for reader in (before, after))
    scores = dict(learnability_scores(iter(rows), before, after))
    assert why_missing(scores.pop("long")) == "too_long"
    assert scores == {id: first[id].given - second[id].given for id in scores} and len(scores) == len(ROWS)


def test_a_model_in_training_mode_is_refused(theirs: tuple[GPT2LMHeadModel, GPT], tmp_path: Path) -> None:
    save_checkpoint(tmp_path, "gpt2")
    model = load_model(tmp_path, dtype=torch.float32).train()
    with pytest.raises(ValueError, match="eval mode"):
        list(likelihoods(ROWS, Reader(model, Letters(), RAW)))
