"""From a plan, or from a refusal, to the report's JSON."""

import json

import featfuse
import numpy as np


def test_the_report_is_json_also_for_infinite_options() -> None:
    report = featfuse.inspect((4, 4), method="pad", to="6x6", pad_value=-np.inf)
    assert json.loads(report.to_json())["pipeline"]["pad_value"] == "-inf"
