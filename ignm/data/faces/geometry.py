"""The head as a surface: where each pixel's ray meets it, its relief and its normals.

Head coordinates: x to the picture's right, y up, z out of the face; the head is 2 high, the eyes are near y = 0, the
chin is at y = -1. The face is an ellipsoid narrowed at the jaw plus a height field (nose, brows, sockets, lips), and
the camera is orthographic. Rotations: roll after pitch after yaw (see `FaceParameters` for their directions).
"""

from dataclasses import dataclass

import numpy as np

from ignm.data.faces.fields import bump, ridge, smoothstep
from ignm.data.faces.parameters import Array, FaceParameters

HALF_WIDTH = np.float32(0.685)
HALF_DEPTH = np.float32(0.83)
EYE_X, EYE_Y = np.float32(0.295), np.float32(0.03)
MOUTH_Y = np.float32(-0.58)
# Faces are aligned by a point inside the head, so that turning keeps them in the picture.
_PIVOT = np.float32(0.6)


@dataclass(frozen=True)
class View:
    """Rays of one chunk: origin and direction in head coordinates, and the pixel's width in head units."""

    x: Array
    y: Array
    z: Array
    dx: Array
    dy: Array
    dz: Array
    upright_x: Array
    upright_y: Array
    pixel: Array
    cosines: tuple[Array, Array, Array]
    sines: tuple[Array, Array, Array]

    def on_plane(self, depth: Array | np.float32) -> tuple[Array, Array]:
        """Where the rays meet the plane z = depth of the head: x and y there."""
        t = (depth - self.z) / self.dz
        return self.x + t * self.dx, self.y + t * self.dy

    def to_picture(self, x: Array, y: Array, z: Array) -> tuple[Array, Array, Array]:
        """Turn a direction from head coordinates to the picture's."""
        (cy, cp, cr), (sy, sp, sr) = self.cosines, self.sines
        x, z = x * cy + z * sy, z * cy - x * sy
        y, z = y * cp + z * sp, z * cp - y * sp
        return x * cr - y * sr, x * sr + y * cr, z

    def to_head(self, x: Array, y: Array, z: Array) -> tuple[Array, Array, Array]:
        """Turn a direction from the picture's coordinates to the head's."""
        (cy, cp, cr), (sy, sp, sr) = self.cosines, self.sines
        x, y = x * cr + y * sr, y * cr - x * sr
        y, z = y * cp - z * sp, y * sp + z * cp
        return x * cy - z * sy, y, x * sy + z * cy


@dataclass(frozen=True)
class Surface:
    """Where rays meet a surface: point, x as a share of the half width, normal, and how far inside the outline."""

    x: Array
    y: Array
    z: Array
    side: Array
    normal: tuple[Array, Array, Array]
    inside: Array

    def rows(self, window: slice) -> "Surface":
        """Return the part on some rows of the picture."""
        nx, ny, nz = (n[:, window] for n in self.normal)
        return Surface(
            self.x[:, window],
            self.y[:, window],
            self.z[:, window],
            self.side[:, window],
            (nx, ny, nz),
            self.inside[:, window],
        )


def rows_between(y: Array, low: float, high: float) -> slice:
    """Return the rows of the picture that hold any point with low < y < high."""
    rows = np.flatnonzero(((y > low) & (y < high)).any(axis=(0, 2)))
    return slice(int(rows[0]), int(rows[-1]) + 1) if len(rows) else slice(0, 0)


def view(p: FaceParameters, size: int) -> View:
    """Return the rays of size x size pictures of the faces `p` (fields shaped (n, 1, 1))."""
    axis = ((np.arange(size, dtype=np.float32) + np.float32(0.5)) * np.float32(2 / size) - 1).astype(np.float32)
    turns = [np.deg2rad(angle).astype(np.float32) for angle in (p.yaw, p.pitch, p.roll)]
    cy, cp, cr = (np.cos(a) for a in turns)
    sy, sp, sr = (np.sin(a) for a in turns)
    u = (axis[None, None, :] - p.centre_x) / p.scale
    v = (-axis[None, :, None] - p.centre_y) / p.scale
    upright_x = u * cr + v * sr
    upright_y = v * cr - u * sr
    px = upright_x + _PIVOT * sy
    py = upright_y + _PIVOT * cy * sp
    return View(
        x=px * cy - py * sp * sy, y=py * cp, z=px * sy + py * sp * cy,
        dx=-cp * sy, dy=-sp, dz=cp * cy,
        upright_x=upright_x, upright_y=upright_y, pixel=(np.float32(2 / size) / p.scale).astype(np.float32),
        cosines=(cy, cp, cr), sines=(sy, sp, sr),
    )  # fmt: skip


def ellipsoid(rays: View, wide: Array, high: Array | np.float32, deep: Array | np.float32, lift: Array) -> Surface:
    """Meet an ellipsoid with the given half axes centred at y = lift; beyond its outline, the nearest point."""
    x, y, z = rays.x / wide, (rays.y - lift) / high, rays.z / deep
    dx, dy, dz = rays.dx / wide, rays.dy / high, rays.dz / deep
    a = dx * dx + dy * dy + dz * dz
    b = (x * dx + y * dy + z * dz) / a
    off = x * x + y * y + z * z - b * b * a
    t = np.sqrt(np.maximum((1 - off) / a, 0)) - b
    x, y, z = x + t * dx, y + t * dy, z + t * dz
    inside = (1 - np.sqrt(np.maximum(off, 0))) * np.float32(0.8)
    nx, ny, nz = rays.to_picture(x / wide, y / high, z / deep)
    length = 1 / np.sqrt(nx * nx + ny * ny + nz * nz)
    point_y = y * high + lift
    return Surface(x * wide, point_y, z * deep, x, (nx * length, ny * length, nz * length), inside)


