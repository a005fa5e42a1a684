import { describe, expect, test } from 'vitest';
import { parseOllamaHost } from '../../src/models/host.ts';

describe('parseOllamaHost', () => {
  test.each([
    ['', 'http://127.0.0.1:11434'],
    ['gpu', 'http://gpu:11434'],
    ['gpu:8000', 'http://gpu:8000'],
    [':8000', 'http://127.0.0.1:8000'],
    ['0.0.0.0:11434', 'http://127.0.0.1:11434'],
    ['0.0.0.0', 'http://127.0.0.1:11434'],
    ['http://0.0.0.0:1234', 'http://127.0.0.1:1234'],
    ['http://127.0.0.1:11434/', 'http://127.0.0.1:11434'],
    ['  http://gpu:11434  ', 'http://gpu:11434'],
    ['http://gpu', 'http://gpu'],
    ['https://models.example.org/ollama/', 'https://models.example.org/ollama'],
    ['gpu/ollama', 'http://gpu:11434/ollama'],
    ['::1', 'http://[::1]:11434'],
    ['[::]:11434', 'http://[::1]:11434'],
    ['[::1]', 'http://[::1]:11434'],
  ])('reads %j as %s', (value, url) => {
    expect(parseOllamaHost(value)).toEqual({ url });
  });

  test.each([
    ['http://user:p%40ss@gpu:11434', 'http://gpu:11434', 'user:p@ss'],
    ['user:secret@gpu', 'http://gpu:11434', 'user:secret'],
  ])('keeps the credentials of %j out of the URL', (value, url, pair) => {
    const authorization = `Basic ${Buffer.from(pair).toString('base64')}`;
    expect(parseOllamaHost(value)).toEqual({ url, authorization });
  });

  test.each(['ftp://gpu', 'http://', 'http://user:secret@', 'gpu:99999', 'a b'])('refuses %j', (value) => {
    expect(() => parseOllamaHost(value)).toThrow(expect.objectContaining({ code: 'invalid_config' }));
    expect(() => parseOllamaHost(value)).not.toThrow(/secret/);
  });
});
