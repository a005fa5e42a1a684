/** Texts and vectors that the benches make themselves, the same in every run. */

const WORDS = 50_000;
/** Word frequencies of large English collections fall about so (Zipf's law). */
const EXPONENT = 1.05;
const TOPICS = 200;
const TOPIC_WORDS = 40;
const LATENT = 96;

/** The most frequent words are English ones, so that stop words and the words of questions are what they are. */
const FREQUENT =
  'the of and to in a is that for it as was with be by on not are this at from or an have which they had ' +
  'you were their there one all we can has more when who will if no out so what up its how do into them such ' +
  'then these does';

/** Words that questions begin with, whatever is asked. */
const QUESTIONS = [
  'what is the',
  'how does the',
  'when was the',
  'who has the',
  'which of the',
  'how can we',
];

export interface Corpus {
  /** Text of about `characters` in sentences and paragraphs, about one of the topics. */
  prose(characters: number, topic: number): string;
  /** An ordinary question: stop words, words as frequent as in a text, one word of the topic. */
  question(topic: number): string;
  /** Two words of the topic, as a person types who knows what the document says. */
  rareWords(topic: number): string;
  topics: number;
  random: () => number;
}

/** The words are the same whatever the seed. */
export function createCorpus(seed: number): Corpus {
  const random = createRandom(seed);
  const words = createWords(createRandom(0));
  const sample = createZipf(words.length, random);
  const pick = (count: number): number => Math.floor(random() * count);
  const topicWord = (topic: number): string => words[5000 + topic * TOPIC_WORDS + pick(TOPIC_WORDS)] ?? '';
  const word = (topic: number): string => (random() < 0.06 ? topicWord(topic) : (words[sample()] ?? ''));
  const content = (): string => words[60 + (sample() % 5000)] ?? '';

  function sentence(topic: number): string {
    const text = Array.from({ length: 8 + pick(15) }, () => word(topic)).join(' ');
    return `${text.charAt(0).toUpperCase()}${text.slice(1)}.`;
  }

  return {
    prose(characters, topic) {
      let text = '';
      while (text.length < characters)
        text += `${Array.from({ length: 3 + pick(4) }, () => sentence(topic)).join(' ')}\n\n`;
      return text.slice(0, characters).trim();
    },
    question: (topic) =>
      `${QUESTIONS[pick(QUESTIONS.length)]} ${content()} of the ${content()} for ${topicWord(topic)}?`,
    rareWords: (topic) => `${topicWord(topic)} ${topicWord(topic)}`,
    topics: TOPICS,
    random,
  };
}

/** From 0 to 1 (mulberry32). */
export function createRandom(seed: number): () => number {
  let state = seed;
  return () => {
    state = (state + 0x6d2b79f5) | 0;
    let mixed = Math.imul(state ^ (state >>> 15), 1 | state);
    mixed = (mixed + Math.imul(mixed ^ (mixed >>> 7), 61 | mixed)) ^ mixed;
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 2 ** 32;
  };
}

/** Frequent words first; made-up ones have two to four syllables. */
function createWords(random: () => number): string[] {
  const words = new Set(FREQUENT.split(' '));
  const letter = (from: string): string => from.charAt(Math.floor(random() * from.length));
  const syllable = (): string => letter('bcdfghklmnprstvw') + letter('aeiou') + letter('lmnrst');
  while (words.size < WORDS) {
    const rank = Math.log10(words.size);
    const count = 2 + Math.floor(random() * (rank - 0.5));
    words.add(Array.from({ length: count }, syllable).join(''));
  }
  return [...words];
}

function createZipf(count: number, random: () => number): () => number {
  const until = new Float64Array(count);
  let sum = 0;
  for (let rank = 0; rank < count; rank++) until[rank] = sum += (rank + 1) ** -EXPONENT;
  return () => {
    const wanted = random() * sum;
    let [low, high] = [0, count - 1];
    while (low < high) {
      const middle = (low + high) >> 1;
      if ((until[middle] ?? 0) < wanted) low = middle + 1;
      else high = middle;
    }
    return low;
  };
}

/** Unit vectors around common centres, as the chunks of documents have them: 96 latent dimensions. */
export function createVectors(dimensions: number, centres: number, random: () => number): () => Float32Array {
  const normal = (): number => random() + random() + random() - 1.5;
  const spread = Array.from({ length: LATENT }, () => Float32Array.from({ length: dimensions }, normal));
  const middles = Array.from({ length: centres }, () => Float32Array.from({ length: LATENT }, normal));
  return () => {
    const middle = middles[Math.floor(random() * centres)];
    const vector = new Float32Array(dimensions);
    for (const [axis, direction] of spread.entries()) {
      const weight = (middle?.[axis] ?? 0) + 0.5 * normal();
      for (let at = 0; at < dimensions; at++) vector[at] = (vector[at] ?? 0) + weight * (direction[at] ?? 0);
    }
    const length = Math.sqrt(vector.reduce((sum, value) => sum + value * value, 0));
    return vector.map((value) => value / length);
  };
}
