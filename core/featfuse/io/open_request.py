"""A request with everything it names open: the inputs, and what stands beside them."""

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from types import MappingProxyType

from featfuse.errors import ShapeError
from featfuse.io.inputs import Inputs, Source
from featfuse.io.side_inputs import open_extras
from featfuse.model.value import Value
from featfuse.planning.extras import Extras
from featfuse.planning.plan import FusionPlan
from featfuse.planning.planner import make_plan
from featfuse.report.shape_report import Suggestion
from featfuse.request.options import FusionOptions, Options

__all__ = ["OpenRequest", "open_request"]


class OpenRequest(Value):
    """Open inputs, the options as given and as resolved, and what they name beside the inputs."""

    sources: Inputs
    given: FusionOptions
    options: Options
    extras: Extras

    def plan(self) -> FusionPlan:
        """The plan; ShapeError when the inputs cannot be fused as asked."""
        try:
            return make_plan(self.sources.specs, self.options, self.extras)
        except ShapeError as error:
            from featfuse.report.question import told_in_full

            raise told_in_full(error) from None

    def suggestions(self, delivery: Mapping[str, object] = MappingProxyType({})) -> tuple[Suggestion, ...]:
        """Everything that would bring these inputs together; `delivery` is repeated in each command."""
        from featfuse.report.suggest import suggest

        return suggest(self.sources.specs, self.sources.texts, self.given, self.extras, delivery)


@contextmanager
def open_request(
    inputs: Sequence[Source], given: FusionOptions, memory: int | None = None
) -> Iterator[OpenRequest]:
    """Check the options, open all that the request names, and close it at the end of the block.

    With `memory` (bytes), tensors that cannot be read within it are refused. Raises UsageError, InputError.
    """
    options = Options.resolve(given)
    with Inputs(inputs, memory=memory) as sources:
        yield OpenRequest(sources, given, options, open_extras(sources, options))
