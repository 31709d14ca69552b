"""`triptych render`: the picture of a pane without a window, through the same state and kernel as the window."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from viewer.errors import EmptyStudyError, ExportError, ViewerError

if TYPE_CHECKING:
    import numpy as np
    import numpy.typing as npt

    from viewer.cli.annotate import ColourBar
    from viewer.dicom.choice import DefaultChoice
    from viewer.dicom.model import Catalogue, Stack
    from viewer.imaging.volume import Volume
    from viewer.imaging.window import Voi, Window
    from viewer.loading.events import GeometryReady
    from viewer.state.resolve import PaneScene
    from viewer.state.view import ViewState

INTENDED_USE = "Not a medical device. Not for primary diagnosis or treatment decisions."

_PLANES = ("axial", "sagittal", "coronal")
_PROJECTIONS = ("max", "min", "mean", "sum")
_LARGEST_SIDE = 16384


@dataclass(frozen=True, eq=False)
class Rendering:
    """A finished picture.

    Parameters
    ----------
    pixels
        (h, w) uint32 0xFFRRGGBB.
    scene
        What is on it.
    text
        Technical lines (window, position, slab), without identity.
    colour_bar
        Of the coloured layer, None for grey pictures.
    problems
        Graphics of files that could not be drawn, in sentences.
    """

    pixels: npt.NDArray[np.uint32]
    scene: PaneScene
    text: tuple[str, ...]
    colour_bar: ColourBar | None
    problems: tuple[str, ...] = ()


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the options."""
    from viewer.cli.places import place

    add = parser.add_argument
    add(
        "paths",
        metavar="PATH",
        nargs="+",
        type=place,
        help="folder, DICOM file, DICOMDIR, .zip or .nii, or an address (https://, s3://)",
    )
    add(
        "-o", "--output", metavar="FILE", type=Path, required=True, help="picture to write (.png, .jpg, .tif)"
    )
    add("--plane", choices=_PLANES, default="axial", help="default: axial")
    add("--at", metavar="X,Y,Z", type=_point, help="LPS mm in the patient; default: the centre of the volume")
    add("--series", metavar="UID", help="series to show; default: the one that opens by itself")
    add("--preset", metavar="NAME", help="window preset by name: brain, bone, lung, ...")
    add("--window", metavar="W,L", type=_numbers(2), help="window width and level, instead of a preset")
    add("--invert", action="store_true", help="white for low values")
    add("--fuse", action="store_true", help="lay the PET of the same frame of reference over it")
    add(
        "--pet-range", metavar="LO,HI", type=_numbers(2), help="SUV (or Bq/mL) shown as first and last colour"
    )
    add("--colormap", metavar="ID", help="colours of the PET when fused, else of the picture")
    add("--opacity", metavar="0..1", type=_share, default=0.5, help="of the PET; default: 0.5")
    add("--size", metavar="WxH", type=_size, default=(800, 800), help="pixels; default: 800x800")
    add("--zoom", metavar="FACTOR", type=_positive, default=1.0, help="1 shows the whole volume")
    add("--fov", metavar="MM", type=_positive, help="width of the picture in the patient, instead of --zoom")
    add("--slab", metavar="MM", type=_positive, help="thickness of the slab that is projected")
    add("--projection", choices=_PROJECTIONS, default="max", help="of a slab; default: max")
    add("--interpolation", choices=("linear", "nearest", "cubic"), default="linear", help="default: linear")
    add(
        "--annotate",
        action="store_true",
        help="draw letters, scale bar and technical text; never the identity",
    )
    add("--no-graphics", action="store_true", help="leave out what files draw over them (overlay planes)")
    parser.epilog = "exit codes: 0 all well, 1 nothing to show, 2 wrong usage, 3 some slices had problems"


def run(arguments: argparse.Namespace) -> int:
    """Make and write one picture.

    Raises
    ------
    ViewerError
        There is nothing to show or the file cannot be written.
    """
    from viewer.cli import EXIT_OK, EXIT_PARTIAL
    from viewer.cli.reading import read, require

    reading = require(
        read(arguments.paths, lambda catalogue: choose(catalogue, arguments.series, arguments.fuse))
    )
    if not reading.opened:
        reasons = "; ".join(problem.reason for problem in reading.problems)
        raise EmptyStudyError(reasons or "there is no image that can be shown")
    rendering = render(reading.opened, arguments)
    write(rendering, arguments.output, annotated=arguments.annotate)
    for problem in rendering.problems:
        print(problem, file=sys.stderr)
    broken = bool(rendering.problems) or any(event.volume.corrupt.any() for event in reading.opened)
    return EXIT_PARTIAL if broken else EXIT_OK


