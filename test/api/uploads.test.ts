import { readdir, readFile } from 'node:fs/promises';
import { connect } from 'node:net';
import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import { until } from '../until.ts';
import { documentIn, errorIn, startBench } from './setup.ts';

const bench = await startBench({
  LIMNER_MAX_FILE_MB: '0.1',
  COMFYUI_URL: 'http://127.0.0.1:9',
  LIMNER_TRANSCRIBE_URL: 'http://127.0.0.1:9/v1',
  LIMNER_TRANSCRIBE_MODEL: 'm',
});
const { server } = bench.app;
const BOUNDARY = 'xxboundaryxx';

interface Field {
  name: string;
  value: string | Buffer;
  filename?: string;
}

/** A form as a browser writes it; `end` is left out for one that breaks off. */
function form(fields: readonly Field[], end = `--${BOUNDARY}--\r\n`): Buffer {
  const parts = fields.map(({ name, value, filename }) =>
    Buffer.concat([
      Buffer.from(
        `--${BOUNDARY}\r\nContent-Disposition: form-data; name="${name}"` +
          `${filename === undefined ? '' : `; filename="${filename}"`}\r\n\r\n`,
      ),
      Buffer.from(value),
      Buffer.from('\r\n'),
    ]),
  );
  return Buffer.concat([...parts, Buffer.from(end)]);
}

function upload(fields: readonly Field[], end?: string) {
  return server.inject({
    method: 'POST',
    url: '/api/documents',
    headers: { 'content-type': `multipart/form-data; boundary=${BOUNDARY}` },
    payload: form(fields, end),
  });
}

/** What no upload may leave behind: half files, and rows of documents that never came. */
async function leftovers(): Promise<{ files: string[]; documents: number }> {
  const files = await readdir(join(bench.folder, 'data', 'spool'));
  return { files, documents: (await bench.list('limit=1000')).data.length };
}

