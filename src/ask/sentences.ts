/** A sentence that would become longer by what belongs to it is left in its parts, in UTF-16 units. */
const MOST_CHARACTERS = 600;

const segmenter = new Intl.Segmenter('en', { granularity: 'sentence' });

/** What opens, and what may close it: German has “ as the end of „ and « as the end of ». */
const CLOSING: Readonly<Record<string, string>> = {
  '(': ')',
  '[': ']',
  '（': '）',
  '「': '」',
  '『': '』',
  '“': '”',
  '„': '“”',
  '«': '»',
  '»': '«',
  '"': '"',
};

/** Before a name or a word. English, German, French, Spanish, Italian, Portuguese, Dutch, Russian. */
const BEFORE_WORDS = new Set(
  `dr mr mrs ms prof st rev gen col capt lt sgt gov sen hon messrs vs cf viz ca approx incl dept est
   hr hrn frl ing dipl bzw ggf vgl evtl inkl exkl sog zzgl gem lat mme mlle mgr ex env sr sra srta dra ud uds
   sig dott avv dhr mevr bijv им ул пр проф акад напр`.split(/\s+/u),
);

/** Before a number. */
const BEFORE_NUMBERS = new Set(
  `no nos nr fig figs eq eqs sec sect ch chap vol art pp abb tab kap abs bd nrn núm pág págs cap стр рис табл гл`.split(
    /\s+/u,
  ),
);

/** A letter alone or several with dots, as "J.", "e.g." and "U.S."; or a number that may be an ordinal, as "am 3. Mai". */
const DOTTED = /(?:^|[^\p{L}\p{M}\p{N}.])(?:(?:\p{L}\.[ \u00a0]?)*\p{L}|(?<!\. )\d{1,2})\.$/u;
const LAST_WORD = /([\p{L}\p{M}]+)\.$/u;

/**
 * The sentences of a text on one line. `Intl.Segmenter` knows no abbreviations and looks into no quotation marks, so
 * what it cuts there is put together again: a sentence too long misleads less than half of one.
 */
export function sentencesOf(text: string): string[] {
  const segments = [...segmenter.segment(text.replace(/\s+/gu, ' '))];
  // French has a space before the mark that closes, which then stands before the next sentence.
  const parts = segments.flatMap(({ segment }) => segment.split(/(?<=^[\p{Pf}\p{Pe}] )/u));
  const sentences: string[] = [];
  for (let from = 0; from < parts.length;) {
    const to = endOf(parts, from);
    sentences.push(parts.slice(from, to).join('').trim());
    from = to;
  }
  return sentences;
}

/** Behind the last part that belongs to the sentence which begins at `from`. */
function endOf(parts: readonly string[], from: number): number {
  let end = from + 1;
  let sentence = '';
  for (let to = from; to < parts.length; to++) {
    sentence += parts[to];
    if (to > from && sentence.length > MOST_CHARACTERS) break;
    const next = parts[to + 1];
    if (isOpen(sentence)) continue;
    end = to + 1;
    if (next === undefined || !goesOn(sentence.trimEnd(), next)) break;
  }
  return end;
}

function goesOn(sentence: string, next: string): boolean {
  // What closes, or a word in small letters, begins no sentence; after a Japanese quotation comes its particle.
  if (/^(?:[\p{Ll},;:]|[\p{Pe}\p{Pf}](?: |$))/u.test(next)) return true;
  if (/[」』]$/u.test(sentence) && /^\p{Script=Hiragana}/u.test(next)) return true;
  if (DOTTED.test(sentence)) return true;
  const word = LAST_WORD.exec(sentence)?.[1]?.toLowerCase() ?? '';
  return BEFORE_WORDS.has(word) || (BEFORE_NUMBERS.has(word) && /^\d/u.test(next));
}

/** Whether a quotation or a bracket has not ended. */
function isOpen(sentence: string): boolean {
  const awaited: string[] = [];
  for (let at = 0; at < sentence.length; at++) {
    const sign = sentence.charAt(at);
    if (awaited.at(-1)?.includes(sign)) awaited.pop();
    // A mark behind a number is one of inches.
    else if (Object.hasOwn(CLOSING, sign) && !(sign === '"' && /\d/.test(sentence.charAt(at - 1))))
      awaited.push(CLOSING[sign] ?? '');
  }
  return awaited.length > 0;
}
