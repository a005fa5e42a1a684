/** Figures that are kept of one document, and bytes of all. */
export const MOST_FIGURES = 200;
export const MOST_FIGURE_BYTES = 64 * 1024 * 1024;

/** Smaller pictures are icons, and narrower ones rules and bars. */
const SMALLEST_SIDE = 96;
const NARROWEST = 10;

export function isFigureSize(width: number, height: number): boolean {
  const [short, long] = [Math.min(width, height), Math.max(width, height)];
  return short >= SMALLEST_SIDE && long <= NARROWEST * short;
}
