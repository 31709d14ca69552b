"""From load events to state: what opens by itself, with which window, over what."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence

from PySide6.QtCore import QObject, QTimer, Signal

from viewer.archive.address import Place
from viewer.dicom.model import DOSE_MODALITY, LABEL_MODALITY, Problem
from viewer.errors import SuvUnavailable
from viewer.imaging.colormap import colormaps
from viewer.imaging.window import scaled
from viewer.loading.cache import VolumeCache
from viewer.loading.cancel import CancelToken
from viewer.loading.events import (
    Failed,
    Finished,
    GeometryReady,
    Indexed,
    LoadEvent,
    PreviewReady,
    ProblemFound,
    SlicesReady,
    ThumbnailReady,
    VolumeFinished,
    Withdrawn,
)
from viewer.settings import Settings
from viewer.state.comparison import Comparison
from viewer.state.first_window import AUTOMATIC, first_window
from viewer.state.layers import ImageLayer, Role
from viewer.state.library import Library, OpenVolume
from viewer.state.suv_edit import carry_suv
from viewer.state.time_points import time_points
from viewer.state.view import ViewState
from viewer.ui.loader_thread import Loader
from viewer.ui.on_demand import SlicesOnDemand
from viewer.ui.volume_copying import VolumeCopying

DOSE_COLOURS = "rainbow"
"""Colour wash of a dose, as planning systems draw it (rule I07)."""
REFRESH_MS = 80
"""Pause between two drawings of arriving slices: more often would only take time from loading them."""


class Session(QObject):
    """Applies load events to library and view, on the GUI thread.

    Signals
    -------
    progressed
        The event itself, for the progress line.
    thumbnail
        (series_uid, image).
    """

    progressed = Signal(object)
    thumbnail = Signal(str, object)

    def __init__(
        self,
        library: Library,
        view: ViewState,
        loader: Loader,
        settings: Settings,
        parent: QObject | None = None,
    ) -> None:
        super().__init__(parent)
        self._library = library
        self._view = view
        self._loader = loader
        self._settings = settings
        self._on_demand = SlicesOnDemand(library, view, self)
        self._copying = VolumeCopying(loader, settings, parent)
        self._cache = VolumeCache(settings.memory_budget_bytes(), self._copying.store)
        self._names: Mapping[str, str] = {}
        self._tried_again: tuple[Problem, ...] = ()
        self._roles: dict[str, str | None] = {}
        self._provisional: set[str] = set()
        self._fresh: set[str] = set()
        self._fresh_timer = QTimer(self)
        self._fresh_timer.setSingleShot(True)
        self._fresh_timer.setInterval(REFRESH_MS)
        self._fresh_timer.timeout.connect(self._show_fresh)
        view.layers_changed.connect(self._keep_only_visible)
        library.quantity_changed.connect(self._follow_quantity)
        loader.handle(self.open_paths, self.open_series, self.retry)
        loader.arrived.connect(self.apply)

    def disconnect_state(self) -> None:
        """Stop listening to the state; called when the window closes."""
        self._fresh_timer.stop()
        self._on_demand.stop()
        self._copying.stop()
        self._view.layers_changed.disconnect(self._keep_only_visible)
        self._library.quantity_changed.disconnect(self._follow_quantity)

    # --- wishes ------------------------------------------------------------------------------------------------

    def open_paths(self, paths: Sequence[Place], add: bool) -> None:
        """Index the paths and open the natural CT and PET."""
        chosen = tuple(paths)
        focus = self._on_demand.focus()

        def job(token: CancelToken) -> Iterator[LoadEvent]:
            # Imported by the job's thread: the window is not held up by it.
            from viewer.loading.pipeline import load

            known = self._library.catalogue if add else None
            return load(
                chosen,
                cancel=token,
                cache=self._cache,
                known=known,
                early=True,
                focus_mm=focus,
            )

        if add:
            self._library.paths += chosen
            self._loader.start_after(job)
            return
        self._loader.cancel()
        self._view.show(None, None)
        self._library.clear()
        self._library.paths = chosen
        self._loader.start(job)

    def open_series(self, stack_uid: str, role: str) -> None:
        """Show a stack of the catalogue; load it first when it is not open."""
        item = self._library.get(stack_uid)
        if item is not None:
            self._place(item, role)
            return
        catalogue = self._library.catalogue
        stack = catalogue.find_stack(stack_uid)
        series = next(
            (
                s
                for study in catalogue.studies
                for s in study.series
                if any(x.uid == stack_uid for x in s.stacks)
            ),
            None,
        )
        study = None if series is None else catalogue.study_of(series.uid)
        if stack is None or series is None or study is None:
            return
        wanted = role or self._natural_role(series.modality, explicit=True)
        if self._roles.get(stack_uid) == wanted:
            return
        # The last wish counts, in whatever order the headers of several arrive.
        for uid, earlier in self._roles.items():
            if earlier == wanted:
                self._roles[uid] = None
        self._roles[stack_uid] = wanted
        x, y, z = (float(part) for part in self._view.cursor_mm)
        focus = self._on_demand.focus((x, y, z))
        names = self._names

        def job(token: CancelToken) -> Iterator[LoadEvent]:
            from viewer.loading.pipeline import load_stack

            return load_stack(
                stack,
                series,
                study,
                cancel=token,
                cache=self._cache,
                focus_mm=focus,
                names=names,
            )

        self._loader.start(job, keep_others=True)

    def retry(self) -> None:
        """Read again what had problems; what is open stays (rule J35)."""
        if self._loader.busy:
            return
        paths, catalogue = self._library.paths, self._library.catalogue
        shown = [(item.volume, item.stack) for item in self._library]
        self._tried_again = self._library.take_problems()

        def job(token: CancelToken) -> Iterator[LoadEvent]:
            from viewer.loading.retry import retry

            return retry(paths, catalogue, shown, cancel=token, cache=self._cache)

        self._loader.start(job)

    # --- events ------------------------------------------------------------------------------------------------

    def apply(self, event: LoadEvent) -> None:
        """Take one event over into the state."""
        if isinstance(event, Indexed):
            self._library.set_catalogue(event.catalogue)
            self._names = event.names
        elif isinstance(event, GeometryReady):
            item = OpenVolume(event.volume, event.stack, event.series, event.study)
            role = self._roles.pop(event.stack.uid, "")
            if role is not None:
                before = self._library.get(event.volume.uid)
                self._library.add(item)
                if before is None:
                    self._place(item, role)
                else:
                    self._exchange(before)
        elif isinstance(event, (PreviewReady, SlicesReady, VolumeFinished)):
            self._fresh.add(event.volume_uid)
            if isinstance(event, VolumeFinished):
                self._show_fresh()
                self._provisional.discard(event.volume_uid)
            elif not self._fresh_timer.isActive() or self._is_looked_at(event):
                self._show_fresh()
                self._fresh_timer.start()
        elif isinstance(event, Withdrawn):
            self._library.remove(event.volume_uid)
        elif isinstance(event, ProblemFound):
            self._library.add_problem(event.problem)
        elif isinstance(event, ThumbnailReady):
            self.thumbnail.emit(event.series_uid, event.image)
        elif isinstance(event, Failed):
            self._library.add_problem(Problem("", event.message))
        if isinstance(event, (Finished, Failed)):
            unread = self._tried_again if isinstance(event, Failed) or event.cancelled else ()
            self._tried_again = ()
            for problem in unread:
                self._library.add_problem(problem)
            self._provisional.clear()
            self._on_demand.look_again()
            if not self._loader.busy:
                self._roles.clear()
        self.progressed.emit(event)

    def _show_fresh(self) -> None:
        """Draw what has arrived; the first slices at once, later ones a few times a second."""
        fresh, self._fresh = self._fresh, set()
        for uid in fresh:
            self._library.touch(uid)
            self._refine_window(uid)

    def _is_looked_at(self, event: LoadEvent) -> bool:
        """Whether the slice under the cursor is among what has arrived: the eye waits for that one."""
        if not isinstance(event, SlicesReady):
            return False
        item = self._library.get(event.volume_uid)
        return (
            item is not None
            and round(float(item.volume.geometry.to_index(self._view.cursor_mm)[0])) in event.slices
        )

    def _keep_only_visible(self) -> None:
        """Volumes off the screen live in the cache only, which forgets the oldest when memory is short."""
        shown = {layer.volume_uid for layer in (self._view.base, self._view.overlay) if layer is not None}
        self._cache.set_visible(shown)
        for item in self._library:
            if item.volume.uid not in shown:
                self._library.remove(item.volume.uid)

    # --- placing -----------------------------------------------------------------------------------------------

    def _natural_role(self, modality: str, *, explicit: bool = False) -> str:
        """PET goes over a CT or MR that is shown, labels and doses over anything; everything else goes below."""
        base = self._view.volume(Role.BASE)
        if modality in (LABEL_MODALITY, DOSE_MODALITY) and base is not None:
            return Role.OVERLAY.value
        if modality == "PT" and base is not None and base.series.modality in ("CT", "MR"):
            return Role.OVERLAY.value
        return Role.BASE.value if explicit or base is None else ""

    def _keeps_place(self, item: OpenVolume, role: str) -> bool:
        """Another time, echo or b-value of what a role shows: cursor, window, colours and framing stay (rule A27)."""
        for kept in Role:
            shown, layer = self._view.volume(kept), self._view.layer(kept)
            if shown is None or layer is None or role not in ("", kept.value):
                continue
            if not any(stack.uid == item.volume.uid for stack in time_points(shown)):
                continue
            try:
                carry_suv(self._library, shown, item.volume.uid)
            except SuvUnavailable as reason:
                self._library.add_problem(Problem("", f"{item.stack.label}: {reason.user_message}"))
            volume = (self._library.get(item.volume.uid) or item).volume
            changes: dict[str, object] = {"volume_uid": volume.uid}
            if volume.preset_unit != shown.volume.preset_unit:
                changes["window"], changes["window_name"] = first_window(volume)
            self._view.update_layer(kept, **changes)
            return True
        return False

    def _exchange(self, before: OpenVolume) -> None:
        """A volume was read again with other slices: cursor, window, framing and SUV inputs stay (rule J35)."""
        try:
            carry_suv(self._library, before, before.volume.uid)
        except SuvUnavailable as reason:
            self._library.add_problem(Problem("", reason.user_message))
        self._view.layers_changed.emit()
        self._view.set_cursor(self._view.cursor_mm)
        self._view.framing_changed.emit()

    def _place(self, item: OpenVolume, role: str) -> None:
        if self._keeps_place(item, role):
            return
        layer = self._layer(item)
        comparison = self._view.work.of(Comparison)
        if not role and comparison.added(item):
            comparison.show_beside(layer)
            return
        chosen = role or self._natural_role(item.series.modality) or Role.BASE.value
        if chosen == Role.OVERLAY.value and self._view.base is not None and item.stack.multiplanar:
            self._view.set_overlay(layer)
            return
        overlay = self._view.overlay
        if overlay is not None and (overlay.volume_uid == item.volume.uid or not item.stack.multiplanar):
            overlay = None
        self._view.show(layer, overlay)

    def _layer(self, item: OpenVolume) -> ImageLayer:
        volume = item.volume
        window, name = first_window(volume)
        if not volume.windows:
            self._provisional.add(volume.uid)
        colormap = "inverse-grey" if volume.modality == "PT" else "grey"
        return ImageLayer(
            volume.uid,
            window,
            colormap=colormap,
            fused_colormap=DOSE_COLOURS if volume.modality == DOSE_MODALITY else self._fused_colormap(),
            opacity=float(str(self._settings.get("pet.opacity"))),
            window_name=name,
        )

    def _fused_colormap(self) -> str:
        """The user's palette for overlays, hot iron when the setting names none that exists (rule D36)."""
        wanted = str(self._settings.get("pet.fused-colormap"))
        return wanted if wanted in {found.id for found in colormaps()} else "hot-iron"

    def _follow_quantity(self, uid: str, factor: float) -> None:
        """A window on Bq/mL says nothing about SUV; between two kinds of SUV the picture stays as it is."""
        item = self._library.get(uid)
        for role in Role:
            layer = self._view.layer(role)
            if item is not None and layer is not None and layer.volume_uid == uid:
                window, name = (scaled(layer.window, factor), "") if factor else first_window(item.volume)
                self._view.set_window(role, window, name)

    def _refine_window(self, uid: str) -> None:
        """A window guessed from the first slices follows the data until the user changes it or loading ends."""
        if uid not in self._provisional:
            return
        item = self._library.get(uid)
        for role in Role:
            layer = self._view.layer(role)
            if item is not None and layer is not None and layer.volume_uid == uid:
                if layer.window_name != AUTOMATIC:
                    self._provisional.discard(uid)
                    return
                window, name = first_window(item.volume)
                self._view.set_window(role, window, name)
