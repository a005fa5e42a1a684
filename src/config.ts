import { resolve } from 'node:path';
import { z } from 'zod';
import { LimnerError } from './errors.ts';
import { pictureSettings, toPictures, type PictureConfig } from './picture-settings.ts';
import { isLoopback, count, list, number, optional, text, unset, url, whole } from './setting-kinds.ts';
import { LANGUAGE_CODES } from './store/language.ts';
import { DEFAULT_LIMITS, type Limits } from './processors/limits.ts';
import { settingsInForce } from './settings.ts';
import type { SettingInForce } from './api/system.ts';
import type { QdrantOptions } from './store/qdrant-server.ts';

/** A timer that is set for longer than about 24 days fires at once. */
const LONGEST_SECONDS = 2_000_000;
const MIB = 1024 * 1024;
/** Every setting, by its environment variable. README.md and .env.example list the same; a test holds them. */
export const Environment = z.object({
  LIMNER_HOST: text('127.0.0.1'),
  LIMNER_PORT: whole(8400, 0, 65_535),
  LIMNER_INBOX: text('./inbox'),
  LIMNER_DATA: text('./data'),
  LIMNER_PUBLIC_URL: url,
  LIMNER_API_KEYS: list,
  LIMNER_KEY: optional,
  LIMNER_CORS_ORIGINS: list.refine(
    (all) => all.every((one) => URL.canParse(one) && new URL(one).origin === one),
    'every entry must be an origin, such as https://chat.example.org',
  ),
  LIMNER_RATE_PER_MINUTE: whole(6000, 0, 10_000_000),
  LIMNER_MAX_REQUESTS: whole(1000, 1, 100_000),
  LIMNER_STALLED_SECONDS: number(30, 1, LONGEST_SECONDS),
  LIMNER_LOG_LEVEL: z.preprocess(unset, z.enum(['debug', 'info', 'warn', 'error', 'silent']).default('info')),
  LIMNER_SETTLE_SECONDS: number(2, 0, LONGEST_SECONDS),
  LIMNER_SCAN_SECONDS: number(120, 0.1, LONGEST_SECONDS),
  LIMNER_WATCH: z.preprocess(unset, z.enum(['auto', 'events', 'polling']).default('auto')),
  LIMNER_POLL_SECONDS: number(10, 0.1, LONGEST_SECONDS),
  LIMNER_MIN_FREE_MB: number(200, 0, 1_000_000_000),
  LIMNER_FORGET_SHARE: z.preprocess(unset, z.coerce.number().min(0).max(1).default(0.5)),
  LIMNER_WORKERS: whole(0, 0, 64),
  LIMNER_EXTRACT_SECONDS: number(120, 0.1, LONGEST_SECONDS),
  LIMNER_EXTRACT_PAGE_SECONDS: number(30, 0.1, LONGEST_SECONDS),
  LIMNER_EXTRACT_MEMORY_MB: whole(1024, 64, 65_536),
  LIMNER_EXTRACT_RESIDENT_MB: whole(1536, 128, 1_000_000),
  LIMNER_MAX_FILE_MB: number(200, 0.001, 1_000_000),
  LIMNER_MAX_TEXT_CHARACTERS: whole(DEFAULT_LIMITS.textCharacters, 1000, 100_000_000),
  LIMNER_MAX_PAGES: whole(DEFAULT_LIMITS.pages, 1, 1_000_000),
  LIMNER_MAX_SHEET_ROWS: whole(DEFAULT_LIMITS.sheetRows, 1, 100_000_000),
  LIMNER_MAX_SHEET_CELLS: whole(DEFAULT_LIMITS.sheetCells, 1, 1_000_000_000),
  LIMNER_MAX_ARCHIVE_ENTRIES: whole(DEFAULT_LIMITS.archiveEntries, 1, 1_000_000),
  LIMNER_MAX_ARCHIVE_ENTRY_MB: number(DEFAULT_LIMITS.archiveEntryBytes / MIB, 0.001, 100_000),
  LIMNER_MAX_ARCHIVE_MB: number(DEFAULT_LIMITS.archiveBytes / MIB, 0.001, 1_000_000),
  LIMNER_MAX_ARCHIVE_RATIO: number(DEFAULT_LIMITS.archiveRatio, 1, 1_000_000),
  LIMNER_MAX_NESTING: whole(DEFAULT_LIMITS.nesting, 1, 50),
  LIMNER_MAX_PICTURE_MEGAPIXELS: number(DEFAULT_LIMITS.picturePixels / 1e6, 0.001, 10_000),
  LIMNER_OCR_LANGUAGES: list,
  LIMNER_OCR_PAGES: whole(DEFAULT_LIMITS.ocrPages, 0, 1_000_000),
  LIMNER_PROCESSORS: z.preprocess(unset, z.string().optional()),
  LIMNER_WEBHOOK_SECRETS: list,
  LIMNER_FETCH_ALLOW: list,
  OLLAMA_HOST: text('http://127.0.0.1:11434'),
  LIMNER_EMBED_MODEL: optional,
  LIMNER_CHAT_MODEL: optional,
  LIMNER_CHAT_URL: url,
  LIMNER_CHAT_KEY: optional,
  LIMNER_EMBED_URL: url,
  LIMNER_EMBED_KEY: optional,
  LIMNER_VISION_MODEL: optional,
  LIMNER_TRANSCRIBE_URL: url,
  LIMNER_TRANSCRIBE_MODEL: text('whisper-1'),
  LIMNER_TRANSCRIBE_KEY: optional,
  QDRANT_URL: url,
  QDRANT_API_KEY: optional,
  QDRANT_COLLECTION: text('limner').refine(
    (name) => /^[\w-]{1,200}$/.test(name),
    'letters, digits, _ and - only',
  ),
  QDRANT_SHARDS: count(1000),
  QDRANT_REPLICAS: count(100),
  LIMNER_CONTEXT_HEADERS: z.preprocess(unset, z.stringbool().default(false)),
  LIMNER_LANGUAGE: z.preprocess(unset, z.enum(LANGUAGE_CODES).default('en')),
  LIMNER_KEYWORD_SHARE: number(0.5, 0.01, 0.99),
  LIMNER_RERANK: text('off'),
  LIMNER_RERANK_URL: url,
  LIMNER_RERANK_KEY: optional,
  LIMNER_CONTEXT_TOKENS: whole(3000, 200, 1_000_000),
  ...pictureSettings,
});