describe('a file that is sent', () => {
  test('is kept as it is and made searchable', async () => {
    const response = await upload([
      { name: 'collection', value: 'sea' },
      { name: 'title', value: 'The log' },
      { name: 'file', value: 'The bell hangs in the boathouse.', filename: 'log.txt' },
    ]);
    expect(response.statusCode).toBe(202);
    const document = await bench.done(documentIn(response).id);
    expect(document).toMatchObject({
      uri: expect.stringMatching(/^uploads\/[0-9a-f]{12}\/log\.txt$/),
      title: 'The log',
      collection: 'sea',
      state: 'searchable',
      bytes: 32,
    });
    expect((await bench.get(`/api/documents/${document.id}/file`)).body).toBe(
      'The bell hangs in the boathouse.',
    );
    expect((await leftovers()).files).toEqual([]);
  });

  test('replaces what had its external_id', async () => {
    const send = (value: string) =>
      upload([
        { name: 'external_id', value: 'erp/7' },
        { name: 'file', value, filename: 'any.txt' },
      ]);
    const first = await bench.done(documentIn(await send('first')).id);
    const second = await bench.done(documentIn(await send('second')).id);
    expect(second).toMatchObject({ id: first.id, uri: 'erp/7', revision: 2 });
  });

  test.each([
    ['../../etc/passwd', 'passwd'],
    ['..\\\\..\\\\windows\\\\win.ini', 'win.ini'],
    ['/abs/olute.txt', 'olute.txt'],
    ['..', 'file'],
    ['', 'file'],
    ['a\u0000b.txt', 'ab.txt'],
    ['été 🦑.txt', 'été 🦑.txt'],
    [`${'x'.repeat(400)}.txt`, 'x'.repeat(255)],
  ])('has a name that is only a label: %j', async (filename, label) => {
    const before = await readdir(bench.folder);
    const document = documentIn(await upload([{ name: 'file', value: `I am ${label}`, filename }]));
    expect(document.uri).toMatch(/^uploads\/[0-9a-f]{12}\//);
    expect(document.uri.slice('uploads/'.length + 13)).toBe(label);
    await bench.done(document.id);
    expect(await readFile(join(bench.folder, 'data', 'uploads', document.id), 'utf8')).toBe(`I am ${label}`);
    expect(await readdir(bench.folder)).toEqual(before);
  });
});

describe('files of one name and texts of one title', () => {
  test('are documents of their own unless they are equal', async () => {
    const send = async (value: string) =>
      (await bench.done(documentIn(await upload([{ name: 'file', value, filename: 'scan.txt' }])).id)).id;
    const first = await send('the first scan');
    expect(await send('the second scan')).not.toBe(first);
    expect(await send('the first scan')).toBe(first);
    const text = async (body: string) =>
      (await bench.done(documentIn(await bench.post('/api/documents', { text: body, title: 'Note' })).id)).id;
    expect(await text('one')).not.toBe(await text('two'));
  });
});

describe('a form that cannot be taken leaves nothing', () => {
  test.each<[string, Field[], number, string | null]>([
    ['without a file', [{ name: 'title', value: 'a' }], 400, 'file'],
    ['with an unknown field', [{ name: 'path', value: '/etc' }, file()], 400, 'path'],
    ['with a bad collection', [{ name: 'collection', value: '../x' }, file()], 400, 'collection'],
    ['with an endless title', [{ name: 'title', value: 'x'.repeat(20_000) }, file()], 413, 'title'],
    ['with an empty external_id', [{ name: 'external_id', value: '' }, file()], 400, 'external_id'],
    ['too large', [file(Buffer.alloc(110_000, 'x'))], 413, null],
    ['with two files', [file(), { ...file(), name: 'second' }], 400, 'second'],
    ['with a field after the file', [file(), { name: 'title', value: 'Late' }], 400, 'title'],
  ])('%s', async (_what, fields, status, param) => {
    const before = await leftovers();
    expect(errorIn(await upload(fields))).toMatchObject({ status, param });
    expect(await leftovers()).toEqual(before);
  });

  test('that breaks off before its end', async () => {
    const before = await leftovers();
    const response = await upload([file('half of it')], '');
    expect(errorIn(response)).toMatchObject({ status: 400, code: 'invalid_request' });
    expect(await leftovers()).toEqual(before);
  });

  test('that is none', async () => {
    const headers = { 'content-type': 'multipart/form-data' };
    const response = await server.inject({ method: 'POST', url: '/api/documents', headers, payload: 'x' });
    expect(errorIn(response)).toMatchObject({ status: 400, code: 'invalid_request' });
  });
});

describe('on a real connection', () => {
  async function address(): Promise<URL> {
    if (!server.server.listening) await server.listen({ port: 0, host: '127.0.0.1' });
    const bound = server.server.address();
    return new URL(`http://127.0.0.1:${typeof bound === 'object' ? bound?.port : ''}`);
  }

  test('a sender that leaves in the middle leaves nothing, wherever it leaves', async () => {
    const { port } = await address();
    const before = await leftovers();
    const body = form([{ name: 'title', value: 'Half' }, file('x'.repeat(50_000))]);
    for (const share of [0.001, 0.1, 0.5, 0.9, 0.999]) {
      const socket = connect(Number(port), '127.0.0.1');
      const head =
        `POST /api/documents HTTP/1.1\r\nHost: 127.0.0.1\r\nContent-Length: ${body.length}\r\n` +
        `Content-Type: multipart/form-data; boundary=${BOUNDARY}\r\n\r\n`;
      socket.write(head);
      const sent = new Promise((resolve) => {
        socket.write(body.subarray(0, Math.floor(share * body.length)), resolve);
      });
      await sent;
      if (share > 0.01)
        await until(async () => (await leftovers()).files.length > 0, 'the bytes to arrive', 2000);
      socket.destroy();
      await until(async () => (await leftovers()).files.length === 0, `nothing to be left at ${share}`);
    }
    expect(await leftovers()).toEqual(before);
  });

  test('a sender of too much is told so', async () => {
    const data = new FormData();
    data.append('file', new Blob([Buffer.alloc(3_000_000)]), 'big.bin');
    const response = await fetch(new URL('/api/documents', await address()), { method: 'POST', body: data });
    expect(response.status).toBe(413);
    expect(await response.json()).toMatchObject({ error: { code: 'too_large' } });
  });
});

function file(value: string | Buffer = 'content'): Field {
  return { name: 'file', value, filename: 'a.txt' };
}

describe('a form that breaks off', () => {
  const field = '--b\r\ncontent-disposition: form-data; name="prompt"\r\n\r\nx';
  const file = '--b\r\ncontent-disposition: form-data; name="image"; filename="a.png"\r\n\r\nabc';
  const urls = ['/v1/images/edits', '/v1/audio/transcriptions', '/v1/files', '/api/documents'];

  test.each(urls)('is refused by %s, and is no bug', async (url) => {
    for (const payload of url === '/api/documents'
      ? ['--b\r\ncontent-dis', field]
      : ['--b\r\ncontent-dis', field, file]) {
      const headers = { 'content-type': 'multipart/form-data; boundary=b' };
      const response = await server.inject({ method: 'POST', url, payload, headers });
      expect(errorIn(response)).toMatchObject({ status: 400, code: 'invalid_request' });
      expect(response.body).toContain('broke off');
    }
    expect(bench.lines.join('')).not.toContain('is a bug');
  });
});
