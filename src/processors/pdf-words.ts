import type { PageViewport } from 'pdfjs-dist/legacy/build/pdf.mjs';
import { inkLength } from '../document.ts';
import type { Note } from './pdf-annotations.ts';
import type { TextRun } from './pdf-layout.ts';

/** How far letters reach above and below their baseline, in font sizes. */
const ABOVE = 0.85;
const BELOW = 0.22;

/** Where runs of text and then notes stand on a page, as `PageWords.runs`. `viewport` has the scale 1. */
export function runsOf(runs: readonly TextRun[], notes: readonly Note[], viewport: PageViewport): number[] {
  return [
    ...runs.flatMap((run) => numbers(run.str, () => corners(run), viewport)),
    ...notes.flatMap(({ text, rect }) => numbers(text, () => pairs(rect), viewport)),
  ];
}

type Point = [x: number, y: number];

function numbers(text: string, points: () => readonly Point[], viewport: PageViewport): number[] {
  const ink = inkLength(text);
  return ink === 0 ? [] : [ink, ...rectangle(points(), viewport)];
}

/** The four corners of a run that may be turned: along (a, b) and across it (PDF 32000-1, 9.4.4). */
function corners({ transform, width, height }: TextRun): Point[] {
  const [a = 1, b = 0, , , x = 0, y = 0] = transform;
  const length = Math.hypot(a, b) || 1;
  const [cos, sin] = [a / length, b / length];
  return [0, width].flatMap((along) =>
    [-BELOW * height, ABOVE * height].map((across): Point => [
      x + along * cos - across * sin,
      y + along * sin + across * cos,
    ]),
  );
}

function pairs([x0 = 0, y0 = 0, x1 = 0, y1 = 0]: readonly number[]): Point[] {
  return [
    [x0, y0],
    [x1, y1],
  ];
}

/** The rectangle around points of the page as the viewport shows it, in whole points. */
function rectangle(points: readonly Point[], viewport: PageViewport): number[] {
  const shown = points.map(([x, y]) => viewport.convertToViewportPoint(x, y));
  const [xs, ys] = [0, 1].map((axis) => shown.map((point) => whole(point[axis])));
  const [left, top] = [Math.min(...(xs ?? [])), Math.min(...(ys ?? []))];
  return [left, top, Math.max(...(xs ?? [])) - left, Math.max(...(ys ?? [])) - top];
}

/** Damaged pages place text anywhere, even nowhere. */
function whole(value: unknown): number {
  const rounded = Math.round(Number(value));
  return Number.isFinite(rounded) ? Math.max(-30_000, Math.min(30_000, rounded)) : 0;
}