export type Settings = z.infer<typeof Environment>;

export interface Config {
  /** Every setting as it is in force, without secrets. */
  settings: SettingInForce[];
  host: string;
  port: number;
  /** Absolute path of the watched folder. */
  inbox: string;
  /** Absolute path of the folder that holds everything Limner writes. */
  data: string;
  publicUrl: string | undefined;
  apiKeys: string[];
  /** Other machines can reach it, so that it is never served without a key. */
  isExposed: boolean;
  /** What commands show to a running service. */
  key: string | undefined;
  /** Origins of other sites whose pages may use the API. */
  corsOrigins: string[];
  limits: {
    /** Requests a minute of one key, and of one address; 0 means no limit. */
    perMinute: number;
    /** Requests under way at most. */
    underWay: number;
    stalledMs: number;
  };
  logLevel: Settings['LIMNER_LOG_LEVEL'];
  settleMs: number;
  scanMs: number;
  /** How changes are noticed between two scans; `auto` asks the file system. */
  watch: Settings['LIMNER_WATCH'];
  /** Between two scans where events do not arrive, ms. */
  pollInboxMs: number;
  /** So much of the data folder's disk is left free. */
  minFreeBytes: number;
  /** More than this share of the documents is not forgotten at once without being confirmed. */
  forgetShare: number;
  extract: {
    /** Child processes at most; 0 means one less than the machine has cores, at least one. */
    workers: number;
    timeoutMs: number;
    /** Time for one page, where a document has pages. */
    pageMs: number;
    /** V8 heap, and resident memory. */
    memoryMb: number;
    residentMb: number;
    maxFileBytes: number;
    limits: Limits;
  };
  /** Absolute path of the folder with the users' own processors. */
  processors: string | undefined;
  /** A delivery to the webhook has to be signed with one of these, when there are any. */
  webhookSecrets: string[];
  /** Host names and addresses that may be fetched although they are not public. */
  fetchAllow: string[];
  ollama: { host: string; embedModel: string; chatModel: string };
  /** Servers of OpenAI's API that have a role instead of Ollama. */
  chatServer: { url: string; key: string | undefined } | undefined;
  embedServer: { url: string; key: string | undefined } | undefined;
  /** The model of the chat server that describes figures. */
  visionModel: string | undefined;
  /** What writes recordings down. */
  transcribe: { url: string; key: string | undefined; model: string } | undefined;
  /** The server that has the passages instead of the data folder. */
  qdrant: QdrantOptions | undefined;
  /** Whether the chat model describes every passage for searches. */
  contextHeaders: boolean;
  /** Whose rules make words terms. */
  language: string;
  /** Share of the keywords in the fused list; the rest is the vectors'. */
  keywordShare: number;
  /** Who reads the best passages again: `off`, `chat`, or a reranking model, on the chat server where it has none of its own. */
  rerank: { model: string; server: Config['chatServer'] };
  /** What a model is given to read for one question, at most. */
  contextTokens: number;
  comfy: PictureConfig;
}

