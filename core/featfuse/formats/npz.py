"""NumPy's .npz: a zip file of .npy members."""

import tempfile
import threading
import zipfile
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from copy import copy

from featfuse.errors import InputError, RunError
from featfuse.formats.headers import check_shape, native_dtype
from featfuse.formats.interface import NoTensor, OutputTensor, Reader, Sink
from featfuse.formats.npy import HEAD_BYTES, NpyHeader, npy_head, parse_header
from featfuse.formats.npz_checks import LOCAL_HEADER, check_places, check_sum, refuse_member, zip_faults
from featfuse.formats.raw_array import RawArray
from featfuse.model.tensor import Array, TensorSpec, Window
from featfuse.storage.byte_output import OutputFile, OutputStream, ScratchSpace
from featfuse.storage.byte_source import ByteSource, SourceStream
from featfuse.storage.faults import write_faults
from featfuse.storage.local import LocalScratch

__all__ = ["NpzReader", "NpzSink", "create_sink", "open_reader"]

_BLOCK = 1 << 20
_MEMBER_BYTES = 512
"""At least what the archive says of a member, beside its name, and of itself."""


class NpzReader(Reader):
    """A .npz file. Stored members are read in place, compressed ones unpacked once into a temporary file."""

    format = "npz"

    def __init__(self, source: ByteSource) -> None:
        super().__init__(source)
        self._stack = ExitStack()
        self._lock = threading.Lock()
        self._arrays: dict[str, tuple[ByteSource, RawArray]] = {}
        try:
            with zip_faults(self.path):
                self._zip = self._stack.enter_context(zipfile.ZipFile(SourceStream(source)))
            # zipfile's is_dir fails on an empty name
            members = [info for info in self._zip.infolist() if not info.filename.endswith("/")]
            self._members = {info.filename.removesuffix(".npy"): info for info in members}
            self._refuse_torch()
            with zip_faults(self.path):
                check_places(members, source.size)
            self._headers: dict[str, NpyHeader] = {}
            self._refused: dict[str, NoTensor] = {}
            counts = Counter(info.filename.removesuffix(".npy") for info in members)
            for key in self._members:
                self._read_header(key, counts[key])
        except BaseException:
            self._stack.close()
            raise

    def _refuse_torch(self) -> None:
        if any(name.rsplit("/", 1)[-1] == "data.pkl" for name in self._members):
            raise InputError(
                f"{self.path}: a PyTorch checkpoint, which is a pickle and can run code when loaded",
                hint="Load it in PyTorch and save the tensors with safetensors.torch.save_file.",
            )

    def _read_header(self, key: str, count: int) -> None:
        member, name = self._members[key], f"{self.path}::{key}"
        try:
            if count > 1:
                raise InputError(f"{name}: {count} members have this name", hint="Save the archive again.")
            refuse_member(member, name)
            with zip_faults(name), self._zip.open(member) as stream:
                head = stream.read(HEAD_BYTES)
            self._headers[key] = parse_header(head, name, member.file_size)
        except NoTensor as error:
            self._refused[key] = error
        except InputError as error:
            self._refused[key] = NoTensor(error.message, hint=error.hint)

    def specs(self) -> Mapping[str, TensorSpec]:
        """Every numeric array by its name, in the order of the archive."""
        return {key: self._spec(key, header) for key, header in self._headers.items()}

    def _spec(self, key: str, header: NpyHeader) -> TensorSpec:
        dtype = native_dtype(header.dtype)
        assert dtype is not None  # parse_header refused anything else
        name = f"{self.path}::{key}"
        return TensorSpec(name, header.shape, dtype, path=self.path, key=key, format=self.format)

    def find(self, key: str) -> TensorSpec | None:
        """The array called `key`; InputError when that member is no numeric array."""
        if key in self._refused:
            raise self._refused[key]
        header = self._headers.get(key)
        return None if header is None else self._spec(key, header)

    def refusals(self) -> Mapping[str, NoTensor]:
        """Why each member that is no numeric array is none."""
        return self._refused

    def read(self, key: str, window: Window) -> Array:
        """The block at `window` of the array `key`."""
        with self._lock:
            if key not in self._arrays:
                self._arrays[key] = self._locate(key)
        source, array = self._arrays[key]
        return array.read(source, window, f"{self.path}::{key}")

    def pieces(self, spec: TensorSpec, elements: int) -> Iterator[Window]:
        """Windows that cover the array in the order of the member."""
        return self._headers[spec.key or ""].locate().pieces(elements)

    def release(self, key: str) -> None:
        """Remove the temporary file that the array was unpacked into."""
        with self._lock:
            source, _ = self._arrays.pop(key, (self.source, None))
        if source is not self.source:
            source.close()

    def _locate(self, key: str) -> tuple[ByteSource, RawArray]:
        """Where the array is, its checksum known to be right."""
        member, name, header = self._members[key], f"{self.path}::{key}", self._headers[key]
        if member.compress_type != zipfile.ZIP_STORED:
            return self._unpack(member, name), header.locate()
        start = self._data_start(member, name)
        # One pass more over the member: windows come in any order, overlap, and may leave parts out, so
        # none of them could tell. Measured: 0.8 s for each GiB; np.load checks the same.
        with zip_faults(name):
            check_sum(self.source, start, member)
        return self.source, header.locate(start)

    def _data_start(self, member: zipfile.ZipInfo, name: str) -> int:
        """The position of a stored member's bytes, which the central directory does not tell."""
        with zip_faults(name):
            head = self.source.read(member.header_offset, LOCAL_HEADER.size)
            signature, name_length, extra_length = LOCAL_HEADER.unpack(head)
            if signature != b"PK\x03\x04" or member.compress_size != member.file_size:
                raise zipfile.BadZipFile("bad local header")
        start: int = member.header_offset + LOCAL_HEADER.size + name_length + extra_length
        return start

    def _unpack(self, member: zipfile.ZipInfo, name: str) -> ScratchSpace:
        scratch = LocalScratch(name, faults=_unpack_faults)
        self._stack.callback(scratch.close)
        position = 0
        for block in _blocks(self._zip, member, name):
            scratch.write_at(position, block)
            position += len(block)
        return scratch

    def close(self) -> None:
        self._stack.close()
        super().close()


