# SPDX-License-Identifier: GPL-2.0
"""What the rig cannot do, in one sentence."""


class RigError(Exception):
    """Ends the rig, or one run of it, with a sentence for the user."""
