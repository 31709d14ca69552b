"""One or more lines for each rule that must hold, and what is written in their place.

A line is given without its indentation and stands exactly once in its file. A rule that forbids something (A21) has a
line that does it.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final


@dataclass(frozen=True)
class Mutant:
    """A rule broken in one place.

    Parameters
    ----------
    rule
        Whose tests have to notice.
    file
        Below the package.
    line
        The line as it is, without indentation.
    broken
        What stands in its place.
    """

    rule: str
    file: str
    line: str
    broken: str


_ROWS: Final[tuple[tuple[str, str, str, str], ...]] = (
    # --- A: from a folder to volumes
    (
        "A01",
        "dicom/index.py",
        r'return f"{header.patient_id}\x1f{header.issuer}" if header.issuer else header.patient_id',
        "return header.patient_id",
    ),
    (
        "A02",
        "dicom/series.py",
        '("echo", lambda h: (h.echo_time_ms, h.echo_number)),',
        '("echo", lambda h: 0),',
    ),
    (
        "A03",
        "dicom/geometry_fit.py",
        "return tuple(k for k in wide if gaps[k] > GAP_FACTOR * _median_around(gaps, k, median))",
        "return tuple(wide)",
    ),
    (
        "A04",
        "dicom/series.py",
        "return any(word in LOCALIZER_WORDS for word in header.image_type[2:])",
        "return False",
    ),
    ("A06", "formats/dicomdir.py", "yield from walk(folder, folder.name or str(folder), cancel)", "return"),
    (
        "A07",
        "dicom/geometry_fit.py",
        'order = np.argsort(heights, kind="stable")',
        "order = np.arange(count)",
    ),
    (
        "A08",
        "dicom/series.py",
        "ordered = sorted(headers, key=lambda h: (str(h.path), h.frame))",
        "ordered = list(headers)",
    ),
    (
        "A10",
        "dicom/geometry_fit.py",
        "step = (positions[-1] - positions[0]) / (count - 1)",
        "step = normal * (label.thickness_mm or median)",
    ),
    (
        "A10",
        "dicom/geometry_fit.py",
        "spacing_mm=(median, *in_plane),",
        "spacing_mm=(label.spacing_between_mm or median, *in_plane),",
    ),
    ("A11", "dicom/geometry_fit.py", "UNIFORM_SHARE = 0.01", "UNIFORM_SHARE = 0.0001"),
    (
        "A12",
        "imaging/sample.py",
        "for k in () if volume.interpolate_gaps else geometry.gaps:",
        "for k in ():",
    ),
    (
        "A12",
        "dicom/geometry_fit.py",
        "offsets = (heights - heights[0]) / (heights[-1] - heights[0]) * (count - 1)",
        "offsets = np.arange(count, dtype=np.float64)",
    ),
    (
        "A13",
        "dicom/series.py",
        "elif _means_the_same(known, header) and same_pixels(known, header):",
        "elif True:",
    ),
    (
        "A14",
        "dicom/geometry_fit.py",
        "return Fit(geometry, report, (0,), multiplanar=False)",
        "return Fit(geometry, report, (0,), multiplanar=True)",
    ),
    ("A15", "dicom/geometry_fit.py", "affine[:3, 0] = step", "affine[:3, 0] = normal * median"),
    (
        "A16",
        "dicom/geometry_fit.py",
        "affine[:3, 0] = step",
        "affine[:3, 0] = 2 * (step @ normal) * normal - step",
    ),
    ("A17", "verification/itk.py", "if known and subject.stack.report.tilt_deg > 0.1:", "if False:"),
    (
        "A19",
        "dicom/geometry_fit.py",
        'return ("sagittal", "coronal", "axial")[int(np.argmax(np.abs(normal)))]',
        'return "axial"',
    ),
    ("A20", "state/planes.py", "ACQUIRED_BELOW_DEG = 20.0", "ACQUIRED_BELOW_DEG = 60.0"),
    (
        "A21",
        "dicom/geometry_fit.py",
        "heights = positions @ normal",
        'heights = positions @ normal * (-1 if label.patient_position.startswith("FF") else 1)',
    ),
    (
        "A22",
        "imaging/orientation.py",
        "Anatomy.AXIAL: ((1, 0, 0), (0, 1, 0)),",
        "Anatomy.AXIAL: ((-1, 0, 0), (0, 1, 0)),",
    ),
    (
        "A22",
        "state/panes.py",
        "return ((right, down), (-down, right), (-right, -down), (down, -right))[turns % 4]",
        "return ((right, down), (down, right), (right, -down), (-down, -right))[turns % 4]",
    ),
    ("A24", "dicom/enhanced.py", "groups = (own, shared)", "groups = (shared, own)"),
    (
        "A25",
        "dicom/enhanced.py",
        "at = np.array(position) + (slices[n] - 1) * step * normal",
        "at = np.array(position) + n * abs(step) * normal",
    ),
    # --- B: pixel values
    ("B01", "dicom/stack.py", "slope=scale.slope,", "slope=1.0,"),
    (
        "B02",
        "imaging/modality.py",
        "return Rescale(float(slope), float(intercept), notes=tuple(notes))",
        "return Rescale(round(float(slope), 4), float(intercept), notes=tuple(notes))",
    ),
    (
        "B03",
        "imaging/modality.py",
        "index = np.clip(stored.astype(np.int64) - int(first_mapped), 0, table.size - 1)",
        "index = np.clip(stored.astype(np.int64), 0, table.size - 1)",
    ),
    (
        "B04",
        "dicom/units.py",
        'return "HU" if original or any(word in _SLICE_WORDS for word in header.image_type[2:]) else ""',
        'return "HU"',
    ),
    (
        "B05",
        "imaging/stored.py",
        "np.right_shift(result, bits_allocated - bits_stored, out=result)",
        "np.right_shift(result, above, out=result)",
    ),
    (
        "B06",
        "imaging/stored.py",
        'words = raw.view(raw.dtype.str.replace("u", "i")) if signed else raw',
        'words = raw.view(raw.dtype.str.replace("u", "i"))',
    ),
    (
        "B07",
        "imaging/stored.py",
        "return float(min(ends)), float(max(ends))",
        "return float(ends[0]), float(ends[1])",
    ),
    (
        "B08",
        "dicom/build.py",
        "padding=None if physical or colour else stack.padding,",
        "padding=None,",
    ),
    (
        "B09",
        "imaging/window.py",
        "centre, span = self.center - 0.5, self.width - 1.0",
        "centre, span = self.center, self.width",
    ),
    (
        "B10",
        "imaging/window.py",
        "centre, span = self.center, self.width",
        "centre, span = self.center - 0.5, self.width - 1.0",
    ),
    (
        "B11",
        "imaging/window.py",
        "1.0 + np.tanh(2.0 * (values - self.center) / self.width)",
        "1.0 + np.tanh(4.0 * (values - self.center) / self.width)",
    ),
    (
        "B12",
        "ui/sidebar/_layer_data.py",
        'return Entry("width-level", _digits(window), VoiFunction.LINEAR_EXACT)',
        'return Entry("width-level", _digits(window), VoiFunction.LINEAR)',
    ),
    (
        "B13",
        "imaging/window.py",
        "for number, (center, width) in enumerate(zip(centers, widths, strict=False)):",
        "for number, (center, width) in enumerate(zip(centers[:1], widths, strict=False)):",
    ),
    (
        "B14",
        "imaging/window.py",
        "index = np.clip(np.floor(values - self.first_mapped + 0.5), 0, self.values.size - 1)",
        "index = np.clip(np.floor(values + 0.5), 0, self.values.size - 1)",
    ),
    (
        "B15",
        "imaging/window.py",
        "if not (math.isfinite(center) and math.isfinite(width)) or width <= 0:",
        "if False:",
    ),
    (
        "B16",
        "imaging/display.py",
        "return colormap.rgb[::-1] if invert else colormap.rgb",
        "return colormap.rgb",
    ),
    (
        "B17",
        "imaging/display.py",
        "first, last = (lower - intercept) / slope, (upper - intercept) / slope",
        "first, last = lower, upper",
    ),
    (
        "B23",
        "imaging/sample.py",
        "nearest = np.clip(np.floor(continuous + 0.5 + 1e-6), 0, np.array(geometry.shape) - 1).astype(int)",
        "nearest = np.clip(np.floor(continuous + 1e-6), 0, np.array(geometry.shape) - 1).astype(int)",
    ),
    # --- D: PET
    ("D01", "imaging/suv.py", 'if "ATTN" not in inputs.corrections:', "if False:"),
    (
        "D01",
        "imaging/suv.py",
        'if "DECY" not in inputs.corrections and inputs.decay_correction != "NONE":',
        "if False:",
    ),
    (
        "D02",
        "imaging/suv.py",
        "factors = _all(inputs, weight_kg * 1000.0 / (area_m2 * 1e4))",
        "factors = _all(inputs, weight_kg * 1000.0 / area_m2)",
    ),
    (
        "D03",
        "imaging/suv.py",
        "slice_factors=tuple(scale * weight_kg * 1000.0 / at_reference_bq for scale in scales),",
        "slice_factors=tuple(scale * weight_kg / at_reference_bq for scale in scales),",
    ),
    (
        "D04",
        "imaging/suv.py",
        "factors.append(undecayed * during * math.exp(decay_constant * since_s))",
        "factors.append(undecayed * math.exp(decay_constant * since_s))",
    ),
    (
        "D04",
        "imaging/suv.py",
        "at_reference_bq = decayed(dose_bq, decay_s, half_life_s)",
        "at_reference_bq = dose_bq",
    ),
    (
        "D05",
        "imaging/suv_times.py",
        "if series is not None and elapsed_s(earliest, series) >= 0:",
        "if series is not None:",
    ),
    ("D05", "imaging/suv_times.py", "moments.append(inputs.series_earliest)", "pass"),
    (
        "D06",
        "imaging/suv.py",
        "decay_s = elapsed_s(reference, injection)",
        "decay_s = elapsed_s(inputs.frames[-1].acquisition or reference, injection)",
    ),
    ("D07", "imaging/suv_times.py", "moment -= dt.timedelta(days=1)", "pass"),
    (
        "D08",
        "dicom/pet.py",
        'return dt.time(int(hour), int(minute or 0), seconds, int((fraction or "").ljust(6, "0")))',
        "return dt.time(int(hour), int(minute or 0), seconds, int(fraction or 0))",
    ),
    ("D09", "imaging/suv_times.py", "if interval_s <= 0:", "if interval_s < -1e9:"),
    ("D10", "imaging/suv.py", "if 1 <= dose < 1e4:", "if False:"),
    ("D11", "imaging/suv.py", "WEIGHT_RANGE_KG = (0.5, 500.0)", "WEIGHT_RANGE_KG = (0.0, 1e9)"),
    ("D12", "imaging/suv.py", 'if inputs.half_life_s.origin.startswith("assumed"):', "if False:"),
    ("D13", "dicom/pet.py", "if _text(dataset, tag) == creator:", "if True:"),
    ("D14", "imaging/body_size.py", 'if sex not in ("M", "F"):', "if False:"),
    (
        "D15",
        "imaging/suv.py",
        'return UPTAKE_UNITS[self.kind] + ("*" if self.edited else "")',
        "return UPTAKE_UNITS[self.kind]",
    ),
    (
        "D20",
        "imaging/uptake.py",
        "inside = region.mask & np.isfinite(values)",
        "inside = np.isfinite(values)",
    ),
    ("D21", "imaging/uptake.py", "SUBSAMPLES = 15", "SUBSAMPLES = 5"),
    (
        "D21",
        "imaging/uptake.py",
        "weights.append(inside[row, column] * cell * (high - low))",
        "weights.append(inside[row, column] * cell)",
    ),
    (
        "D22",
        "imaging/voi.py",
        "return Region(region.start, region.mask & (block_values(volume, region.block) >= level)).trimmed()",
        "return Region(region.start, region.mask & (block_values(volume, region.block) > level)).trimmed()",
    ),
    (
        "D22",
        "imaging/uptake.py",
        "volume_ml = float(per_slice @ geometry.slice_volumes_mm3[region.block[0]]) / 1000",
        "volume_ml = float(per_slice.sum() * geometry.voxel_volume_mm3) / 1000",
    ),
    (
        "D22",
        "imaging/uptake.py",
        "PERCIST_FACTOR, PERCIST_DEVIATIONS = 1.5, 2.0",
        "PERCIST_FACTOR, PERCIST_DEVIATIONS = 2.0, 1.5",
    ),
    ("D23", "state/lesion_table.py", '"Uptake time",', ""),
    (
        "D30",
        "state/contents.py",
        "return bool(uid) and uid == overlay.volume.geometry.frame_of_reference_uid",
        "return True",
    ),
    ("D32", "ui/sidebar/_layer_data.py", "gap = abs(second - first)", "gap = timedelta(0)"),
    (
        "D33",
        "imaging/kernel/twin.py",
        "alpha = np.where(np.isnan(first), np.uint32(0), picked[0][..., 3])",
        "alpha = picked[0][..., 3]",
    ),
    (
        "D31",
        "state/alignment.py",
        "patient_from_index=placement.matrix @ geometry.patient_from_index,",
        "patient_from_index=geometry.patient_from_index,",
    ),
    (
        "D31",
        "dicom/spatial_registration.py",
        "result: FloatArray = np.linalg.inv(known[target]) @ known[source]",
        "result: FloatArray = known[target] @ known[source]",
    ),
    ("D34", "state/resolve.py", "opacity = layer.opacity if on_top and not opaque else 1.0", "opacity = 1.0"),
    (
        "D36",
        "loading/thumbnails.py",
        'if volume.inverted != (volume.modality == "PT"):',
        "if volume.inverted:",
    ),
    (
        "D37",
        "ui/overlays/colour_bar.py",
        "lettering.draw(painter, x, bar.bottom(), _number(layer.window.lower), TEXT)",
        "lettering.draw(painter, x, bar.bottom(), _number(layer.window.center), TEXT)",
    ),
    (
        "D38",
        "state/view.py",
        "self.update_layer(role, window=window, window_name=name)",
        "self.update_layer(Role.BASE, window=window, window_name=name)",
    ),
    # --- E: orientation and display
    ("E01", "state/resolve.py", "if view.superior_inferior:", "if False:"),
    ("E02", "imaging/orientation.py", "LABEL_THRESHOLD = 0.2", "LABEL_THRESHOLD = 0.6"),
    (
        "E03",
        "ui/sidebar/_facts.py",
        'Fact("Plane", report.acquired_plane if geometry.oriented else "orientation unknown"),',
        'Fact("Plane", report.acquired_plane),',
    ),
    (
        "E05",
        "state/resolve.py",
        "mirrored=framing.flip_horizontal or framing.flip_vertical,",
        "mirrored=False,",
    ),
    ("E06", "state/view.py", "if not np.array_equal(point, self.cursor_mm):", "if False:"),
    (
        "E09",
        "cli/annotate.py",
        "return fitting[-1] if fitting else None",
        "return fitting[0] if fitting else None",
    ),
    (
        "E12",
        "state/annotations.py",
        'thick = plane_text(view, kind, slab) if kind is not PlaneKind.MIP else ""',
        'thick = ""',
    ),
    (
        "E13",
        "state/resolve.py",
        'return f"{index + 1}/{geometry.shape[axis]}"',
        'return f"{index}/{geometry.shape[axis]}"',
    ),
    (
        "E20",
        "state/panes.py",
        "(_row(Content.BASE), _row(Content.OVERLAY)),",
        "(_row(Content.BASE), _row(Content.BASE)),",
    ),
    (
        "E22",
        "state/annotations.py",
        'alarm = "DIFFERENT PATIENTS" if other_patient(view) else ""',
        'alarm = ""',
    ),
    (
        "E22",
        "state/comparison.py",
        "if base is None or overlay is None or base.study.uid == overlay.study.uid:",
        "if base is None or overlay is None or base.study.uid != overlay.study.uid:",
    ),
    (
        "E23",
        "ui/dialogs/notice.py",
        'return None if settings.get("intended-use.seen") else IntendedUseNotice(settings, parent)',
        "return None",
    ),
    ("E24", "ui/theme.py", 'dim="#adadad",', 'dim="#606060",'),
    ("E24", "ui/sidebar/_layer_card.py", "self.setTabOrder(earlier, later)", "pass"),
    ("E24", "ui/sidebar/_time_block.py", 'self.slider.setAccessibleName("time or echo shown")', "pass"),
    ("E25", "state/probe.py", 'return f"HU {value:.0f}"', 'return f"{value:.0f}"'),
    (
        "E40",
        "dicom/charset.py",
        'name = ", ".join(part for part in (family.upper(), rest) if part)',
        'name = ", ".join(part for part in (rest, family.upper()) if part)',
    ),
    # --- I: labels in NIfTI
    (
        "I08",
        "formats/nifti.py",
        'sform=_in_mm(raw.get_sform(), to_mm) if int(raw["sform_code"]) > 0 else None,',
        "sform=_in_mm(raw.get_sform(), to_mm),",
    ),
    (
        "I08",
        "formats/nifti.py",
        "lps = (_LPS_FROM_RAS @ affine)[:, _KJI] + 0.0",
        "lps = affine[:, _KJI] + 0.0",
    ),
    (
        "I09",
        "imaging/same_grid.py",
        "return bool(difference[:3, :3].max() <= STEP_MM and difference[:3, 3].max() <= ORIGIN_MM)",
        "return True",
    ),
    ("I10", "formats/nifti.py", "if slope == 0 or math.isnan(slope):", "if False:"),
    (
        "I10",
        "formats/nifti.py",
        "elif header.qform is not None and _disagree(affine, header.qform):",
        "elif False:",
    ),
    # --- J: hostile and broken input
    ("J01", "dicom/index.py", "self._not_dicom += 1", "self._not_dicom += 0"),
    (
        "J02",
        "dicom/slow_header.py",
        "if not preamble and not force and not _looks_like_bare_dataset(head, size):",
        "if not preamble:",
    ),
    (
        "J03",
        "dicom/slow_header.py",
        "if not preamble and not force and not _looks_like_bare_dataset(head, size):",
        "if not preamble:",
    ),
    ("J04", "dicom/read.py", "if not header.is_image:", "if False:"),
    (
        "J05",
        "dicom/read.py",
        "if kind is None and header.sop_class and header.sop_instance and not header.rows:",
        "if kind is None and header.sop_class and not header.rows:",
    ),
    ("J06", "dicom/build.py", "if done < source.length:", "if False:"),
    ("J06", "imaging/sample.py", "bad_interval |= damaged[there[1:] + 1] > damaged[there[:-1]]", "pass"),
    ("J07", "dicom/read.py", "if available * 2 < expected:", "if available != expected:"),
    ("J08", "dicom/read.py", "if not header.is_image:", "if False:"),
    ("J09", "dicom/read.py", "if header.bits_allocated not in allowed[header.pixel_tag]:", "if False:"),
    ("J10", "dicom/read.py", "if available * 2 < expected:", "if False:"),
    ("J11", "dicom/read.py", "if header.frames * 9 > available:", "if False:"),
    ("J12", "dicom/fragments.py", "if source.frame >= len(spans) or not spans[source.frame]:", "if False:"),
    (
        "J13",
        "dicom/codecs.py",
        'raise DecodeError(f"This compression is not supported: {syntax_name(syntax)}.", syntax)',
        'raise DecodeError("The picture is damaged.", syntax)',
    ),
    (
        "J14",
        "dicom/slow_header.py",
        "body = inflater.decompress(stream.read(), limit)",
        "body = inflater.decompress(stream.read())",
    ),
    (
        "J15",
        "dicom/careful.py",
        'raise ViewerError("The file nests sequences too deeply to be read.") from error',
        "raise",
    ),
    (
        "J16",
        "dicom/values.py",
        "if len(values) < 2 or not all(math.isfinite(v) and v > 0 for v in values[:2]):",
        "if len(values) < 2:",
    ),
    (
        "J17",
        "dicom/values.py",
        'return float(_strip(part).replace(b",", b"."))',
        "return float(_strip(part))",
    ),
    (
        "J18",
        "imaging/modality.py",
        "if not (SLOPE_RANGE[0] <= abs(slope) <= SLOPE_RANGE[1] and abs(intercept) <= MAX_INTERCEPT):",
        "if False:",
    ),
    (
        "J19",
        "imaging/window.py",
        "if not (math.isfinite(center) and math.isfinite(width)) or width <= 0:",
        "if False:",
    ),
    (
        "J20",
        "dicom/values.py",
        "if len(values) != length or not all(map(math.isfinite, values)):",
        "if len(values) != length:",
    ),
    ("J21", "dicom/geometry_fit.py", "if error >= ORTHONORMAL_BAD:", "if False:"),
    (
        "J22",
        "dicom/values.py",
        "return None if value is None else int(value)",
        "return None if value is None else int(self.text(tag))",
    ),
    ("J23", "dicom/slow_header.py", "return _coerced(dataset, tag, vrs)", "return None"),
    ("J24", "dicom/tags.py", 'return f"<{len(value)} bytes>" if value else ""', "return repr(value)"),
    ("J25", "dicom/charset.py", 'text = _ESCAPE_TEXT.sub("", text)', "text = str(text)"),
    (
        "J26",
        "dicom/charset.py",
        "text, fine = _strict(_ESCAPE_PREFIX[g0] + run, g0)",
        "text, fine = _strict(run, g0)",
    ),
    ("J27", "dicom/charset.py", 'b"$)C": "euc_kr",', 'b"$)C": "gb2312",'),
    ("J28", "dicom/charset.py", 'b"$)A": "gb2312",', 'b"$)A": "euc_kr",'),
    ("J29", "dicom/values.py", "if guessed and CHARSET_GUESSED not in self.warnings:", "if False:"),
    (
        "J29",
        "dicom/charset.py",
        'return Decoded(value.decode("utf_8"), guessed=True)',
        'return Decoded(value.decode("latin_1"), guessed=True)',
    ),
    (
        "J30",
        "dicom/series.py",
        "elif _means_the_same(known, header) and same_pixels(known, header):",
        "elif True:",
    ),
    (
        "J31",
        "dicom/series.py",
        "for framed in _grouped(spaced, lambda h: h.frame_of_reference):",
        "for framed in _grouped(spaced, lambda h: 0):",
    ),
    (
        "J32",
        "dicom/index.py",
        "key = (patient_key(header), header.study_uid, uid)",
        'key = ("", header.study_uid, uid)',
    ),
    ("J33", "dicom/entries.py", "if entry.is_symlink():", "if False:"),
    ("J33", "formats/walk.py", "elif depth + 1 > DEPTH_LIMIT:", "elif False:"),
    ("J34", "loading/search.py", "if now - snapshot >= snapshot_every:", "if False:"),
    ("J35", "loading/filling.py", "filling.volume.corrupt[k] = False", "pass"),
    (
        "J36",
        "formats/walk.py",
        """yield Problem(folder_shown, f"This folder cannot be read ({error.strerror or 'system error'}).")""",
        "pass",
    ),
    ("J37", "dicom/entries.py", "if not entry.is_file(follow_symlinks=False):", "if False:"),
    (
        "J38",
        "formats/zip_archive.py",
        'if name.is_absolute() or ".." in name.parts or name.parts[0].endswith(":"):',
        "if False:",
    ),
    ("J39", "dicom/model.py", "if not getattr(self, name).isprintable():", "if False:"),
    ("J40", "dicom/decode.py", "big_endian = source.transfer_syntax == EXPLICIT_BIG", "big_endian = False"),
    (
        "J41",
        "formats/dicomdir_index.py",
        "self._listings[folder] = {name.casefold(): entries[name] for name in sorted(entries)} | entries",
        "self._listings[folder] = dict(entries)",
    ),
    (
        "J42",
        "dicom/slow_header.py",
        "if len(head) == 12 and head[4:6] in _LONG_VRS:",
        "if explicit and len(head) == 12 and head[4:6] in _LONG_VRS:",
    ),
    ("J43", "dicom/careful.py", "if error.errno is not None:", "if True:"),
    (
        "J44",
        "ui/sidebar/_tag_model.py",
        'self.shown_value(row)[:1000].replace("&", "&amp;").replace("<", "&lt;").replace("\\n", "<br>")',
        "self.shown_value(row)[:1000]",
    ),
    ("J45", "dicom/geometry_fit.py", "MAX_EXTENT_MM = 10_000.0", "MAX_EXTENT_MM = 1e12"),
    ("J46", "dicom/series.py", "if len(group.headers) / (len(parts) * count) < MIN_COVERAGE:", "if False:"),
    (
        "J47",
        "state/structures.py",
        'return "" if structure.frame_of_reference_uid == space else OTHER_FRAME',
        'return ""',
    ),
    ("J48", "dicom/rtstruct.py", "points = _thinned(points)", "points = points[:3]"),
    ("J49", "formats/numpy_file.py", "if dtype.hasobject:", "if False:"),
    ("J50", "atomic.py", "_remove(aside)", "pass"),
)

MUTANTS: Final[tuple[Mutant, ...]] = tuple(Mutant(*row) for row in _ROWS)

WITHOUT: Final[dict[str, str]] = {
    # Rules without a line here, and why.
    "B18": "Nothing reads these elements, so there is no line to break.",
}
