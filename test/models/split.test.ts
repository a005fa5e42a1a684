import { assert, property, string } from 'fast-check';
import { describe, expect, test } from 'vitest';
import { halve, normalize, weightedMean } from '../../src/models/split.ts';

describe('halve', () => {
  test('cuts at the white space nearest to the middle', () => {
    expect(halve('one two three four')).toEqual(['one two', 'three four']);
  });

  test('cuts a word without white space in its middle', () => {
    expect(halve('abcdef')).toEqual(['abc', 'def']);
  });

  test('does not go far for white space', () => {
    expect(halve(`a ${'b'.repeat(20)}`)).toEqual([`a ${'b'.repeat(9)}`, 'b'.repeat(11)]);
  });

  test.each(['', ' ', 'a', '😀'])('leaves %j whole', (text) => {
    expect(halve(text)).toBeUndefined();
  });

  test('loses nothing but white space, breaks no character, and always gets smaller', () => {
    const holds = property(string({ unit: 'grapheme' }), (text) => {
      const halves = halve(text);
      if (!halves) return text.trim().length <= 2;
      const whole = halves.every((half) => half.isWellFormed() && half.trim() !== '');
      return (
        whole && bare(halves.join('')) === bare(text) && halves.every((half) => half.length < text.length)
      );
    });
    expect(() => assert(holds)).not.toThrow();
  });
});

function bare(text: string): string {
  return text.replaceAll(/\s/g, '');
}

describe('vectors', () => {
  test('normalize gives length 1', () => {
    expect(normalize(Float32Array.of(3, 4))).toEqual(Float32Array.of(0.6, 0.8));
  });

  test.each([[[0, 0]], [[Number.NaN, 1]], [[Infinity, 1]]])('normalize gives nothing for %j', (numbers) => {
    expect(normalize(Float32Array.from(numbers))).toBeUndefined();
  });

  test('the weighted mean lies nearer to the heavier vector', () => {
    const mean = weightedMean([Float32Array.of(1, 0), 3], [Float32Array.of(0, 1), 1]);
    expect(mean?.[0]).toBeCloseTo(3 / Math.sqrt(10));
    expect(mean?.[1]).toBeCloseTo(1 / Math.sqrt(10));
  });

  test('opposite vectors have no mean', () => {
    expect(weightedMean([Float32Array.of(1, 0), 1], [Float32Array.of(-1, 0), 1])).toBeUndefined();
  });
});
