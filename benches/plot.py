#!/usr/bin/env python3
"""Draws measured times of fetchpdf and its peers as a picture:

    benches/plot.py benches/peers.json benches/peers.svg S2 S3 S4 S5 S7-h2 S8-slow-first S10-100000 S11-h2

The names are those of the scenarios to draw. For each scenario the JSON has a title and for each tool the median of its
seconds. A bar is a multiple of the fastest
peer's time: shorter is faster. What takes more than four times as long is cut. The bound is a program that checks nothing.
"""

import json
import sys

WIDTH, LEFT, ROW, LONGEST, MOST = 760, 150, 18, 420, 4.0
STYLE = """text{font:12px ui-monospace,SFMono-Regular,Menlo,Consolas,monospace;fill:#1f2328}
.title{font-weight:600}.note{fill:#59636e}.ours{fill:#1a7f37}.peer{fill:#afb8c1}.bound{fill:none;stroke:#59636e}line{stroke:#59636e;stroke-dasharray:3 3}
@media(prefers-color-scheme:dark){text{fill:#f0f6fc}.note{fill:#9198a1}.ours{fill:#3fb950}.peer{fill:#484f58}}"""


def bars(tools):
    seconds = {tool: measured["seconds"] for tool, measured in tools.items()}
    best = min(time for tool, time in seconds.items() if not tool.startswith(("fetchpdf", "bound")))
    return [(tool, time, time / best) for tool, time in sorted(seconds.items(), key=lambda item: item[1])]


def picture(scenarios):
    out, y = [], 16
    for scenario in scenarios:
        out.append(f'<text class="title" x="8" y="{y + 12}">{scenario["title"]}</text>')
        y += 20
        rows = bars(scenario["tools"])
        x = LEFT + LONGEST / MOST
        out.append(f'<line x1="{x:.1f}" x2="{x:.1f}" y1="{y}" y2="{y + ROW * len(rows)}"/>')
        for tool, time, ratio in rows:
            width, cut = min(ratio, MOST) / MOST * LONGEST, " …" if ratio > MOST else ""
            kind = "ours" if tool.startswith("fetchpdf") else "bound" if tool.startswith("bound") else "peer"
            out.append(f'<text x="8" y="{y + 12}">{tool}</text>')
            out.append(f'<rect class="{kind}" x="{LEFT}" y="{y + 2}" width="{width:.1f}" height="{ROW - 5}" rx="2"/>')
            out.append(f'<text class="note" x="{LEFT + width + 6:.1f}" y="{y + 12}">{ratio:.2f}{cut} ({time:.3g} s)</text>')
            y += ROW
        y += 10
    head = f'<svg xmlns="http://www.w3.org/2000/svg" width="{WIDTH}" height="{y}" viewBox="0 0 {WIDTH} {y}" role="img">'
    return "\n".join([head, f"<style>{STYLE}</style>", *out, "</svg>", ""])


if __name__ == "__main__":
    with open(sys.argv[1], encoding="utf-8") as file:
        measured = json.load(file)["scenarios"]
    drawn = picture([measured[name] for name in sys.argv[3:]])
    with open(sys.argv[2], "w", encoding="utf-8") as file:
        file.write(drawn)
