"""Where images come from: listed in a stable order and read one at a time, never extracted."""

from ignm.data.sources.labels_csv import LABELS_FILE
from ignm.data.sources.opening import LAYOUTS, open_source
from ignm.data.sources.source import EXTENSIONS, Source, UnreadableImageError, natural_key

__all__ = ["EXTENSIONS", "LABELS_FILE", "LAYOUTS", "Source", "UnreadableImageError", "natural_key", "open_source"]
