"""What an exported picture says about itself: technical facts, never the patient (rule F02)."""

from __future__ import annotations

import datetime as dt

from viewer import __version__
from viewer.imaging.presets import format_window
from viewer.state.bone import BoneRemoval
from viewer.state.curve import CurvedPath
from viewer.state.oblique import LEAST_DEG, PLANES, off_axis_deg
from viewer.state.panes import Pane, PlaneKind
from viewer.state.slab import slab_of, slab_text
from viewer.state.view import ViewState
from viewer.ui.dialogs.intended_use import INTENDED_USE


def technical_facts(view: ViewState, pane: Pane | None, date: dt.date) -> dict[str, str]:
    """Facts for the text chunks of a PNG file.

    Built from numbers and the program's own words only: names of windows and series come from headers, where a
    patient's name has been seen, and are left out.

    Parameters
    ----------
    pane
        The pane that is shown, None for the whole layout.
    date
        Day of the export.

    Returns
    -------
    dict
        PNG keyword to ASCII text; "Software" and "Creation Time" are the keywords of the PNG standard (11.3.3.2).
    """
    facts = {
        "Software": f"Triptych {__version__}",
        "Creation Time": date.isoformat(),
        "Intended Use": INTENDED_USE,
        "View": view.layout.id if pane is None else f"{pane.kind.value} {pane.content.value}",
    }
    item = view.base_volume
    if item is None:
        return facts
    panes = view.layout.panes if pane is None else (pane,)
    roles = tuple(dict.fromkeys(role for shown in panes for role in view.roles_of(shown)))
    windows = []
    for role in roles:
        volume, layer = view.volume(role), view.layer(role)
        if volume is not None and layer is not None and not volume.volume.is_colour:
            windows.append(format_window(layer.window, volume.volume.display_unit))
    if windows:
        facts["Window"] = "; ".join(windows).encode("ascii", "replace").decode("ascii")
    geometry = item.volume.geometry
    if pane is not None and pane.kind is PlaneKind.MIP:
        shown = view.volume(view.roles_of(pane)[-1])
        without = "" if shown is None else view.work.of(BoneRemoval).text(shown.volume)
        facts["Projection"] = f"MIP {view.mip_angle_deg:.0f} deg {without}".strip()
    elif pane is not None and pane.kind is PlaneKind.CURVED:
        drawn = view.work.of(CurvedPath)
        path = drawn.path()
        length = "" if path is None or not geometry.calibrated else f" of {path.length_mm:.1f} mm"
        facts["Projection"] = f"curved, {drawn.mode.value} {drawn.angle_deg:.0f} deg{length}"
    elif geometry.oriented and geometry.calibrated:
        x_mm, y_mm, z_mm = view.cursor_mm
        facts["Position"] = f"x {x_mm:.1f} y {y_mm:.1f} z {z_mm:.1f} mm (LPS)"
    slab = view.slab if pane is None else slab_of(view, pane.kind)
    if slab is not None and (pane is None or pane.kind in PLANES):
        facts["Slab"] = slab_text(slab)
    if pane is not None and off_axis_deg(view, pane.kind) >= LEAST_DEG:
        facts["Turned"] = f"turned {off_axis_deg(view, pane.kind):.1f} deg"
    return facts


def footer_lines(facts: dict[str, str]) -> tuple[str, ...]:
    """The strip below a picture: one technical line, then the intended use."""
    technical = [
        facts[key] for key in ("View", "Window", "Position", "Projection", "Turned", "Slab") if key in facts
    ]
    return ("   ".join([*technical, f"{facts['Software']}, {facts['Creation Time']}"]), facts["Intended Use"])
