"""On real rows and real tokenizers: the ids of a training prompt are the ids of the same prompt at inference."""

import shutil
import subprocess
import sys
from itertools import islice
from pathlib import Path

import pytest

from lit_gpt.data.settings import DataSettings
from lit_gpt.data.sources import dolly, lima
from lit_gpt.data.store import read_examples
from lit_gpt.prompts import TEXT_STYLES
from lit_gpt.tokenizer import Tokenizer
from lit_gpt.tokens.encode import encode_examples, encode_prompt
from lit_gpt.tokens.prepare import prepare
from lit_gpt.tokens.settings import TokenSettings

GIB_IN_KIB = 1 << 20


@pytest.fixture(scope="module")
def tokenizers(shared: Path, tmp_path_factory: pytest.TempPathFactory) -> dict[str, Tokenizer]:
    """SentencePiece and byte-level BPE, as checkpoints have them."""
    llama, neox = tmp_path_factory.mktemp("llama"), tmp_path_factory.mktemp("neox")
    shutil.copy(shared / "data/tokenizers/llama2/tokenizer.model", llama / "tokenizer.model")
    (llama / "tokenizer_config.json").write_text('{"tokenizer_class": "LlamaTokenizer", "eos_token": "</s>"}')
    shutil.copy(shared / "data/tokenizers/gpt_neox_20b/20B_tokenizer.json", neox / "tokenizer.json")
    (neox / "tokenizer_config.json").write_text('{"eos_token": "<|endoftext|>"}')
    return {"llama": Tokenizer(llama), "neox": Tokenizer(neox)}


@pytest.fixture(scope="module")
def examples(shared: Path, tmp_path_factory: pytest.TempPathFactory) -> list:
    """1,000 real rows: all of LIMA's dialogues of several turns, and rows with and without an input."""
    folder = tmp_path_factory.mktemp("data")
    found = []
    for source, file in ((lima.source(), "lima/lima.json.gz"), (dolly.source(), "dolly/dolly_3k.json.gz")):
        settings = DataSettings(source=str(shared / "data/instructions" / file), destination_path=folder / source.name)
        prepare(source, settings, TokenSettings())
        found.append(list(read_examples(folder / source.name)))
    dialogues = [example for example in found[0] if len(example.messages) > 2]
    with_input = [example for example in found[1] if example.messages[0].input]
    chosen = [*dialogues, *with_input[:400], *found[0]]
    return list(islice(chosen, 1000))


@pytest.mark.parametrize("name", ["llama", "neox"])
@pytest.mark.parametrize("style", TEXT_STYLES)
def test_a_training_prompt_is_the_prompt_of_generation(name: str, style: str, tokenizers, examples) -> None:
    tokenizer = tokenizers[name]
    assert len(examples) == 1000
    for example, row in encode_examples(examples, tokenizer, TEXT_STYLES[style]):
        for n_turns in range(1, len(example.messages), 2):
            prompt = encode_prompt(example.messages[:n_turns], tokenizer, TEXT_STYLES[style])
            assert row.ids[: len(prompt)] == prompt
            assert row.is_answer[len(prompt)]
        n_answers = sum(message.role == "assistant" for message in example.messages)
        assert row.ids[-1] == tokenizer.eos_id
        assert row.ids.count(tokenizer.eos_id) == n_answers, "no text of a user's becomes a control token"


@pytest.mark.parametrize("name", ["llama", "neox"])
def test_answers_read_back_as_they_were(name: str, tokenizers, examples) -> None:
    tokenizer = tokenizers[name]
    for example, row in islice(encode_examples(examples, tokenizer, TEXT_STYLES["alpaca"]), 300):
        prompt = encode_prompt(example.messages[:1], tokenizer, TEXT_STYLES["alpaca"])
        end = row.ids.index(tokenizer.eos_id)
        assert tokenizer.decode(row.ids[len(prompt) : end]) == example.messages[1].content


def test_alpaca_prepares_within_a_gib(shared: Path, tmp_path: Path) -> None:
    """52,002 rows and their tokens; measured in a process of its own, above what its imports take."""
    source = shared / "data/instructions/alpaca_52k/alpaca_data_en_reconstructed.json.gz"
    checkpoint = shared / "checkpoints/karpathy/stories260K"
    program = f"""
import resource
from pathlib import Path
import pyarrow, sentencepiece
from lit_gpt.data.settings import DataSettings
from lit_gpt.data.sources import alpaca
from lit_gpt.tokens.prepare import prepare
from lit_gpt.tokens.settings import TokenSettings
before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
prepare(alpaca.source(), DataSettings(source={str(source)!r}, destination_path=Path({str(tmp_path / "a")!r})),
        TokenSettings(Path({str(checkpoint)!r}), max_seq_length=512))
print(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before)
"""
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    assert int(done.stdout) < GIB_IN_KIB
