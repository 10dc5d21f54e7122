"""HDF5 (and netCDF-4), by h5py where it must be and past it where it can be; it costs nothing until used."""

from featfuse.formats.hdf5.reader import open_reader
from featfuse.formats.hdf5.writer import create_sink

__all__ = ["create_sink", "open_reader"]