@contextmanager
def _unpack_faults(name: str) -> Iterator[None]:
    """The temporary file's disk being full is not the fault of the input."""
    try:
        yield
    except OSError as error:
        raise RunError(
            f"{name}: cannot be unpacked into {tempfile.gettempdir()}: {error.strerror}",
            hint="Set TMPDIR to a folder with more space, or save the .npz uncompressed.",
        ) from error


def _blocks(archive: zipfile.ZipFile, member: zipfile.ZipInfo, name: str) -> Iterator[bytes]:
    """The member's bytes, unpacked; only faults of reading are faults of the input."""
    longer, size = copy(member), 0
    longer.file_size += 1  # zipfile stops where it is told, and would not see that there is more
    with ExitStack() as stack:
        with zip_faults(name):
            stream = stack.enter_context(archive.open(longer))
        while True:
            with zip_faults(name):
                block = stream.read(_BLOCK)
                size += len(block)
                if size > member.file_size or (not block and size < member.file_size):
                    what = "more" if size > member.file_size else "less"
                    raise zipfile.BadZipFile(f"it holds {what} than the {member.file_size:,} bytes it claims")
            if not block:
                return
            yield block


def open_reader(source: ByteSource) -> NpzReader:
    """A reader of the .npz file that `source` holds."""
    return NpzReader(source)


class NpzSink(Sink):
    """A .npz being written: each tensor gathers in a scratch file of its own, and `commit` packs them.

    A zip member begins with the checksum of its bytes, which are not known before the last block.
    """

    def __init__(self, output: OutputFile, tensors: Sequence[OutputTensor]) -> None:
        super().__init__(output)
        self._stack = ExitStack()
        self._data: dict[str, tuple[ScratchSpace, RawArray]] = {}
        try:
            size = sum([self._prepare(tensor) for tensor in tensors])
            # packing takes the same room once more, and it must not fail at the end
            output.reserve(size + sum(2 * len(tensor.key.encode()) + _MEMBER_BYTES for tensor in tensors))
        except BaseException:
            self._stack.close()
            raise

    def _prepare(self, tensor: OutputTensor) -> int:
        """Take the room for a tensor; the bytes of its .npy."""
        head = npy_head(tensor)
        scratch = self._output.scratch()
        self._stack.callback(scratch.close)
        size = len(head) + check_shape(tensor.shape, tensor.dtype.itemsize)
        scratch.reserve(size)
        scratch.write_at(0, head)
        self._data[tensor.key] = scratch, RawArray(len(head), tensor.shape, tensor.dtype)
        return size

    def write(self, key: str, window: Window, block: Array) -> None:
        """Store `block` at `window` of the tensor `key`."""
        scratch, array = self._data[key]
        array.write(scratch, window, block)

    def _finish(self) -> None:
        """Pack the tensors."""
        with (
            write_faults(self._output.name),
            OutputStream(self._output).buffered() as file,
            zipfile.ZipFile(file, "w", zipfile.ZIP_STORED) as packed,
        ):
            if self._output.existing is not None:
                self._keep_members(packed, self._output.existing)
            for key, (scratch, _) in self._data.items():
                member = zipfile.ZipInfo(f"{key}.npy")
                member.external_attr = 0o644 << 16
                with packed.open(member, "w", force_zip64=True) as target:
                    for start in range(0, scratch.size, _BLOCK):
                        target.write(scratch.read(start, _BLOCK))
            packed.close()
            file.truncate()  # what was reserved beyond the end

    def _keep_members(self, packed: zipfile.ZipFile, existing: ByteSource) -> None:
        """Copy what the archive holds already, save the members that are written anew."""
        replaced = {f"{key}.npy" for key in self._data}
        with ExitStack() as stack:
            with zip_faults(existing.name):
                source = stack.enter_context(zipfile.ZipFile(SourceStream(existing)))
            for member in source.infolist():
                if member.filename not in replaced:
                    with packed.open(_like(member), "w", force_zip64=True) as target:
                        for block in _blocks(source, member, existing.name):
                            target.write(block)

    def _release(self) -> None:
        self._stack.close()


def _like(member: zipfile.ZipInfo) -> zipfile.ZipInfo:
    """A new entry with the name, date and compression of `member`."""
    new = zipfile.ZipInfo(member.filename, member.date_time)
    new.compress_type, new.external_attr = member.compress_type, member.external_attr
    return new


def create_sink(
    output: OutputFile,
    tensors: Sequence[OutputTensor],
    provenance: Mapping[str, str],  # noqa: ARG001 (.npz has no room for it)
) -> NpzSink:
    """A sink for `tensors`, beside what the output's existing archive holds."""
    return NpzSink(output, tensors)
