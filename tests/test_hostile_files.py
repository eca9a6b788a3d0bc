"""Files made to run code or to crash: pickles of fifty kinds, safetensors with changed bytes."""

import io
import pickle
import random
import struct
import zipfile
from collections import OrderedDict
from collections.abc import Callable
from itertools import product
from pathlib import Path
from typing import Any

import pytest
import torch

from lit_gpt.checkpoint import load_model
from lit_gpt.errors import UserError
from lit_gpt.peft_adapters import load_adapter
from tests.tiny import save_checkpoint

TENSOR = "model.norm.weight"


class Call:
    """Pickles as the call of a function."""

    def __init__(self, function: Callable[..., Any], *arguments: Any) -> None:
        self.call = function, arguments

    def __reduce__(self) -> tuple[Any, ...]:
        return self.call


class WithState(OrderedDict[str, Any]):
    """A dict whose attributes run code when they are restored."""

    def __init__(self, call: Call) -> None:
        super().__init__()
        self.call = call

    def __reduce__(self) -> tuple[Any, ...]:
        return OrderedDict, (), {"hook": self.call}


def calls(mark: Path) -> dict[str, Call]:
    """Ways to create a file by being unpickled."""
    import builtins
    import os
    import runpy
    import subprocess

    program = f"open({str(mark)!r}, 'w').close()"
    script = mark.with_suffix(".py")
    script.write_text(program)
    return {
        "os.system": Call(os.system, f"touch {mark}"),
        "exec": Call(builtins.exec, program),
        "eval": Call(builtins.eval, program),
        "open": Call(builtins.open, str(mark), "w"),
        "subprocess": Call(subprocess.call, ["touch", str(mark)]),
        "runpy": Call(runpy.run_path, str(script)),
        "mkdir": Call(os.mkdir, str(mark)),
        "method": Call(Path.touch, mark),
        "symlink": Call(os.symlink, "/", str(mark)),
        "torch.save": Call(torch.save, [1], str(mark)),
    }


PLACES: dict[str, Callable[[Call], Any]] = {
    "alone": lambda call: call,
    "value": lambda call: {TENSOR: call},
    "deep": lambda call: {"state_dict": {"a": [({"b": call},)]}},
    "beside": lambda call: OrderedDict([(TENSOR, torch.zeros(3).tolist()), ("z", call)]),
    "state": WithState,
}
FORMS = ("zip", "legacy", "bare")
NAMES = ("os.system", "exec", "eval", "open", "subprocess", "runpy", "mkdir", "method", "symlink", "torch.save")
PAYLOADS = [
    (name, place, FORMS[number % 3], (2, 4, 2, 3, 5)[number % 5])
    for number, (name, place) in enumerate(product(NAMES, PLACES))
]


def packed(payload: Any, form: str, protocol: int) -> bytes:
    """A payload as torch.save's zip, as its older format, or as a bare pickle."""
    data = pickle.dumps(payload, protocol)
    if form == "bare":
        return data
    if form == "legacy":  # torch/serialization.py: magic number, version, system, object, keys of storages
        head = (0x1950A86A20F9469CFC6C, 1001, {"protocol_version": 1001, "little_endian": True, "type_sizes": {}})
        return b"".join(pickle.dumps(part, 2) for part in head) + data + pickle.dumps([], 2)
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w") as archive:
        archive.writestr("archive/data.pkl", data)
        archive.writestr("archive/byteorder", "little")
        archive.writestr("archive/version", "3\n")
    return buffer.getvalue()


@pytest.fixture(scope="module")
def checkpoint(tmp_path_factory: pytest.TempPathFactory) -> Path:
    directory = tmp_path_factory.mktemp("tiny")
    save_checkpoint(directory)
    return directory


def test_there_are_fifty_payloads_and_they_are_live(tmp_path: Path) -> None:
    """Without this the test below could pass on duds."""
    assert len(set(PAYLOADS)) == 50
    for number, name in enumerate(NAMES):
        mark = tmp_path / str(number)
        pickle.loads(pickle.dumps(calls(mark)[name], 2))
        assert mark.exists() or mark.is_symlink(), name


@pytest.mark.parametrize(("name", "place", "form", "protocol"), PAYLOADS)
def test_no_pickle_runs_code(checkpoint: Path, tmp_path: Path, name: str, place: str, form: str, protocol: int) -> None:
    mark = tmp_path / "mark"
    data = packed(PLACES[place](calls(mark)[name]), form, protocol)
    model_dir = tmp_path / "model"
    model_dir.mkdir()
    (model_dir / "config.json").write_bytes((checkpoint / "config.json").read_bytes())
    (model_dir / "pytorch_model.bin").write_bytes(data)
    with pytest.raises(UserError, match=r"pickled code is never run|something else than named tensors"):
        load_model(model_dir)
    assert not mark.exists() and not mark.is_symlink()


def test_pickled_adapters_are_not_even_opened(checkpoint: Path, tmp_path: Path) -> None:
    mark = tmp_path / "mark"
    (tmp_path / "adapter_model.bin").write_bytes(packed(calls(mark)["exec"], "zip", 2))
    (tmp_path / "adapter_config.json").write_text('{"peft_type": "LORA", "target_modules": ["q_proj"]}')
    with pytest.raises(UserError, match=r"adapter_model\.safetensors"):
        load_adapter(load_model(checkpoint), tmp_path)
    assert not mark.exists()


# ---- safetensors


def mutated(data: bytes, draw: random.Random) -> bytes:
    """The file with something changed: bytes of the header, of its length, of the tensors, or its end cut off."""
    n_header = struct.unpack("<Q", data[:8])[0]
    changed = bytearray(data)
    kind = draw.randrange(6)
    if kind == 0:
        return data[: draw.randrange(len(data))]
    if kind == 1:
        changed[:8] = struct.pack(
            "<Q", draw.choice([0, 1, n_header - 1, n_header + 1, len(data), 2**40, 2**63, 2**64 - 1])
        )
    elif kind == 2:
        digits = [at for at in range(8, 8 + n_header) if chr(changed[at]).isdigit()]
        for at in draw.sample(digits, draw.randint(1, 4)):
            changed[at] = ord(draw.choice("0123456789-"))
    elif kind == 3:
        for _ in range(draw.randint(1, 8)):
            changed[8 + draw.randrange(n_header)] = draw.randrange(256)
    elif kind == 4:
        for _ in range(draw.randint(1, 50)):
            changed[draw.randrange(len(data))] = draw.randrange(256)
    else:
        changed += bytes(draw.randrange(256) for _ in range(draw.randint(1, 64)))
    return bytes(changed)


def check_mutations(checkpoint: Path, tmp_path: Path, n_files: int) -> None:
    (tmp_path / "config.json").write_bytes((checkpoint / "config.json").read_bytes())
    data, draw = (checkpoint / "model.safetensors").read_bytes(), random.Random(0)
    n_refused = 0
    for _ in range(n_files):
        (tmp_path / "model.safetensors").write_bytes(mutated(data, draw))
        try:
            load_model(tmp_path)
        except UserError:
            n_refused += 1
    print(f"{n_files} mutated safetensors: {n_refused} refused, {n_files - n_refused} read, none crashed")
    assert n_files / 2 < n_refused < n_files


def test_mutated_safetensors_are_refused_or_read(checkpoint: Path, tmp_path: Path) -> None:
    check_mutations(checkpoint, tmp_path, 100)


@pytest.mark.slow
def test_a_thousand_mutated_safetensors(checkpoint: Path, tmp_path: Path) -> None:
    check_mutations(checkpoint, tmp_path, 1000)
