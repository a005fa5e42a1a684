import type { SourceFile } from '../document.ts';
/** How much of one file is read. Each has a setting; what goes over one is told with the setting's name. */
export interface Limits {
  /** UTF-16 units of text kept, those of files inside included. */
  textCharacters: number;
  /** Pages of a paged document. */
  pages: number;
  /** Stored rows and cells of a workbook. */
  sheetRows: number;
  sheetCells: number;
  /** Parts of a container or archive, ... */
  archiveEntries: number;
  /** ... bytes of one of them unpacked, and of all together, ... */
  archiveEntryBytes: number;
  archiveBytes: number;
  /** ... and how many times its packed size a text part may have; real documents stay below 13. */
  archiveRatio: number;
  /** Levels of archives inside archives and messages inside messages. */
  nesting: number;
  /** Pixels of a picture. */
  picturePixels: number;
  /** Pages of one document that are read by OCR; 0 turns OCR off. */
  ocrPages: number;
  /** Time for OCR on one page, ms. */
  ocrPageMs: number;
  /** Tesseract's codes, such as `eng`; each with its data package installed. */
  ocrLanguages: string[];
}

const MIB = 1024 * 1024;

export const DEFAULT_LIMITS: Readonly<Limits> = {
  textCharacters: 20_000_000,
  pages: 5000,
  sheetRows: 200_000,
  sheetCells: 2_000_000,
  archiveEntries: 5000,
  archiveEntryBytes: 200 * MIB,
  archiveBytes: 512 * MIB,
  archiveRatio: 200,
  nesting: 5,
  picturePixels: 100_000_000,
  ocrPages: 200,
  ocrPageMs: 24_000,
  ocrLanguages: ['eng'],
};

/** The setting that moves each limit, for messages: whoever meets a limit has to know which. */
export const LIMIT_SETTINGS: Readonly<Record<keyof Limits, string>> = {
  textCharacters: 'LIMNER_MAX_TEXT_CHARACTERS',
  pages: 'LIMNER_MAX_PAGES',
  sheetRows: 'LIMNER_MAX_SHEET_ROWS',
  sheetCells: 'LIMNER_MAX_SHEET_CELLS',
  archiveEntries: 'LIMNER_MAX_ARCHIVE_ENTRIES',
  archiveEntryBytes: 'LIMNER_MAX_ARCHIVE_ENTRY_MB',
  archiveBytes: 'LIMNER_MAX_ARCHIVE_MB',
  archiveRatio: 'LIMNER_MAX_ARCHIVE_RATIO',
  nesting: 'LIMNER_MAX_NESTING',
  picturePixels: 'LIMNER_MAX_PICTURE_MEGAPIXELS',
  ocrPages: 'LIMNER_OCR_PAGES',
  ocrPageMs: 'LIMNER_EXTRACT_PAGE_SECONDS',
  ocrLanguages: 'LIMNER_OCR_LANGUAGES',
};

/** Bytes as a person says them. */
export function megabytes(bytes: number): string {
  return `${Math.round((bytes / MIB) * 100) / 100} MB`;
}

/** The limits as the folder of a file would have them: `options: {ocr: false}` turns OCR off. */
export function limitsFor({ options }: Pick<SourceFile, 'options'>, limits: Limits): Limits {
  return options?.['ocr'] === false ? { ...limits, ocrPages: 0 } : limits;
}
