import type { z } from 'zod';
import { VerifyAnswer } from '../api/service-shapes.ts';
import type { Context } from '../command-line.ts';
import { LimnerError } from '../errors.ts';
import { openService } from './service.ts';

/** Exits 1 when something is not as it was promised. */
export async function verify(context: Context): Promise<number> {
  const flags = new Set(context.args);
  const unknown = context.args.find((flag) => flag !== '--deep' && flag !== '--json');
  if (unknown !== undefined)
    throw new LimnerError('invalid_request', `verify knows --deep and --json, not ${unknown}.`);
  const service = await openService(context);
  try {
    const result = await service.call(VerifyAnswer, 'GET', `/api/verify?deep=${String(flags.has('--deep'))}`);
    process.stdout.write(`${flags.has('--json') ? JSON.stringify(result, null, 2) : told(result)}\n`);
    return result.findings.length === 0 ? 0 : 1;
  } finally {
    await service.close();
  }
}

const counted = (count: number, noun: string): string => `${count} ${noun}${count === 1 ? '' : 's'}`;

function told({ documents, files, hashed, findings }: z.infer<typeof VerifyAnswer>): string {
  const lines = findings.map(
    ({ uri, problem }) => `${uri === null ? '' : `${JSON.stringify(uri)}: `}${problem}`,
  );
  const looked = `${counted(documents, 'document')}, ${counted(files, 'file')}${hashed > 0 ? `, ${hashed} hashed again` : ''}`;
  return [
    ...lines,
    `${looked}: ${findings.length === 0 ? 'all as it should be' : `${findings.length} findings`}`,
  ].join('\n');
}
