import { z } from 'zod';

/** A tag that is not what it should be is left out: cameras and programs write what they like. */
const words = z.string().trim().min(1).optional().catch(undefined);
const number = z.number().optional().catch(undefined);

/** The tags that say something to a person, as exifr names them (EXIF, IPTC and XMP in one). */
const Tags = z.object({
  DateTimeOriginal: z.date().optional().catch(undefined),
  CreateDate: z.date().optional().catch(undefined),
  Make: words,
  Model: words,
  latitude: number,
  longitude: number,
  title: words,
  ObjectName: words,
  ImageDescription: words,
  description: words,
  Caption: words,
  UserComment: words,
  Artist: words,
  creator: words,
  Copyright: words,
  Keywords: z
    .union([z.string(), z.array(z.string())])
    .optional()
    .catch(undefined),
  subject: z
    .union([z.string(), z.array(z.string())])
    .optional()
    .catch(undefined),
});
type Tags = z.infer<typeof Tags>;

export interface PhotoFacts {
  /** Sentences about when, where, with what and of what; empty where nothing is told. */
  text: string;
  title?: string;
}

/** What a camera or a person wrote into a picture beside its pixels. What cannot be read counts as not there. */
export async function readPhotoFacts(bytes: Buffer): Promise<PhotoFacts> {
  const { default: exifr } = await import('exifr');
  const options = { tiff: true, exif: true, gps: true, iptc: true, xmp: true, translateValues: false };
  // Any bytes may stand there, and the package has an error of its own for most of them.
  const raw: unknown = await exifr.parse(bytes, options).catch(() => undefined);
  const tags = Tags.safeParse(raw ?? {}).data ?? {};
  const title = tags.title ?? tags.ObjectName;
  return {
    text: [title, ...descriptions(tags, title), taken(tags), credits(tags), keywords(tags)]
      .filter(Boolean)
      .join('\n'),
    ...(title !== undefined && { title }),
  };
}

function descriptions(tags: Partial<Tags>, title: string | undefined): string[] {
  const all = [tags.ImageDescription, tags.description, tags.Caption, tags.UserComment];
  return [...new Set(all)].flatMap((one) => (one === title || !/\p{L}/u.test(one ?? '') ? [] : [one ?? '']));
}

function taken(tags: Partial<Tags>): string | undefined {
  const date = tags.DateTimeOriginal ?? tags.CreateDate;
  const camera = [tags.Make, tags.Model?.replace(tags.Make ?? '', '').trim()].filter(Boolean).join(' ');
  const parts = [
    date && !Number.isNaN(date.getTime()) && `on ${clock(date)}`,
    camera && `with ${camera}`,
    tags.latitude !== undefined &&
      tags.longitude !== undefined &&
      `at ${place(tags.latitude, tags.longitude)}`,
  ].filter(Boolean);
  return parts.length > 0 ? `Taken ${parts.join(' ')}.` : undefined;
}

/** EXIF has no time zone: the clock of the camera, as it stood. */
function clock(date: Date): string {
  const day = `${date.getFullYear()}-${two(date.getMonth() + 1)}-${two(date.getDate())}`;
  return `${day} ${two(date.getHours())}:${two(date.getMinutes())}`;
}

function two(value: number): string {
  return String(value).padStart(2, '0');
}

function place(latitude: number, longitude: number): string {
  return `${latitude.toFixed(5)}, ${longitude.toFixed(5)}`;
}

function credits(tags: Partial<Tags>): string | undefined {
  const by = tags.Artist ?? tags.creator;
  return [by && `By ${by}.`, tags.Copyright && `Copyright ${tags.Copyright}.`].filter(Boolean).join(' ');
}

function keywords(tags: Partial<Tags>): string | undefined {
  const all = [tags.Keywords ?? tags.subject ?? []].flat();
  return all.length > 0 ? `Keywords: ${all.join(', ')}.` : undefined;
}
