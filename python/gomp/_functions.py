"""Functions that plain pickle cannot bring to a worker: cloudpickle can, where it is installed."""

from __future__ import annotations

import pickle
import sys

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

__all__ = ["advise", "by_value", "portable", "refuses"]

ADVICE = (
    "gomp pickles lambdas, closures and functions of a prompt where cloudpickle is installed: pip install cloudpickle"
)


class ByValue:
    """An object that was pickled by cloudpickle; pickled, it is that object."""

    def __init__(self, data: bytes) -> None:
        self.data = data

    def __reduce__(self) -> Any:
        return pickle.loads, (self.data,)


def at_prompt() -> bool:
    return "ps1" in sys.__dict__ or "ipykernel" in sys.modules


def portable(func: Any) -> Any:
    """The function, or what stands for it where plain pickle would name what a worker does not have: something
    that was defined at a prompt."""
    if at_prompt() and getattr(func, "__module__", None) == "__main__":
        return by_value(func) or func
    return func


def by_value(obj: Any) -> ByValue | None:
    """The object pickled by cloudpickle; None if that is not installed, or refuses it too."""
    try:
        import cloudpickle

        return ByValue(cloudpickle.dumps(obj))
    except Exception:
        return None


def advise(failure: BaseException) -> None:
    """Say what would help, if it would."""
    if (
        sys.modules.get("cloudpickle") is None
        and "pickle" in str(failure)
        and ADVICE not in getattr(failure, "__notes__", ())
    ):
        failure.add_note(ADVICE)


def refuses(failure: BaseException, func: Any) -> bool:
    """Whether it was pickle that has raised the exception, and not something else while the call was submitted."""
    from multiprocessing.reduction import ForkingPickler

    try:
        ForkingPickler.dumps(func)
    except Exception as e:
        return type(e) is type(failure)
    return False
