/**
 * Learns how many bytes of UTF-8 a token of the model takes, from what the server counted. Bytes and not
 * characters: a token is about 4 letters of English or 1 to 1.5 ideographs, which both are about 4 bytes.
 */
export interface Calibration {
  /**
   * Puts the indexes of `sizes` into groups of at most `most`. A text that may come near `limit` tokens is
   * alone in its group: the server counts the tokens of a whole request, so only then does the count tell
   * whether this text was cut.
   */
  group(sizes: readonly number[], limit: number, most: number): number[][];
  /** Whether a text of an answered group may have been cut after all, seen by the count of the group. */
  doubtful(sizes: readonly number[], tokens: number, limit: number): boolean;
  learn(bytes: number, tokens: number): void;
}

/** Before anything is learned: as dense as lists of numbers are. */
const DENSE = 2;
/** Texts differ around the mean: one that is expected to take this share of the limit may reach it. */
const NEAR = 0.6;
/** Below this, special tokens and chance weigh too much. */
const BYTES_TO_LEARN_FROM = 200;
/** How much a new count moves the mean. */
const WEIGHT = 0.2;

export function createCalibration(): Calibration {
  let bytesPerToken: number | undefined;
  const isNear = (bytes: number, limit: number): boolean => bytes / (bytesPerToken ?? DENSE) > NEAR * limit;
  return {
    group: (sizes, limit, most) => {
      const near = sizes.map((bytes) => isNear(bytes, limit));
      const alone = [...near.keys()].filter((index) => near[index]);
      const rest = [...near.keys()].filter((index) => !near[index]);
      return [...chunksOf(rest, most), ...alone.map((index) => [index])];
    },
    doubtful: (sizes, tokens, limit) => {
      const total = sizes.reduce((sum, bytes) => sum + bytes, 0);
      return ((Math.max(...sizes) / total) * tokens) / NEAR > limit;
    },
    learn: (bytes, tokens) => {
      if (bytes < BYTES_TO_LEARN_FROM || tokens === 0) return;
      const seen = bytes / tokens;
      bytesPerToken = bytesPerToken === undefined ? seen : bytesPerToken + WEIGHT * (seen - bytesPerToken);
    },
  };
}

function chunksOf(indexes: readonly number[], most: number): number[][] {
  const count = Math.ceil(indexes.length / most);
  return Array.from({ length: count }, (_, chunk) => indexes.slice(chunk * most, (chunk + 1) * most));
}
