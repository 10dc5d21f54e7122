"""What is said when an option for weights names a file that holds several tensors: those that would fit."""

import shlex

from featfuse.errors import InputError
from featfuse.formats.headers import natural_key
from featfuse.io.address import Address
from featfuse.io.selection import SeveralTensors, listing
from featfuse.planning.fitting import Fit
from featfuse.wording import either, flag, phrase, worded

__all__ = ["offered"]

MOST_OFFERED = 5


def offered(error: SeveralTensors, option: str, before: str, fit: Fit | None) -> InputError:
    """`error` again, about `option`: the tensors that `fit`, with the words to paste; all of them where that
    cannot be told, or none does. `before` is what stands before the file in the option's value (`1=`)."""
    what = f"{worded(option)} {before.partition('=')[0]}".strip()
    keys = sorted(error.specs, key=natural_key)

    def command(key: str) -> str:
        value = f"{before}{Address(error.path, key)}"
        return either(f"{flag(option)} {shlex.quote(value)}", worded(option, value))

    fitting = [] if fit is None else [key for key in keys if fit.fits(error.specs[key].shape)]
    if fit is None or not fitting:
        told = "" if fit is None else f", none of which fits {fit.what}"
        return InputError(
            f"{what}: {error.path} holds {len(keys)} tensors{told}:",
            details=error.details,
            hint=f"Say which one, like {command(keys[0])}" if fit is None else phrase(fit.hint),
        )
    verb = "fits" if len(fitting) == 1 else "fit"
    return InputError(
        f"{what}: {error.path} holds {len(keys)} tensors, {len(fitting)} of which {verb} {fit.what}:",
        details=listing({key: error.specs[key] for key in fitting}, MOST_OFFERED, "more that fit"),
        hint="Say which one:" if len(fitting) > 1 else "Name it:",
        commands=[command(key) for key in fitting[:MOST_OFFERED]],
    )
