/**
 * Parses what ComfyUI sends as JSON: Python writes `NaN` and `Infinity` as bare words, which become null.
 * Throws SyntaxError when the text is no JSON even then.
 */
export function parseLooseJson(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch (error) {
    if (!(error instanceof SyntaxError)) throw error;
    return JSON.parse(withoutBareNumbers(text));
  }
}

/** A string is matched whole, so that words inside it stay as they are. */
const STRING_OR_WORD = /"(?:[^"\\]|\\.)*"|-?\b(?:NaN|Infinity)\b/gs;

function withoutBareNumbers(text: string): string {
  return text.replace(STRING_OR_WORD, (found) => (found.startsWith('"') ? found : 'null'));
}
