"""Layers that only move elements: channels to pixels and back, channels among groups."""

from __future__ import annotations

from .declared import Declared


class PixelShuffle(Declared):
    """r² channels become an image r times as high and wide. Shape: (*, C r², H, W) → (*, C, r H, r
    W).

    Reference: W. Shi et al., 2016, "Real-time single image and video super-resolution using an
               efficient sub-pixel convolutional neural network".
    """

    function = "pixel_shuffle"
    upscale_factor: int


class PixelUnshuffle(Declared):
    """Blocks of r by r elements become r² channels. Shape: (*, C, r H, r W) → (*, C r², H, W)."""

    function = "pixel_unshuffle"
    downscale_factor: int


class ChannelShuffle(Declared):
    """Channels dealt out, one of each group in turn. Shape: (N, C, *), unchanged.

    Reference: X. Zhang et al., 2018, "ShuffleNet".
    """

    function = "channel_shuffle"
    groups: int
