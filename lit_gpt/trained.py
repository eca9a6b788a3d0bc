"""What training changes: the parameters that require a gradient, by name; read back strictly."""

from collections.abc import Iterable, Mapping

import torch
from torch import Tensor, nn

from lit_gpt.errors import UserError


def trainable_parameters(model: nn.Module) -> dict[str, nn.Parameter]:
    """A shared one (a tied head) once."""
    return {name: parameter for name, parameter in model.named_parameters() if parameter.requires_grad}


def count_numbers(parameters: Iterable[nn.Parameter]) -> int:
    return sum(parameter.numel() for parameter in parameters)


def copy_into(parameters: Mapping[str, Tensor], tensors: Mapping[str, Tensor]) -> None:
    """Give the parameters these values; UserError naming those that are missing, unexpected or of another shape."""
    wrong = [f"{name} is missing" for name in parameters if name not in tensors]
    wrong += [f"{name} is unexpected" for name in tensors if name not in parameters]
    for name in parameters.keys() & tensors.keys():
        if (shape := tuple(tensors[name].shape)) != (own := tuple(parameters[name].shape)):
            wrong.append(f"{name} is {shape}, not {own}")
    if wrong:
        got, expected = "; ".join(sorted(wrong)), "what this model trains"
        raise UserError(got, expected, "use the base and the settings it was trained with")
    with torch.no_grad():
        for name, parameter in parameters.items():
            parameter.copy_(tensors[name])
