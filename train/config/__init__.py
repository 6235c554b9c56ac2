"""Settings of a training: files, presets, and settings that would do nothing."""
