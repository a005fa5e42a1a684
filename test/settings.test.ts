import { expect, test } from 'vitest';
import { Environment, parseConfig } from '../src/config.ts';

const SECRET = 'hunter2-of-nobody';

/** Paths, where nobody puts a secret. */
const FOLDERS = new Set(['LIMNER_INBOX', 'LIMNER_DATA', 'LIMNER_WORKFLOWS']);

/** Every setting that takes a text is given the secret where people put one. */
function environmentWithSecrets(): Record<string, string> {
  const names = Object.keys(Environment.shape).filter((name) => !FOLDERS.has(name));
  const given: Record<string, string> = {};
  for (const name of names) {
    const tries = [
      `http://user:${SECRET}@gpu.example:8188/base?token=${SECRET}`,
      ...(/(KEY|SECRET)S?$/.test(name) ? [SECRET] : []),
      ...(name === 'OLLAMA_HOST' ? [`user:${SECRET}@gpu:11434`] : []),
    ];
    const taken = tries.findLast((value) => Environment.safeParse({ [name]: value }).success);
    if (taken !== undefined) given[name] = taken;
  }
  return given;
}

test('no setting shows a secret, wherever people put one', () => {
  const given = environmentWithSecrets();
  expect(Object.keys(given)).toEqual(
    expect.arrayContaining([
      'COMFYUI_URL',
      'OLLAMA_HOST',
      'LIMNER_CHAT_URL',
      'LIMNER_API_KEYS',
      'LIMNER_CHAT_KEY',
    ]),
  );
  const { settings } = parseConfig(given, '/base');
  expect(JSON.stringify(settings)).not.toContain(SECRET);
  const of = (name: string) => settings.find((one) => one.name === name);
  expect(of('COMFYUI_URL')?.value).toEqual(['http://gpu.example:8188/base']);
  expect(of('OLLAMA_HOST')?.value).toBe('gpu:11434');
  expect(of('LIMNER_API_KEYS')).toEqual({
    name: 'LIMNER_API_KEYS',
    value: null,
    is_set: true,
    is_secret: true,
  });
});

test('every setting is there, with what is in force and whether somebody set it', () => {
  const { settings } = parseConfig({ LIMNER_INBOX: 'docs' }, '/base');
  expect(settings.map(({ name }) => name)).toEqual(Object.keys(Environment.shape));
  expect(settings).toContainEqual({
    name: 'LIMNER_INBOX',
    value: '/base/docs',
    is_set: true,
    is_secret: false,
  });
  expect(settings).toContainEqual({ name: 'LIMNER_PORT', value: 8400, is_set: false, is_secret: false });
  expect(settings).toContainEqual(
    expect.objectContaining({ name: 'LIMNER_CHAT_MODEL', value: 'gemma3:4b', is_set: false }),
  );
});
