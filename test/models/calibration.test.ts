import { describe, expect, test } from 'vitest';
import { createCalibration } from '../../src/models/calibration.ts';

describe('calibration', () => {
  test('groups what is surely short, and leaves alone what may come near the limit', () => {
    const { group } = createCalibration();
    // Unlearned: 2 bytes a token, so near is above 1200 bytes for a limit of 1000 tokens.
    expect(group([100, 1300, 200, 300], 1000, 2)).toEqual([[0, 2], [3], [1]]);
  });

  test('learns from counts, so that more texts go together', () => {
    const { group, learn } = createCalibration();
    learn(4000, 1000);
    expect(group([1300, 2300, 2500], 1000, 64)).toEqual([[0, 1], [2]]);
  });

  test('follows texts that get denser', () => {
    const { group, learn } = createCalibration();
    learn(4000, 1000);
    for (let turn = 0; turn < 30; turn += 1) learn(1000, 1000);
    expect(group([1300], 1000, 64)).toEqual([[0]]);
    expect(group([500, 1300], 1000, 64)).toEqual([[0], [1]]);
  });

  test('does not learn from scraps', () => {
    const { group, learn } = createCalibration();
    learn(20, 20);
    learn(1000, 0);
    expect(group([1100, 1100], 1000, 64)).toEqual([[0, 1]]);
  });

  test('doubts a group whose count allows that its longest text was cut', () => {
    const { doubtful } = createCalibration();
    expect(doubtful([1000, 1000], 1000, 1000)).toBe(false);
    expect(doubtful([1000, 1000], 1300, 1000)).toBe(true);
  });
});
