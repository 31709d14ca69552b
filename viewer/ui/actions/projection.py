"""What the rotating projection of the CT leaves out."""

from __future__ import annotations

from collections.abc import Iterable

from viewer.state.bone import BoneRemoval
from viewer.state.layers import Role
from viewer.ui.bone_finder import BoneFinder
from viewer.ui.commands import Command
from viewer.ui.context import UiContext
from viewer.ui.dialogs._parts import show
from viewer.ui.dialogs.bone_dialog import BoneDialog


def commands(context: UiContext) -> Iterable[Command]:
    """Commands of the View menu."""
    view = context.view
    bone = view.work.of(BoneRemoval)
    BoneFinder(context)

    def has_ct() -> bool:
        items = (view.volume(role) for role in Role)
        return any(item is not None and item.volume.quantity.is_hounsfield for item in items)

    yield Command(
        "mip.without-bone",
        "CT MIP without bone",
        lambda: bone.set(on=not bone.on),
        "View",
        has_ct,
        checked=lambda: bone.on,
    )
    yield Command("mip.bone-threshold", "Bone threshold…", lambda: ask_threshold(context), "View", has_ct)


def ask_threshold(context: UiContext) -> None:
    """Type the threshold; the projection follows, Cancel brings the old picture back."""
    bone = context.view.work.of(BoneRemoval)
    on, threshold = bone.on, bone.threshold_hu
    dialog = BoneDialog(threshold, context.window)
    dialog.changed.connect(lambda hu: bone.set(on=True, threshold_hu=hu))
    dialog.accepted.connect(lambda: bone.set(on=True))
    dialog.rejected.connect(lambda: bone.set(on=on, threshold_hu=threshold))
    show(dialog)
