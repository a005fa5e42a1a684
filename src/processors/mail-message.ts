import type { Address, Email } from 'postal-mime';
import { LimnerError } from '../errors.ts';
import { markedCharset, wideCharset } from './charset.ts';
import { parsePage } from './html.ts';
import { UNSEEN, writeLines } from './html-lines.ts';
import { messageLines, personInWords, type HeadFields } from './mail-head.ts';
import type { Member, Part } from './processor.ts';
import { createSectioner } from './sectioner.ts';

const MAX_DEPTH = 64;

/** One message (RFC 5322 and MIME): headers, text, and what is attached. */
export async function* readMessage(source: Uint8Array): AsyncGenerator<Part> {
  const email = await parse(source);
  const subject = email.subject?.trim();
  const lines = messageLines(headOf(email), bodyLines(email));
  const sectioner = createSectioner();
  for (const text of lines) sectioner.add({ text });
  yield { sections: sectioner.finish(), ...(subject && { title: subject }) };
  for (const [index, { filename, content, mimeType }] of email.attachments.entries()) {
    yield { members: [toMember(filename ?? nameFor(mimeType, index), content)] };
  }
}

async function parse(source: Uint8Array): Promise<Email> {
  const { default: PostalMime } = await import('postal-mime');
  try {
    return await PostalMime.parse(narrow(source), {
      maxNestingDepth: MAX_DEPTH,
      forceRfc822Attachments: true,
    });
  } catch (cause) {
    if (!(cause instanceof Error)) throw cause;
    const message = 'The message nests its parts too deeply or has far too large a head to be read.';
    throw new LimnerError('limit', message, { cause });
  }
}

/** Messages that were saved as UTF-16 are mail all the same. */
function narrow(source: Uint8Array): Uint8Array {
  const head = Buffer.from(source.subarray(0, 64 * 1024));
  const charset = markedCharset(head) ?? wideCharset(head);
  return charset?.startsWith('utf-16') ? Buffer.from(new TextDecoder(charset).decode(source)) : source;
}

function headOf(email: Email): HeadFields {
  return [
    ['From', addresses(email.from ? [email.from] : [])],
    ['To', addresses(email.to ?? [])],
    ['Cc', addresses(email.cc ?? [])],
    ['Subject', email.subject],
    ['Date', email.date],
  ];
}

function addresses(list: readonly Address[]): string {
  return list
    .flatMap((entry) => entry.group ?? [entry])
    .map(({ name, address }) => personInWords(name, address))
    .filter(Boolean)
    .join(', ');
}

/** The plain text; where there is none, that of the page. */
function bodyLines({ text, html }: Email): string[] {
  return text?.trim() ? text.split(/\r?\n/) : htmlLines(html ?? '');
}

/** The lines of a message written as a page. */
export function htmlLines(html: string): string[] {
  const lines: string[] = [];
  if (html.trim() !== '')
    writeLines(parsePage(html), { links: true, skip: new Set(UNSEEN) }, ({ text }) => lines.push(text));
  return lines;
}

function nameFor(mimeType: string, index: number): string {
  return mimeType === 'message/rfc822' ? `message-${index + 1}.eml` : `attachment-${index + 1}`;
}

function toMember(name: string, content: ArrayBuffer | Uint8Array | string): Member {
  if (typeof content === 'string') return { name, bytes: Buffer.from(content) };
  return { name, bytes: content instanceof Uint8Array ? content : new Uint8Array(content) };
}
