"""What a plan depends on of the tensors beside the inputs: not their names."""

import numpy as np
from featfuse.model.constant import Constant
from featfuse.model.tensor import TensorSpec
from featfuse.planning.extras import NO_EXTRAS, Extras, Projection, Side
from featfuse.planning.parameters import Parameter


def extras(name: str) -> Extras:
    spec = TensorSpec(f"{name}.npy", (4, 4), np.dtype("f4"), path=f"{name}.npy")
    kernel = Parameter(f"{name}-kernel", Constant(np.eye(2)))
    return Extras(like=spec, mask=Side(2, spec), kernel=kernel, projections=(Projection(0, kernel, None),))


def test_names_are_forgotten() -> None:
    assert extras("a") != extras("b")
    assert extras("a").anonymous == extras("b").anonymous
    assert extras("a").anonymous.mask == Side(2, extras("b").like.anonymous)
    assert NO_EXTRAS.anonymous == NO_EXTRAS
