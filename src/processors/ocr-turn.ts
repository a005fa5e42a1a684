import { createCanvas, type Canvas } from '@napi-rs/canvas';
import { inkLength } from '../document.ts';
import type { Ocr, Recognized } from './ocr.ts';
import { toPgm } from './picture.ts';

/** A page read with this confidence, or one that looks like words, stands upright. */
const SURE = 75;
/** A page read with this confidence holds text, whatever it is; ... */
const GOOD_PAGE = 70;
/** ... with this one if it looks like words: half of its characters stand in some of three letters and more. */
const WORST_PAGE = 50;
const WORDS_SHARE = 0.5;
/** So many characters have to be found before a page is turned: a photograph without words is left alone. */
const WORTH_TURNING = 12;

/** A letter or two are what drawings are taken for. */
const FEWEST_SIGNS = 3;

/** After so many pages that no turn made better, a document is taken for a poor scan that stands upright. */
const VAIN_TURNS = 3;

/** Reads a picture; runs are given in the picture as it is, times `scale`. */
export type ReadUpright = (canvas: Canvas, scale: number) => Promise<Recognized | undefined>;

/**
 * Reads pictures that may lie on their side or stand on their head. Text is empty where nothing can be read; nothing
 * at all is given where that takes too long.
 */
export function createUpright(ocr: Ocr, ocrPageMs: number): ReadUpright {
  let vain = 0;
  return async (canvas, scale) => {
    const until = performance.now() + ocrPageMs;
    const straight = await ocr.read(toPgm(canvas));
    if (!straight) return undefined;
    const isUnsure = straight.confidence < SURE && !looksLikeWords(straight);
    const mayTurn = isUnsure && inkLength(straight.text) >= WORTH_TURNING;
    const best = mayTurn && vain < VAIN_TURNS ? await readTurned(ocr, canvas, straight, until) : straight;
    if (mayTurn && best === straight) vain += 1;
    return holdsText(best) ? scaled(best, scale) : { ...best, text: '', runs: [] };
  };
}

function holdsText(read: Recognized): boolean {
  if (inkLength(read.text) < FEWEST_SIGNS) return false;
  return read.confidence >= GOOD_PAGE || (read.confidence >= WORST_PAGE && looksLikeWords(read));
}

/** Shadows, patterns and letters on their side are read as short words and lone signs. */
function looksLikeWords({ text }: Recognized): boolean {
  const words = text.match(/\p{L}{3,}/gu) ?? [];
  return words.join('').length >= WORDS_SHARE * text.replaceAll(/[^\p{L}\p{N}]/gu, '').length;
}

function scaled(read: Recognized, scale: number): Recognized {
  const runs = read.runs.map((value, index) => (index % 5 === 0 ? value : Math.round(value * scale)));
  return { ...read, runs };
}

/** All turns share the time of the page. */
async function readTurned(
  ocr: Ocr,
  canvas: Canvas,
  straight: Recognized,
  until: number,
): Promise<Recognized> {
  let best = straight;
  for (const quarters of [1, 3, 2]) {
    const left = until - performance.now();
    const turned = left > 0 ? await ocr.read(toPgm(turn(canvas, quarters)), left) : undefined;
    if (!turned) return best;
    if (turned.confidence > best.confidence && inkLength(turned.text) >= WORTH_TURNING)
      best = { ...turned, runs: turnedBack(turned.runs, canvas, quarters) };
    if (best.confidence >= SURE) return best;
  }
  return best;
}

/** A copy turned clockwise by so many quarters. */
function turn(canvas: Canvas, quarters: number): Canvas {
  const { width, height } = canvas;
  const turned = quarters % 2 === 1 ? createCanvas(height, width) : createCanvas(width, height);
  const context = turned.getContext('2d');
  context.translate(turned.width / 2, turned.height / 2);
  context.rotate((quarters * Math.PI) / 2);
  context.drawImage(canvas, -width / 2, -height / 2);
  return turned;
}

/** Rectangles of a turned copy as they lie in the canvas itself. */
function turnedBack(runs: readonly number[], { width, height }: Canvas, quarters: number): number[] {
  const back: number[] = [];
  for (let at = 0; at < runs.length; at += 5) {
    const [ink = 0, x = 0, y = 0, w = 0, h = 0] = runs.slice(at, at + 5);
    if (quarters === 1) back.push(ink, y, height - x - w, h, w);
    else if (quarters === 3) back.push(ink, width - y - h, x, h, w);
    else back.push(ink, width - x - w, height - y - h, w, h);
  }
  return back;
}
