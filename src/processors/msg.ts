import { readFile } from 'node:fs/promises';
import { createRequire } from 'node:module';
import iconv from 'iconv-lite';
import type MsgReader from '@kenjiuno/msgreader';
import type { FieldsData } from '@kenjiuno/msgreader';
import type { SourceFile } from '../document.ts';
import { LimnerError } from '../errors.ts';
import { messageLines, personInWords, type HeadFields } from './mail-head.ts';
import { htmlLines } from './mail-message.ts';
import { soundOle } from './ole-file.ts';
import type { Member, Part, Processor } from './processor.ts';
import { createSectioner } from './sectioner.ts';

/** Outlook messages: headers and text; attachments are read as documents of their own. */
export const msg: Processor = {
  name: 'msg',
  version: 5,
  kinds: ['msg'],
  label: 'an Outlook message',
  extensions: ['msg'],
  holdsFiles: true,
  read,
};

async function* read(file: SourceFile): AsyncGenerator<Part> {
  const { fields, members } = parse(await soundOle(await readFile(file.path)));
  const sectioner = createSectioner();
  for (const text of messageLines(headOf(fields), bodyLines(fields))) sectioner.add({ text });
  const subject = fields.subject?.trim();
  yield { sections: sectioner.finish(), ...(subject && { title: subject }) };
  for (const member of members) yield { members: [member] };
}

function parse(data: Buffer): { fields: FieldsData; members: Member[] } {
  const load: typeof MsgReader = createRequire(import.meta.url)('@kenjiuno/msgreader');
  try {
    const encoding = encodingOf(new load.default(new Uint8Array(data).buffer).getFileData());
    const reader = new load.default(new Uint8Array(data).buffer);
    // Known only after a first look; texts in Unicode stay what they are.
    if (encoding) reader.parserConfig = { ansiEncoding: encoding };
    const fields = textual(reader.getFileData());
    const members = (fields.attachments ?? []).map((attachment, index) => {
      const { fileName, content } = reader.getAttachment(attachment);
      return { name: fileName || `attachment-${index + 1}`, bytes: content };
    });
    return { fields, members };
  } catch (cause) {
    // It checks no offset, so a damaged file shows as whatever error that leads to.
    if (!(cause instanceof Error)) throw cause;
    throw new LimnerError('corrupt', 'The message is damaged or was cut short; save it again in Outlook.', {
      cause,
    });
  }
}

/** In a damaged message fields of text may hold bytes or numbers: these are left out. */
function textual(fields: FieldsData): FieldsData {
  const known = { ...fields };
  for (const name of TEXTS) if (typeof known[name] !== 'string') delete known[name];
  return known;
}

const TEXTS = [
  'subject',
  'senderName',
  'senderEmail',
  'senderSmtpAddress',
  'body',
  'bodyHtml',
  'messageDeliveryTime',
  'clientSubmitTime',
] as const;

/** The encoding of texts that are not in Unicode, by the number that Windows gives it; undefined for the usual one. */
function encodingOf({ messageCodepage, internetCodepage }: FieldsData): string | undefined {
  const number = messageCodepage ?? internetCodepage ?? 0;
  if (number === UTF_8) return 'utf-8';
  if (JAPANESE_MAIL.has(number)) return 'cp932';
  if (number > LATIN && number < LATIN + 16) return `iso-8859-${number - LATIN}`;
  return iconv.encodingExists(`cp${number}`) ? `cp${number}` : undefined;
}

const UTF_8 = 65_001;
const JAPANESE_MAIL = new Set([50_220, 50_221, 50_222, 51_932]);
/** The number before that of ISO 8859-1. */
const LATIN = 28_590;

function headOf(fields: FieldsData): HeadFields {
  const people = fields.recipients ?? [];
  const named = (type: string): string =>
    people
      .filter(({ recipType }) => recipType === type)
      .map(({ name, smtpAddress, email }) => personInWords(name, smtpAddress ?? email))
      .filter(Boolean)
      .join(', ');
  return [
    ['From', personInWords(fields.senderName, fields.senderSmtpAddress ?? fields.senderEmail)],
    ['To', named('to')],
    ['Cc', named('cc')],
    ['Subject', fields.subject],
    ['Date', fields.messageDeliveryTime ?? fields.clientSubmitTime],
  ];
}

function bodyLines(fields: FieldsData): string[] {
  const { body, bodyHtml, html } = fields;
  if (body?.trim()) return body.split(/\r?\n/);
  return htmlLines(bodyHtml ?? (html ? iconv.decode(Buffer.from(html), encodingOf(fields) ?? 'utf-8') : ''));
}
