"""An output as the file that libraries write."""

import os

from featfuse.storage.byte_output import OutputStream

from tests.support.sources import MemoryOutput


def test_an_output_as_a_file() -> None:
    output = MemoryOutput()
    output.reserve(20)
    with OutputStream(output).buffered() as file:
        file.write(b"head")
        file.write(b"body")
        assert file.tell() == 8
        file.seek(0)
        file.write(b"HE")
        file.seek(8)
        file.truncate()
        assert file.seek(0, os.SEEK_END) == 8
    assert output.commit() == 8
    assert output.data == b"HEadbody"
