# SPDX-License-Identifier: GPL-2.0
"""The parts of the rig that boots kernels and swaps over the network."""