def head_width(p: FaceParameters, y: Array) -> Array:
    """Return the half width of the head's ellipsoid as it narrows or squares towards the jaw."""
    below, temple = np.maximum(-y, 0), ridge(y + np.float32(0.12), np.float32(0.35))
    jaw = np.float32(0.10) * p.jaw - np.float32(0.21)
    return HALF_WIDTH * p.face_width * (1 + jaw * below * below + np.float32(0.03) * temple)


def head(rays: View, p: FaceParameters) -> Surface:
    """Meet the face: ellipsoid with its jaw, moved out along each ray by the nose (parallax)."""
    high = (np.float32(0.96) + np.float32(0.03) * p.chin + np.float32(0.05) * p.mouth_open).astype(np.float32)
    lift = np.float32(0) * p.chin
    first = ellipsoid(rays, head_width(p, rays.y), high, HALF_DEPTH, lift)
    wide = head_width(p, first.y)
    skin = ellipsoid(rays, wide, high, HALF_DEPTH, lift)
    x, y, z = skin.x, skin.y, skin.z
    facing = np.maximum(skin.normal[2], np.float32(0.35))
    for _ in range(2):
        t = (nose(p, x, y) / facing * rays.dz).astype(np.float32, copy=False)
        x, y, z = skin.x + t * rays.dx, skin.y + t * rays.dy, skin.z + t * rays.dz
    return Surface(x, y, z, x / wide, skin.normal, skin.inside)


def nose_tip(p: FaceParameters) -> Array:
    """Return the height of the nose's tip."""
    return np.float32(-0.02) - np.float32(0.31) * p.nose_length


def nose(p: FaceParameters, x: Array, y: Array) -> Array:
    """Return the nose's height above the ellipsoid."""
    tip = nose_tip(p)
    along = np.clip((np.float32(0.12) - y) / (np.float32(0.12) - tip), 0, 1)
    fall = smoothstep(tip - np.float32(0.11), tip + np.float32(0.02), y)
    wide = p.nose_width * (np.float32(0.065) + np.float32(0.035) * along)
    bridge = along * (np.float32(0.6) + np.float32(0.4) * along) * fall * ridge(x, wide)
    wings = bump(np.abs(x) - np.float32(0.105) * p.nose_width, y - tip + np.float32(0.035), 0.05, 0.06)
    return p.nose_height * (np.float32(0.2) * bridge + np.float32(0.05) * wings)


def relief(p: FaceParameters, x: Array, y: Array, nose_height: Array) -> Array:
    """Return the height of all soft forms above the ellipsoid; the nose's is given because others need it too."""
    out = np.abs(x)
    mouth = MOUTH_Y + p.mouth_height
    eye = EYE_X * p.eye_spacing
    old = np.clip((p.age - 30) / 45, 0, 1)
    smile = np.maximum(p.smile, 0)
    height = nose_height + np.float32(0.035) * bump(out - np.float32(0.24), y - np.float32(0.23), 0.26, 0.09)
    height -= np.float32(0.06) * bump(out - eye + np.float32(0.03), y - np.float32(0.06), 0.17, 0.10)
    height += np.float32(0.035) * bump(out - eye, y - EYE_Y - p.eye_height, 0.12, 0.07)
    height += (np.float32(0.04) + np.float32(0.035) * smile) * bump(out - np.float32(0.37), y + 0.27, 0.17, 0.15)
    height -= np.float32(0.02) * bump(out - np.float32(0.42), y + np.float32(0.5), 0.14, 0.14)
    height += np.float32(0.04) * bump(x, y - mouth, 0.24, 0.13)
    height += np.float32(0.03) * p.lip_fullness * bump(x, y - mouth + np.float32(0.075), 0.16, 0.045)
    height -= np.float32(0.035) * bump(x, y - mouth + np.float32(0.18), 0.17, 0.05)
    height += np.float32(0.06) * bump(x, y - mouth + np.float32(0.29), 0.16, 0.09)
    fold_y = nose_tip(p) - y
    fold = ridge(out - np.float32(0.17) - np.float32(0.5) * fold_y, 0.035) * ridge(fold_y - np.float32(0.12), 0.17)
    height -= (np.float32(0.006) + np.float32(0.016) * old + np.float32(0.018) * smile) * fold
    lines = np.sin(y * np.float32(52) + np.float32(2) * out) * bump(x, y - np.float32(0.47), 0.4, 0.11)
    height += np.float32(0.0035) * old * lines
    return height


def tilt(surface: Surface, height: Array, pixel: Array) -> Surface:
    """Return the surface with its normals bent by the slopes of `height` across the picture."""
    across, down = np.empty_like(height), np.empty_like(height)
    across[:, :, 1:-1] = height[:, :, 2:] - height[:, :, :-2]
    across[:, :, 0], across[:, :, -1] = across[:, :, 1], across[:, :, -2]
    down[:, 1:-1] = height[:, 2:] - height[:, :-2]
    down[:, 0], down[:, -1] = down[:, 1], down[:, -2]
    nx, ny, nz = surface.normal
    slope = nz * (np.float32(0.5) / pixel)
    nx, ny = nx - across * slope, ny + down * slope
    length = 1 / np.sqrt(nx * nx + ny * ny + nz * nz)
    return Surface(
        surface.x, surface.y, surface.z, surface.side, (nx * length, ny * length, nz * length), surface.inside
    )
