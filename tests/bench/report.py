# SPDX-License-Identifier: Apache-2.0
"""The numbers of scripts/bench as a table for a terminal, a table for docs/performance.md, and a picture."""

from math import log10

from host import LARGE, MIDDLE, SMALL

HEAD = ("", "× W", "quartiles", "p50 µs", "p99 µs", "peak KB", "instructions")


def aimed(text, goal):
    return text if goal is None else f"{text} (≤ {goal})"


def cells(row, measured, counts):
    mine, base = measured[row.label], measured["W"]
    ratio, low, high = mine.ratio(base)
    count = counts.get(row.label)
    return (
        row.label,
        aimed(f"{ratio:.2f}", row.most_w),
        f"{low:.2f}–{high:.2f}",
        f"{mine.percentile(50):.0f}",
        f"{mine.percentile(99):.0f}",
        aimed(f"{mine.peak:,}", row.most_peak and f"{row.most_peak:,}"),
        aimed(f"{count:,}" if count else "?", row.most_instructions and f"{row.most_instructions:,}"),
    )


def conclusions(measured):
    """What the table is for, in a line each."""

    def over(label, base):
        return measured[label].ratio(measured[base])[0] if label in measured and base in measured else None

    w = over("W", "E")
    created = over("create", "E")
    decoded = over("decoder", "E")
    yield f"W is {w:.2f} E."
    yield f"An exec is {over('exec', 'pass-through'):.2f} × a pass-through."
    if decoded:
        yield f"What the decoder adds to a create is {(decoded - 1) / (created - 1):.1f} × what aa-shim adds."
    large = measured["create, 10 MB"]
    yield f"10 MB: {over('create, 10 MB', 'copier, 10 MB'):.2f} × the copier's time (≤ 1.25), {large.peak * 1024 / LARGE:.2f} × the file in memory (≤ 1.1)."
    yield f"100,000 rules: {over('create, 100,000 rules', 'create'):.2f} × 10 rules (≤ 1.05)."


def text(rows, measured, counts):
    table = [HEAD, *(cells(row, measured, counts) for row in rows if row.label in measured)]
    widths = [max(len(line[column]) for line in table) for column in range(len(HEAD))]
    for line in table:
        yield line[0].ljust(widths[0]) + "".join(cell.rjust(width + 2) for cell, width in zip(line[1:], widths[1:], strict=True))
    yield ""
    yield from conclusions(measured)


def markdown(rows, measured, counts):
    yield f"| {' | '.join(HEAD)} |"
    yield "|---|" + "---:|" * (len(HEAD) - 1)
    for row in rows:
        if row.label in measured:
            yield f"| {' | '.join(cells(row, measured, counts))} |"
    yield ""
    yield from (f"- {line}" for line in conclusions(measured))


def panels(measured):
    """(title, [(name, [(x's text, × W)])]): what grows with what."""

    def points(labels):
        return [(x, measured[label].ratio(measured["W"])[0]) for x, label in labels if label in measured]

    sizes = ((SMALL, ""), (MIDDLE, ", 1 MB"), (LARGE, ", 10 MB"))
    size = {name: points([(at, f"{name}{tail}") for at, tail in sizes]) for name in ("create", "copier", "decoder")}
    rules = [(10, ""), (1_000, ", 1,000 rules"), (10_000, ", 10,000 rules"), (100_000, ", 100,000 rules")]
    yield "with the size of config.json, in bytes", list(size.items())
    yield "with the number of rules", [(name, points([(at, f"{name}{tail}") for at, tail in rules])) for name in ("create", "exec")]


WIDTH, HEIGHT, LEFT, TOP, BOTTOM = 420, 260, 46, 34, 40
COLOURS = ("#1f5fa8", "#7a7a7a", "#b3541e")


def picture(measured):
    """An SVG with a panel for each thing that grows; both axes are logarithmic."""
    drawn = list(panels(measured))
    yield (
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {WIDTH * len(drawn)} {HEIGHT}" font-family="sans-serif" font-size="11">'
    )
    yield "<title>What a call costs, in multiples of W</title>"
    yield '<rect width="100%" height="100%" fill="#fff"/>'
    for number, (title, lines) in enumerate(drawn):
        yield f'<g transform="translate({number * WIDTH} 0)">'
        yield f'<text x="{LEFT}" y="18" font-weight="bold">× W, {title}</text>'
        yield from panel([(name, points) for name, points in lines if points])
        yield "</g>"
    yield "</svg>"


def panel(lines):
    xs = sorted({x for _, points in lines for x, _ in points})
    most = max(y for _, points in lines for _, y in points)
    top = 10 ** max(1, -int(-log10(most) // 1))

    def place(x, y):
        along = (log10(x) - log10(xs[0])) / (log10(xs[-1]) - log10(xs[0]))
        up = log10(max(y, 1)) / log10(top)
        return LEFT + along * (WIDTH - LEFT - 90), HEIGHT - BOTTOM - up * (HEIGHT - TOP - BOTTOM)

    value = 1
    while value <= top:
        (left, y), (right, _) = place(xs[0], value), place(xs[-1], value)
        yield f'<path d="M{left:.0f} {y:.0f}H{right:.0f}" stroke="#ddd"/><text x="{left - 6:.0f}" y="{y + 4:.0f}" text-anchor="end">{value}</text>'
        value *= 10
    for x in xs:
        at, y = place(x, 1)
        yield f'<text x="{at:.0f}" y="{y + 18:.0f}" text-anchor="middle">{x:,}</text>'
    for (name, points), colour in zip(lines, COLOURS, strict=False):
        places = [place(x, y) for x, y in points]
        path = "L".join(f"{x:.0f} {y:.1f}" for x, y in places)
        yield f'<path d="M{path}" fill="none" stroke="{colour}" stroke-width="2"/>'
        yield from (f'<circle cx="{x:.0f}" cy="{y:.1f}" r="3" fill="{colour}"/>' for x, y in places)
        yield f'<text x="{places[-1][0] + 8:.0f}" y="{places[-1][1] + 4:.1f}" fill="{colour}">{name}</text>'
