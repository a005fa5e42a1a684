import type { FastifyInstance } from 'fastify';

/** A setting as it is in force. */
export interface SettingInForce {
  /** Its environment variable. */
  name: string;
  /** Null where nothing is set, and always for a secret. */
  value: string | number | boolean | string[] | null;
  /** Whether the environment names it; otherwise this is the default. */
  is_set: boolean;
  is_secret: boolean;
}

/** What was finished within a time. */
export interface Finished {
  documents: number;
  bytes: number;
  pictures: number;
}

/** The process and its disk. */
export interface System {
  version: string;
  started_at: string;
  memory_bytes: number;
  disk: {
    free_bytes: number;
    size_bytes: number;
    /** So much is left free: below it nothing new is read. */
    reserved_bytes: number;
    /** What each part of the data folder takes, by its name; counted once a minute at most. */
    used: Record<string, number>;
  };
  throughput: {
    last_minute: Finished;
    last_hour: Finished;
    /** Documents that are read side by side at most. */
    readers: number;
  };
}

export interface SystemParts {
  settings: readonly SettingInForce[];
  system: () => Promise<System>;
}

/** What the service runs with: settings without their secrets, disk and throughput. */
export function systemRoutes(server: FastifyInstance, { settings, system }: SystemParts): void {
  server.get('/api/settings', () => ({ data: settings, next_cursor: null }));
  server.get('/api/system', system);
}
