#!/usr/bin/env python3
"""Draws measured times of fetchpdf and its peers as a picture: benches/plot.py MEASURED.json peers.svg

The JSON has for each scenario a title and for each tool the median of its wall time in seconds. Bars show a time as a
multiple of the quickest peer's: shorter is quicker, and what is longer than four times that is cut.
"""

import json
import sys

WIDTH, LEFT, ROW, LONGEST, MOST = 760, 150, 18, 420, 4.0
STYLE = """text{font:12px ui-monospace,SFMono-Regular,Menlo,Consolas,monospace;fill:#1f2328}
.title{font-weight:600}.note{fill:#59636e}.ours{fill:#1a7f37}.peer{fill:#afb8c1}line{stroke:#59636e;stroke-dasharray:3 3}
@media(prefers-color-scheme:dark){text{fill:#f0f6fc}.note{fill:#9198a1}.ours{fill:#3fb950}.peer{fill:#484f58}}"""


def bars(tools):
    best = min(wall for tool, wall in tools.items() if not tool.startswith("fetchpdf"))
    return [(tool, wall, wall / best) for tool, wall in sorted(tools.items(), key=lambda item: item[1])]


def picture(measured):
    out, y = [], 16
    for scenario in measured["scenarios"].values():
        out.append(f'<text class="title" x="8" y="{y + 12}">{scenario["title"]}</text>')
        top = y = y + 20
        for tool, wall, ratio in bars(scenario["tools"]):
            width, cut = min(ratio, MOST) / MOST * LONGEST, " …" if ratio > MOST else ""
            kind = "ours" if tool.startswith("fetchpdf") else "peer"
            out.append(f'<text x="8" y="{y + 12}">{tool}</text>')
            out.append(f'<rect class="{kind}" x="{LEFT}" y="{y + 2}" width="{width:.1f}" height="{ROW - 5}" rx="2"/>')
            out.append(f'<text class="note" x="{LEFT + width + 6:.1f}" y="{y + 12}">{ratio:.2f}{cut} ({wall:.3g} s)</text>')
            y += ROW
        x = LEFT + LONGEST / MOST
        out.append(f'<line x1="{x:.1f}" x2="{x:.1f}" y1="{top}" y2="{y}"/>')
        y += 10
    head = f'<svg xmlns="http://www.w3.org/2000/svg" width="{WIDTH}" height="{y}" viewBox="0 0 {WIDTH} {y}" role="img">'
    return "\n".join([head, f"<style>{STYLE}</style>", *out, "</svg>", ""])


if __name__ == "__main__":
    with open(sys.argv[1], encoding="utf-8") as file:
        drawn = picture(json.load(file))
    with open(sys.argv[2], "w", encoding="utf-8") as file:
        file.write(drawn)
