"""Makes DICOM files of pixels, as tests need them, each with a patient whom no output may name."""

import io
from typing import Any

import numpy as np
from pydicom.dataset import Dataset, FileMetaDataset
from pydicom.uid import ExplicitVRLittleEndian, SecondaryCaptureImageStorage

PATIENT = ("Roe^Jane", "19520229")
"""Name and number of the patient of every file."""


def made(pixels: np.ndarray, *, syntax: str = ExplicitVRLittleEndian, **elements: Any) -> bytes:
    """A DICOM file of these values: [height, width], [frames, height, width] or with channels last."""
    data = Dataset()
    data.file_meta = FileMetaDataset()
    data.file_meta.TransferSyntaxUID = syntax
    data.file_meta.MediaStorageSOPClassUID = data.SOPClassUID = SecondaryCaptureImageStorage
    data.file_meta.MediaStorageSOPInstanceUID = data.SOPInstanceUID = "1.2.3"
    color = pixels.shape[-1] == 3
    frames = pixels if pixels.ndim == 3 + color else pixels[None]
    data.Rows, data.Columns = frames.shape[1:3]
    data.SamplesPerPixel, data.PhotometricInterpretation = (3, "RGB") if color else (1, "MONOCHROME2")
    if color:
        data.PlanarConfiguration = 0
    if len(frames) > 1:
        data.NumberOfFrames = len(frames)
    bits = 8 * pixels.dtype.itemsize
    data.BitsAllocated, data.BitsStored, data.HighBit = bits, bits, bits - 1
    data.PixelRepresentation = int(pixels.dtype.kind == "i")
    data.PixelData = pixels.tobytes()
    data.PatientName, data.PatientID = PATIENT
    for name, value in elements.items():
        setattr(data, name, value)
    stream = io.BytesIO()
    data.save_as(stream, enforce_file_format=True)
    return stream.getvalue()