def choose(catalogue: Catalogue, series_uid: str | None, fuse: bool) -> DefaultChoice:
    """What to load: the named or natural series, and its PET when they are to be fused.

    Raises
    ------
    ViewerError
        The series does not exist or has no images, or there is no PET to fuse.
    """
    from viewer.dicom.choice import DefaultChoice, choose_default

    choice = choose_default(catalogue)
    base = choice.ct if choice.ct is not None else None if fuse else choice.pet
    if series_uid is not None:
        base = _named_stack(catalogue, series_uid)
    if not fuse:
        return DefaultChoice(base, None)
    pet = choice.pet
    if base is None or pet is None or pet is base:
        raise ViewerError("there is no PET with a CT or MR below it that could be fused")
    frame = base.geometry.frame_of_reference_uid
    if not frame or frame != pet.geometry.frame_of_reference_uid:
        raise ViewerError("the PET and the picture below it have no common frame of reference (rule D30)")
    return DefaultChoice(base, pet)


def _named_stack(catalogue: Catalogue, uid: str) -> Stack:
    stack = catalogue.find_stack(uid)
    if stack is not None:
        return stack
    series = catalogue.find_series(uid)
    if series is None:
        raise ViewerError("there is no series with this UID (triptych info lists them)")
    if not series.stacks:
        raise ViewerError(f"this series has no images, it is a {series.kind.value}")
    return max(series.stacks, key=lambda stack: len(stack.frames))


def render(opened: list[GeometryReady], arguments: argparse.Namespace) -> Rendering:
    """The picture of loaded volumes: the first below, the second, if any, fused over it."""
    import numpy as np

    from viewer.state.layers import ImageLayer
    from viewer.state.library import Library, OpenVolume
    from viewer.state.panes import Content, Pane, PlaneKind
    from viewer.state.resolve import resolve
    from viewer.state.view import ViewState

    library = Library()
    for event in opened:
        library.add(OpenVolume(event.volume, event.stack, event.series, event.study))
    view = ViewState(library)
    base, overlay = opened[0].volume, opened[1].volume if len(opened) > 1 else None
    window, name = _base_window(base, arguments)
    own_colours = arguments.colormap if overlay is None else None
    colours = _known_colormap(own_colours) or ("inverse-grey" if base.modality == "PT" else "grey")
    layer = ImageLayer(base.uid, window, colormap=colours, invert=arguments.invert, window_name=name)
    top = None
    if overlay is not None:
        fused = _known_colormap(arguments.colormap) or "hot-iron"
        top = ImageLayer(
            overlay.uid, _pet_window(overlay, arguments), fused_colormap=fused, opacity=arguments.opacity
        )
    view.show(layer, top)
    multiplanar = opened[0].stack.multiplanar
    kind = PlaneKind(arguments.plane) if multiplanar else PlaneKind.ACQUIRED
    _frame(view, kind, arguments)
    width, height = arguments.size
    scene = resolve(view, Pane("render", kind, Content.FUSED), width, height)
    if scene is None:
        raise EmptyStudyError("there is no image that can be shown")
    pixels = np.empty((height, width), np.uint32)
    draw(scene, pixels)
    problems = [] if arguments.no_graphics else draw_graphics(view, scene, pixels)
    text = tuple(_technical_text(view, scene, base, overlay))
    return Rendering(pixels, scene, text, _colour_bar(view, scene), tuple(problems))


def draw(scene: PaneScene, pixels: npt.NDArray[np.uint32]) -> None:
    """Sample, colour and blend the layers of a scene into (h, w) uint32 0xFFRRGGBB."""
    import numpy as np

    from viewer.imaging.compose import LayerPicture, compose
    from viewer.imaging.sample import SampleRequest, sample_planes

    requests = []
    for layer in scene.layers:
        channels = 3 if layer.volume.is_colour else 1
        requests += [
            SampleRequest(layer.volume, scene.plane, None, layer.interpolation, layer.slab, channel)
            for channel in range(channels)
        ]
    sampled = iter(sample_planes(requests))
    pictures = []
    for layer in scene.layers:
        if layer.volume.is_colour:
            true_colour = np.repeat(np.arange(256, dtype=np.uint8)[:, None], 4, axis=1)
            true_colour[:, 3] = 255
            values = np.stack([next(sampled) for _ in range(3)])
            pictures.append(LayerPicture(values, true_colour, 0.0, 255.0))
        else:
            pictures.append(LayerPicture(next(sampled), layer.table, layer.lower, layer.upper))
    compose(pictures, pixels)


