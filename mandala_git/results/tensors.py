"""What torch tensors are made of; imported only when one is met."""

from __future__ import annotations

from typing import Any

from mandala_git.results.atoms import frame, text
from mandala_git.results.naming import name_of
from mandala_git.results.shapes import NoShape, Shape


def _head(kind: str, *names: str) -> bytes:
    return b"".join([frame(b"h", text(kind)), *[frame(b"s", text(name)) for name in names]])


def shape_of(obj: Any, digits: int | None = None) -> Shape | None:
    """Take a tensor apart: its elements and all that a save and load keeps of it.

    Args:
        obj: an object whose class, or one it inherits from, is of torch.
        digits: significant decimal digits to which floats count; None: all.

    Returns:
        Its shape, or None for what pickle's reduction describes well enough.

    Raises:
        NoShape: it is quantized.
    """
    import torch

    if isinstance(obj, torch.UntypedStorage):
        return Shape(_head("storage"), [elements_of(torch.empty(0, dtype=torch.uint8).set_(obj))])
    if not isinstance(obj, torch.Tensor) or obj.device.type == "meta":
        return None
    if obj.is_quantized:
        raise NoShape("a quantized tensor; mandala_git.register_type may say what it stands for")
    own = dict(vars(obj)) or None
    kind = [name_of(type(obj)), str(obj.dtype), obj.device.type, str(obj.layout)]
    head = _head("tensor", *kind)
    facts = [tuple(obj.shape), obj.requires_grad, own]
    plain = obj.detach()
    if plain.layout == torch.strided:
        return Shape(head, [*facts, elements_of(plain)])
    if plain.layout == torch.sparse_coo:
        plain = plain.coalesce()
        parts = [plain.indices(), plain.values()]
    elif plain.layout in (torch.sparse_csr, torch.sparse_bsr):
        parts = [plain.crow_indices(), plain.col_indices(), plain.values()]
    elif plain.layout in (torch.sparse_csc, torch.sparse_bsc):
        parts = [plain.ccol_indices(), plain.row_indices(), plain.values()]
    else:
        return None
    return Shape(head, [*facts, *map(elements_of, parts)])


def elements_of(tensor: Any) -> Any:
    """Return the elements of a strided tensor as a numpy array, shared where that is possible.

    Dtypes that numpy does not know (bfloat16) come as the integers of their bits.
    """
    import torch

    plain = tensor.detach().cpu().resolve_conj().resolve_neg()
    try:
        return plain.numpy()
    except TypeError:
        bits = {1: torch.uint8, 2: torch.int16, 4: torch.int32, 8: torch.int64}
        return plain.view(bits[plain.element_size()]).numpy()


# Storing -----------------------------------------------------------------------------------


def reduced(obj: Any) -> Any:
    """Reduce a tensor to its elements as a numpy array, for a pickle; torch would copy them twice.

    Returns:
        A reduction, or NotImplemented for what is left to torch.
    """
    import torch

    cls = type(obj)
    plain = cls is torch.Tensor or cls is torch.nn.Parameter
    if (
        not plain
        or obj.layout != torch.strided
        or obj.is_quantized
        or obj.device.type == "meta"
        or vars(obj)
        or obj._backward_hooks
    ):
        return NotImplemented
    kind = str(obj.dtype).removeprefix("torch.")
    facts = (cls is torch.nn.Parameter, obj.requires_grad, str(obj.device))
    return tensor_of, (elements_of(obj), kind, *facts)


def tensor_of(elements: Any, kind: str, parameter: bool, requires_grad: bool, device: str) -> Any:
    """Make a tensor from its elements; pickles call this function by its name.

    Where the device that it was on is not there, it is on the CPU.
    """
    import torch

    if not elements.flags.writeable:  # torch has no such thing
        elements = elements.copy()
    tensor = torch.from_numpy(elements)
    dtype = getattr(torch, kind)
    if tensor.dtype != dtype:
        tensor = tensor.view(dtype)
    if device != "cpu":
        try:
            tensor = tensor.to(device)
        except (RuntimeError, AssertionError):  # how torch says that there is none
            tensor = tensor.cpu()
    if parameter:
        return torch.nn.Parameter(tensor, requires_grad=requires_grad)
    return tensor.requires_grad_(requires_grad)