/** Reads the settings once. Throws `invalid_config` whose message lists every problem, a line each. */
export function parseConfig(environment: Record<string, string | undefined>, base: string): Config {
  const parsed = Environment.safeParse(environment);
  const issues = parsed.error?.issues ?? [];
  const problems = issues.map((issue) => `${issue.path.join('.')}: ${issue.message}`);
  if (!parsed.success || problems.length > 0)
    throw new LimnerError(
      'invalid_config',
      `These settings are wrong:\n${problems.map((one) => `  ${one}`).join('\n')}`,
    );
  const config = toConfig(parsed.data, base);
  const names = Object.keys(Environment.shape);
  return { ...config, settings: settingsInForce(names, parsed.data, config, environment) };
}

function toConfig(settings: Settings, base: string): Omit<Config, 'settings'> {
  return {
    host: settings.LIMNER_HOST,
    port: settings.LIMNER_PORT,
    inbox: resolve(base, settings.LIMNER_INBOX),
    data: resolve(base, settings.LIMNER_DATA),
    publicUrl: settings.LIMNER_PUBLIC_URL?.replace(/\/$/, ''),
    apiKeys: settings.LIMNER_API_KEYS,
    isExposed: !isLoopback(settings.LIMNER_HOST),
    key: settings.LIMNER_KEY ?? settings.LIMNER_API_KEYS[0],
    corsOrigins: settings.LIMNER_CORS_ORIGINS,
    limits: {
      perMinute: settings.LIMNER_RATE_PER_MINUTE,
      underWay: settings.LIMNER_MAX_REQUESTS,
      stalledMs: settings.LIMNER_STALLED_SECONDS * 1000,
    },
    logLevel: settings.LIMNER_LOG_LEVEL,
    settleMs: settings.LIMNER_SETTLE_SECONDS * 1000,
    scanMs: settings.LIMNER_SCAN_SECONDS * 1000,
    watch: settings.LIMNER_WATCH,
    pollInboxMs: settings.LIMNER_POLL_SECONDS * 1000,
    minFreeBytes: settings.LIMNER_MIN_FREE_MB * MIB,
    forgetShare: settings.LIMNER_FORGET_SHARE,
    extract: {
      workers: settings.LIMNER_WORKERS,
      timeoutMs: settings.LIMNER_EXTRACT_SECONDS * 1000,
      pageMs: settings.LIMNER_EXTRACT_PAGE_SECONDS * 1000,
      memoryMb: settings.LIMNER_EXTRACT_MEMORY_MB,
      residentMb: settings.LIMNER_EXTRACT_RESIDENT_MB,
      maxFileBytes: settings.LIMNER_MAX_FILE_MB * MIB,
      limits: toLimits(settings),
    },
    processors: settings.LIMNER_PROCESSORS && resolve(base, settings.LIMNER_PROCESSORS),
    webhookSecrets: settings.LIMNER_WEBHOOK_SECRETS,
    fetchAllow: settings.LIMNER_FETCH_ALLOW,
    ollama: {
      host: settings.OLLAMA_HOST,
      // Another server has models of its own; without a name it is asked for the only one that it has.
      embedModel: settings.LIMNER_EMBED_MODEL ?? (settings.LIMNER_EMBED_URL ? '' : 'embeddinggemma'),
      chatModel: settings.LIMNER_CHAT_MODEL ?? (settings.LIMNER_CHAT_URL ? '' : 'gemma3:4b'),
    },
    chatServer: address(settings.LIMNER_CHAT_URL, settings.LIMNER_CHAT_KEY),
    embedServer: address(settings.LIMNER_EMBED_URL, settings.LIMNER_EMBED_KEY),
    visionModel: settings.LIMNER_VISION_MODEL,
    transcribe: settings.LIMNER_TRANSCRIBE_URL
      ? {
          url: settings.LIMNER_TRANSCRIBE_URL,
          key: settings.LIMNER_TRANSCRIBE_KEY,
          model: settings.LIMNER_TRANSCRIBE_MODEL,
        }
      : undefined,
    qdrant: settings.QDRANT_URL
      ? {
          url: settings.QDRANT_URL,
          key: settings.QDRANT_API_KEY,
          collection: settings.QDRANT_COLLECTION,
          shards: settings.QDRANT_SHARDS,
          replicas: settings.QDRANT_REPLICAS,
        }
      : undefined,
    contextHeaders: settings.LIMNER_CONTEXT_HEADERS,
    language: settings.LIMNER_LANGUAGE,
    keywordShare: settings.LIMNER_KEYWORD_SHARE,
    rerank: {
      model: settings.LIMNER_RERANK,
      server: address(settings.LIMNER_RERANK_URL, settings.LIMNER_RERANK_KEY),
    },
    contextTokens: settings.LIMNER_CONTEXT_TOKENS,
    comfy: toPictures(settings, base),
  };
}