def draw_graphics(view: ViewState, scene: PaneScene, pixels: npt.NDArray[np.uint32]) -> list[str]:
    """Draw the overlay planes of the files over a picture, as the window does (rule B19).

    Returns
    -------
    list
        Sentences about those that could not be read.
    """
    from viewer.dicom.overlay_planes import overlay_mask
    from viewer.state.overlay_graphics import OverlayGraphics, draw_over, in_colour

    graphics, problems = OverlayGraphics(view), []
    for layer in scene.layers:
        item = view.library.get(layer.volume.uid)
        if item is None or not graphics.wanted(item.stack):
            continue
        try:
            graphics.put(item.stack.uid, item.stack.geometry, overlay_mask(item.stack))
        except ViewerError as error:
            problems.append(error.user_message)
        except OSError as error:
            problems.append(f"The overlays cannot be read ({error.strerror or 'system error'}).")
        mask = graphics.on_plane(layer.volume.uid, scene.plane)
        if mask is not None:
            draw_over(pixels, in_colour(mask))
    return problems


def write(rendering: Rendering, path: Path, *, annotated: bool) -> None:
    """Write the picture aside and rename it, with the technical text in its metadata (rule F02) and no identity.

    Raises
    ------
    ExportError
        The type of file is unknown or it cannot be written.
    """
    from PIL import Image
    from PIL.PngImagePlugin import PngInfo

    from viewer.cli.annotate import Annotation, annotate

    height, width = rendering.pixels.shape
    bgrx = rendering.pixels.astype("<u4").tobytes()
    picture = Image.frombytes("RGB", (width, height), bgrx, "raw", "BGRX")
    scene = rendering.scene
    if annotated:
        mm_per_pixel = scene.plane.mm_per_pixel if scene.calibrated else None
        annotate(
            picture,
            Annotation(scene.letters, mm_per_pixel, rendering.text, INTENDED_USE, rendering.colour_bar),
        )
    extra: dict[str, object] = {}
    suffix = path.suffix.lower()
    if suffix == ".png":
        info = PngInfo()
        info.add_text("Software", "Triptych")
        info.add_text("Description", "; ".join(rendering.text))
        info.add_text("Disclaimer", INTENDED_USE)
        extra["pnginfo"] = info
    elif suffix in (".jpg", ".jpeg"):
        extra["quality"] = 95
    elif suffix not in (".tif", ".tiff"):
        raise ExportError(f"{path.name}: only .png, .jpg and .tif pictures can be written")
    aside = path.with_name(f".{path.stem}.part{path.suffix}")
    try:
        picture.save(aside, **extra)  # type: ignore[arg-type]
        aside.replace(path)
    except OSError as error:
        aside.unlink(missing_ok=True)
        raise ExportError(f"{path}: {error.strerror or 'the picture cannot be written'}") from error


def _colour_bar(view: ViewState, scene: PaneScene) -> ColourBar | None:
    """Colours and window of the coloured layer, in the quantity on display."""
    from viewer.cli.annotate import ColourBar

    request = scene.colour_bar
    layer = None if request is None else view.layer(request.role)
    if request is None or layer is None:
        return None
    colours = [(int(red), int(green), int(blue)) for red, green, blue in request.table[:, :3]]
    unit = request.volume.display_unit
    digits = 1 if unit == "SUV" else 0
    low, high = (f"{bound:.{digits}f}" for bound in (layer.window.lower, layer.window.upper))
    return ColourBar(colours, low, f"{high} {unit}".rstrip())


# --- From options to state ---------------------------------------------------------------------------------------


def _frame(view: ViewState, kind: object, arguments: argparse.Namespace) -> None:
    """Cursor, zoom, slab and interpolation as the options say."""
    from viewer.imaging.sample import Interpolation, Projection, Slab
    from viewer.state.panes import PlaneKind
    from viewer.state.resolve import fit_mm_per_pixel

    if not isinstance(kind, PlaneKind) or view.base_volume is None:
        return
    geometry = view.base_volume.volume.geometry
    if arguments.at is not None:
        if not geometry.contains(arguments.at):
            raise ViewerError("the point given with --at lies outside the volume")
        view.set_cursor(arguments.at)
    view.set_interpolation(Interpolation(arguments.interpolation))
    if arguments.slab is not None:
        view.set_slab(Slab(arguments.slab, Projection(arguments.projection)))
    width, height = arguments.size
    right, down = view.axes(kind)
    fit = fit_mm_per_pixel(geometry, right, down, width, height)
    zoom = arguments.zoom if arguments.fov is None else fit * width / arguments.fov
    pan = (0.0, 0.0)
    if arguments.at is not None and zoom > 1:
        offset = view.cursor_mm - geometry.centre_mm
        pan = (float(offset @ right), float(offset @ down))
    view.update_framing(kind, zoom=zoom, pan_mm=pan)


