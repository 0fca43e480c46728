"""The frozen, validated Config: schema, presets, YAML, overrides by path."""

from ignm.config.files import (
    config_paths,
    flat,
    load_config,
    load_preset,
    override,
    parse_assignments,
    preset_names,
    read_yaml,
    save_config,
    to_yaml,
    value_at,
)
from ignm.config.messages import nearest, validated
from ignm.config.schema import Config, Evaluation, TrialSpec

__all__ = [
    "Config",
    "Evaluation",
    "TrialSpec",
    "config_paths",
    "flat",
    "load_config",
    "load_preset",
    "nearest",
    "override",
    "parse_assignments",
    "preset_names",
    "read_yaml",
    "save_config",
    "to_yaml",
    "validated",
    "value_at",
]
