import { createServer, type RequestListener } from 'node:http';
import { expect, onTestFinished, test } from 'vitest';
import { ask } from '../../src/models/request.ts';
import { listen } from '../fakes/listen.ts';

async function serve(answer: RequestListener): Promise<string> {
  const server = createServer(answer);
  onTestFinished(() => {
    server.closeAllConnections();
    server.close();
  });
  return `http://127.0.0.1:${await listen(server, 0)}`;
}

const asked = (signal = new AbortController().signal) => ({ headers: {}, body: '{}', signal });

test('an answer without a body is one', async () => {
  const url = await serve((_, response) => response.writeHead(204).end());
  const answer = await ask(url, asked());
  expect([answer.status, await answer.text()]).toEqual([204, '']);
});

test('a redirect is an answer like another, also where a stream was expected', async () => {
  const url = await serve((_, response) => response.writeHead(302, { location: '/elsewhere' }).end('moved'));
  const answer = await ask(url, asked(), { onBytes: () => expect.unreachable() });
  expect([answer.status, await answer.text()]).toEqual([302, 'moved']);
});

test('what comes is looked at as it comes, and its end as well', async () => {
  const url = await serve((_, response) => {
    response.write('one ');
    setImmediate(() => response.end('two'));
  });
  const seen: string[] = [];
  const answer = await ask(url, asked(), {
    onBytes: (bytes) => seen.push(Buffer.from(bytes).toString()),
    onEnd: () => seen.push('end'),
  });
  expect(await answer.text()).toBe('one two');
  expect([seen.slice(0, -1).join(''), seen.at(-1)]).toEqual(['one two', 'end']);
});

test('what the watcher throws ends the answer and closes the connection', async () => {
  const closed = Promise.withResolvers<void>();
  const url = await serve((_, response) => {
    response.on('close', () => closed.resolve());
    response.write('wrong');
  });
  const answer = await ask(url, asked(), {
    onBytes: () => {
      throw new SyntaxError('not a line');
    },
  });
  await expect(answer.text()).rejects.toThrow('not a line');
  await closed.promise;
});

test('a connection that breaks under way is told to the reader', async () => {
  const url = await serve((_, response) => {
    response.write('half', () => response.destroy());
  });
  const answer = await ask(url, asked(), { onBytes: () => undefined });
  await expect(answer.text()).rejects.toMatchObject({ code: 'UND_ERR_SOCKET' });
});

test('who leaves gets the reason, before the answer and in it', async () => {
  const left = new Error('left');
  const before = new AbortController();
  const silent = await serve(() => before.abort(left));
  await expect(ask(silent, asked(before.signal))).rejects.toBe(left);
  const under = new AbortController();
  const url = await serve((_, response) => void response.write('half'));
  const answer = await ask(url, asked(under.signal), { onBytes: () => under.abort(left) });
  await expect(answer.text()).rejects.toBe(left);
});
