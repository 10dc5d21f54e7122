"""The question: each answer with what follows, and the option that gives it."""

import featfuse
from featfuse.fusion import inspect_inputs


def test_answers_side_by_side():
    report = featfuse.inspect((1, 8, 64, 28, 28), (1, 8, 32, 14, 14), method="bilinear")
    assert report.problem is not None
    told = report.problem.splitlines()
    assert told[0] == "the layout is ambiguous, and the result depends on it:"
    assert told[1] == (
        '  layout="NCDHW": N 1, 1; C 8, 8; D 64, 32 ×2 bilinear; H 28, 14 ×2 bilinear; W 28, 14 ×2 bilinear'
        " → 1×8×64×28×28"
    )
    assert told[2].startswith('  layout="NTCHW": refused, axis C: channel counts differ')
    assert told[3] == 'Say which: layout="NCDHW" or layout="NTCHW".'


def test_tokens_come_first():
    report = inspect_inputs([(1, 197, 768), (1, 768, 28, 28)], {"method": "bilinear"})
    assert report.problem is not None
    assert report.problem.splitlines()[1].startswith(
        "  --grid 14x14 --skip-tokens 1: N 1, 1; H 14 ×2 bilinear, 28;"
    )
    assert report.suggestions[0].command == (
        "fuse input1.npy input2.npy --method bilinear --grid 14x14 --skip-tokens 1"
    )
    assert report.suggestions[0].output_shape == (1, 28, 28, 768)
    report = featfuse.inspect((1, 197, 768), (1, 768, 28, 28), method="bilinear")
    assert report.problem.splitlines()[1].startswith('  grid="14x14", skip_tokens=1: N 1, 1;')
    assert report.suggestions[0].command == (
        'featfuse.fuse(input1, input2, method="bilinear", grid="14x14", skip_tokens=1)'
    )


def test_nothing_is_proposed_that_is_four_times_as_large_as_all_inputs():
    report = featfuse.inspect((1, 197, 768), (1, 768, 28, 28))
    most = 4 * (197 * 768 + 768 * 28 * 28)
    for it in report.suggestions:
        size = 1
        for axis in it.output_shape:
            size *= axis
        assert size < most
