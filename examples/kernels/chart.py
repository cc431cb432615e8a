"""A chart of lines as a PNG, with nothing but the standard library."""

import math
import struct
import zlib

WIDTH, HEIGHT, MARGIN = 800, 500, 20
COLOURS = {
    "red": (214, 39, 40),
    "blue": (31, 119, 180),
    "green": (44, 160, 44),
    "orange": (255, 127, 14),
    "purple": (148, 103, 189),
}


def chunk(name, data):
    """Return a chunk of a PNG file."""
    return struct.pack(">I", len(data)) + name + data + struct.pack(">I", zlib.crc32(name + data))


def png(rows):
    """Return the file for rows of bytes, three to a pixel."""
    header = struct.pack(">IIBBBBB", len(rows[0]) // 3, len(rows), 8, 2, 0, 0, 0)
    pixels = zlib.compress(b"".join(b"\0" + row for row in rows))
    return b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", header) + chunk(b"IDAT", pixels) + chunk(b"IEND", b"")


def scaled(values, low, high, begin, end):
    """Return where values between low and high lie between two pixels."""
    return [begin + (end - begin) * (value - low) / ((high - low) or 1) for value in values]


def write_chart(path, lines, logarithmic=False):
    """Draw lines, lists of numbers at equal distances, in a frame; print which has what colour."""
    heights = {
        name: [math.log10(max(v, 1e-16)) if logarithmic else v for v in values] for name, values in lines.items()
    }
    low, high = min(map(min, heights.values())), max(map(max, heights.values()))
    rows = [bytearray(b"\xff" * 3 * WIDTH) for _ in range(HEIGHT)]

    def draw(x0, y0, x1, y1, colour):
        steps = int(max(abs(x1 - x0), abs(y1 - y0))) + 1
        for step in range(steps + 1):
            x, y = round(x0 + (x1 - x0) * step / steps), round(y0 + (y1 - y0) * step / steps)
            rows[y][3 * x : 3 * x + 3] = bytes(colour)

    left, right, top, bottom = MARGIN, WIDTH - MARGIN, MARGIN, HEIGHT - MARGIN
    for frame in (
        (left, top, right, top),
        (left, bottom, right, bottom),
        (left, top, left, bottom),
        (right, top, right, bottom),
    ):
        draw(*frame, (0, 0, 0))
    for (name, values), (colour, rgb) in zip(heights.items(), COLOURS.items(), strict=False):
        xs = scaled(range(len(values)), 0, len(values) - 1, left, right)
        ys = scaled(values, low, high, bottom, top)
        for i in range(1, len(values)):
            draw(xs[i - 1], ys[i - 1], xs[i], ys[i], rgb)
        print(f"  {colour}: {name}, {lines[name][0]:.3g} to {lines[name][-1]:.3g}")
    path.write_bytes(png(rows))
    print(f"wrote {path}: {'powers of ten' if logarithmic else 'values'} from {low:.3g} to {high:.3g}")