function toLimits(settings: Settings): Limits {
  return {
    textCharacters: settings.LIMNER_MAX_TEXT_CHARACTERS,
    pages: settings.LIMNER_MAX_PAGES,
    sheetRows: settings.LIMNER_MAX_SHEET_ROWS,
    sheetCells: settings.LIMNER_MAX_SHEET_CELLS,
    archiveEntries: settings.LIMNER_MAX_ARCHIVE_ENTRIES,
    archiveEntryBytes: settings.LIMNER_MAX_ARCHIVE_ENTRY_MB * MIB,
    archiveBytes: settings.LIMNER_MAX_ARCHIVE_MB * MIB,
    archiveRatio: settings.LIMNER_MAX_ARCHIVE_RATIO,
    nesting: settings.LIMNER_MAX_NESTING,
    picturePixels: settings.LIMNER_MAX_PICTURE_MEGAPIXELS * 1e6,
    ocrPages: settings.LIMNER_OCR_PAGES,
    // Less than the time of a page, so that a page which OCR gives up costs only itself.
    ocrPageMs: settings.LIMNER_EXTRACT_PAGE_SECONDS * 800,
    ocrLanguages:
      settings.LIMNER_OCR_LANGUAGES.length > 0
        ? settings.LIMNER_OCR_LANGUAGES
        : [...DEFAULT_LIMITS.ocrLanguages],
  };
}

function address(url: string | undefined, key: string | undefined) {
  return url === undefined ? undefined : { url, key };
}
