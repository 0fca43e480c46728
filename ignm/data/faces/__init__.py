"""The embedded dataset: parametric faces that a fresh machine draws for itself instead of downloading real ones."""

from ignm.data.faces.drawing import RESOLUTIONS, Faces, draw_faces, render
from ignm.data.faces.names import CLASS_NAMES, CONTINUOUS_NAMES, GROUPS, VERSION
from ignm.data.faces.parameters import FaceParameters, sample_parameters

__all__ = [
    "CLASS_NAMES",
    "CONTINUOUS_NAMES",
    "GROUPS",
    "RESOLUTIONS",
    "VERSION",
    "FaceParameters",
    "Faces",
    "draw_faces",
    "render",
    "sample_parameters",
]