def _base_window(volume: Volume, arguments: argparse.Namespace) -> tuple[Voi, str]:
    """(window, preset name) of the lower layer: the option's, the preset's, the header's or a default."""
    from viewer.imaging.window import VoiFunction, Window

    if arguments.window is not None:
        width, level = arguments.window
        function = VoiFunction.LINEAR if width >= 1 else VoiFunction.LINEAR_EXACT
        return Window(level, width, function), ""
    if arguments.preset is not None:
        return _preset_window(arguments.preset, volume.display_unit)
    if volume.modality == "PT":
        return _pet_window(volume, arguments), ""
    from viewer.state.first_window import first_window

    return first_window(volume)


def _preset_window(name: str, unit: str) -> tuple[Window, str]:
    from viewer.imaging.presets import load_presets

    presets = load_presets(None)
    # "bone" for "ct-bone": the prefix is the modality.
    short = {preset.id.split("-", 1)[-1]: preset for preset in presets}
    found = (short | {preset.id: preset for preset in presets}).get(name.casefold().replace(" ", "-"))
    if found is None:
        raise ViewerError(f"there is no preset {name}; known are {', '.join(short)}")
    if found.quantity != unit:
        raise ViewerError(
            f"the preset {found.id} is for {found.quantity} and the series has {unit or 'no unit'}"
        )
    return found.window, found.name


def _pet_window(volume: Volume, arguments: argparse.Namespace) -> Voi:
    """The range given, SUV 0-7, or what fits the data of a PET without SUV."""
    from viewer.imaging.window import Window

    if arguments.pet_range is not None:
        low, high = arguments.pet_range
        return Window.from_bounds(low, high)
    from viewer.state.first_window import first_window

    return first_window(volume)[0]


def _known_colormap(name: str | None) -> str | None:
    from viewer.imaging.colormap import colormaps

    if name is not None and name not in {known.id for known in colormaps()}:
        raise ViewerError(
            f"there is no colormap {name}; known are {', '.join(known.id for known in colormaps())}"
        )
    return name


def _technical_text(view: ViewState, scene: PaneScene, base: Volume, overlay: Volume | None) -> list[str]:
    """Window, place and slab in words."""
    from viewer.imaging.presets import format_window
    from viewer.state.layers import Role

    lines = []
    for role, volume in ((Role.BASE, base), (Role.OVERLAY, overlay)):
        layer = view.layer(role)
        if layer is not None and volume is not None and not volume.is_colour:
            lines.append(format_window(layer.window, volume.display_unit))
    place = "  ".join(text for text in (scene.pane.kind.value, scene.slice_text, scene.position_text) if text)
    lines.append(place)
    if view.slab is not None:
        lines.append(f"slab {view.slab.thickness_mm:g} mm {view.slab.projection.value}")
    return lines


# --- Values of options -------------------------------------------------------------------------------------------


def _numbers(count: int) -> Callable[[str], tuple[float, ...]]:
    def parse(text: str) -> tuple[float, ...]:
        values = tuple(float(part) for part in text.split(","))
        if len(values) != count or not all(abs(value) < 1e9 for value in values):
            raise ValueError(text)
        return values

    parse.__name__ = f"{count} numbers with commas between them:"
    return parse


def _point(text: str) -> tuple[float, float, float]:
    x, y, z = (float(part) for part in text.split(","))
    if not all(abs(value) < 1e6 for value in (x, y, z)):
        raise ValueError(text)
    return x, y, z


def _size(text: str) -> tuple[int, int]:
    width, height = (int(part) for part in text.lower().split("x"))
    if not (1 <= width <= _LARGEST_SIDE and 1 <= height <= _LARGEST_SIDE):
        raise ValueError(text)
    return width, height


def _positive(text: str) -> float:
    value = float(text)
    if not 0 < value < 1e6:
        raise ValueError(text)
    return value


def _share(text: str) -> float:
    value = float(text)
    if not 0 <= value <= 1:
        raise ValueError(text)
    return value
