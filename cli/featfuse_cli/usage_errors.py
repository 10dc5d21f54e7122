"""What Typer finds wrong with a command line, in our words: a sentence, a hint, as all other errors.

Its exceptions are told apart by their names and fields: their classes are private to Typer.
"""

import difflib
from typing import Any

import typer
from featfuse.errors import UsageError, meant

from featfuse_cli.commands import Commands
from featfuse_cli.help_page import usage

__all__ = ["in_our_words"]

_MOST_NEAR = 3


def in_our_words(error: typer.TyperException) -> UsageError:
    """The same error as one of ours; exit code 2."""
    ctx: Any = getattr(error, "ctx", None)
    told = _KINDS.get(type(error).__name__, _anything)
    return told(error, ctx)


def _no_such_option(error: Any, ctx: Any) -> UsageError:
    name = error.option_name
    return UsageError(f"there is no option {name}", hint=_other_option(name, ctx))


def _other_option(name: str, ctx: Any) -> str:
    """What may have been meant by an option that the command does not have."""
    near = _near(name, [each for param in ctx.command.get_params(ctx) for each in _names(param)])
    if near:
        return meant(near)
    root = ctx.find_root()
    for other, command in {"": root.command, **Commands()}.items():
        if name in [each for param in command.params for each in _names(param)]:
            return f"It is an option of {root.command_path} {other}".rstrip() + "."
    return f"All options: {ctx.command_path} --help"


def _names(param: Any) -> list[str]:
    return [] if param.param_type_name == "argument" else [*param.opts, *param.secondary_opts]


def _near(name: str, names: list[str]) -> list[str]:
    """Those that begin like `name` or with it, or are spelt much like it."""
    word = name.lstrip("-").lower()
    words = {each[2:]: each for each in names if each.startswith("--")}
    found = [each for each in words if len(word) > 2 and (each.startswith(word) or word.startswith(each))]
    near = difflib.get_close_matches(word, words, n=1, cutoff=0.75)
    return [words[each] for each in dict.fromkeys((*near, *found))][:_MOST_NEAR]


def _missing_parameter(error: Any, ctx: Any) -> UsageError:
    name = (error.param.metavar or error.param.name).removesuffix("...")
    return UsageError(f"no {name} is given", hint=_usage(ctx))


def _bad_parameter(error: Any, _ctx: Any) -> UsageError:
    """A value that is not what the option takes."""
    param = error.param
    flag, kind = max(param.opts, key=len), param.type.name
    if kind not in _NUMBERS:
        return UsageError(f"{flag}: {_sentence(error.message)}")
    what, example = _NUMBERS[kind]
    least = getattr(param.type, "min", None)
    wanted = what if least is None else f"{what} of at least {least}"
    value = error.message.rpartition(" is not ")[0]
    return UsageError(f"{flag}: {value} is not {wanted}", hint=f"Write it like {flag} {example}.")


_NUMBERS = {
    "int": ("a whole number", "2"),
    "int range": ("a whole number", "2"),
    "float": ("a number", "-0.5"),
}


def _bad_option(error: Any, ctx: Any) -> UsageError:
    """An option without its value, or a switch with one."""
    params = (param for param in ctx.command.get_params(ctx) if error.option_name in _names(param))
    param = next(params, None)
    if param is None:
        return _anything(error, ctx)
    name = error.option_name
    if param.is_flag or param.count:
        return UsageError(f"{name} takes no value", hint=f"Write {name} alone.")
    return UsageError(f"{name} needs a value", hint=f"Write it like {name} {param.metavar}.")


def _anything(error: Any, ctx: Any) -> UsageError:
    return UsageError(_sentence(error.format_message()), hint=_usage(ctx) if ctx is not None else "")


def _sentence(text: str) -> str:
    """Typer's sentence as ours begin and end."""
    return text[:1].lower() + text[1:].rstrip(".")


def _usage(ctx: Any) -> str:
    return f"Write it like {usage(ctx.command, ctx)}; {ctx.command_path} --help tells more."


_KINDS = {
    "NoSuchOption": _no_such_option,
    "MissingParameter": _missing_parameter,
    "BadParameter": _bad_parameter,
    "BadOptionUsage": _bad_option,
}
