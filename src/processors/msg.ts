import { readFile } from 'node:fs/promises';
import { createRequire } from 'node:module';
import type MsgReader from '@kenjiuno/msgreader';
import type { FieldsData } from '@kenjiuno/msgreader';
import type { SourceFile } from '../document.ts';
import { LimnerError } from '../errors.ts';
import { htmlLines } from './mail-message.ts';
import type { Member, Part, Processor } from './processor.ts';
import { createSectioner } from './sectioner.ts';

/** Outlook messages: headers and text; attachments are read as documents of their own. */
export const msg: Processor = {
  name: 'msg',
  version: 1,
  kinds: ['msg'],
  label: 'an Outlook message',
  extensions: ['msg'],
  holdsFiles: true,
  read,
};

async function* read(file: SourceFile): AsyncGenerator<Part> {
  const { fields, members } = parse(await readFile(file.path));
  const sectioner = createSectioner();
  for (const text of [...headerLines(fields), '', ...bodyLines(fields)]) sectioner.add({ text });
  const subject = fields.subject?.trim();
  yield { sections: sectioner.finish(), ...(subject && { title: subject }) };
  for (const member of members) yield { members: [member] };
}

function parse(data: Buffer): { fields: FieldsData; members: Member[] } {
  const load: typeof MsgReader = createRequire(import.meta.url)('@kenjiuno/msgreader');
  try {
    const reader = new load.default(new Uint8Array(data).buffer);
    const fields = reader.getFileData();
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

function headerLines(fields: FieldsData): string[] {
  const people = fields.recipients ?? [];
  const named = (type: string): string =>
    people
      .filter(({ recipType }) => recipType === type)
      .map(({ name, smtpAddress, email }) => person(name, smtpAddress ?? email))
      .filter(Boolean)
      .join(', ');
  const lines: [name: string, value: string | undefined][] = [
    ['From', person(fields.senderName, fields.senderSmtpAddress ?? fields.senderEmail)],
    ['To', named('to')],
    ['Cc', named('cc')],
    ['Subject', fields.subject],
    ['Date', fields.messageDeliveryTime ?? fields.clientSubmitTime],
  ];
  return lines.filter(([, value]) => value).map(([name, value]) => `${name}: ${value}`);
}

function person(name = '', address = ''): string {
  return name && address && name !== address ? `${name} <${address}>` : address || name;
}

function bodyLines({ body, bodyHtml, html }: FieldsData): string[] {
  if (body?.trim()) return body.split(/\r?\n/);
  return htmlLines(bodyHtml ?? (html ? Buffer.from(html).toString('utf8') : ''));
}
