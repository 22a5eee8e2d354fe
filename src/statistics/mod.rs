//! Confidence over worlds.
