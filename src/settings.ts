import type { SettingInForce } from './api/system.ts';

/** Settings that hold a secret, by the end of their name. */
const SECRET = /(?:(?:KEY|SECRET|PASSWORD)S?|TOKEN)$/;

type Value = string | number | boolean | string[] | undefined;

/** Where what is in force is more than the setting says: whole paths, and models that stand in for none. */
interface Derived {
  inbox: string;
  data: string;
  ollama: { embedModel: string; chatModel: string };
  comfy: { workflows: string };
}

function derived({ inbox, data, ollama, comfy }: Derived): Record<string, Value> {
  return {
    LIMNER_INBOX: inbox,
    LIMNER_DATA: data,
    LIMNER_EMBED_MODEL: ollama.embedModel,
    LIMNER_CHAT_MODEL: ollama.chatModel,
    LIMNER_WORKFLOWS: comfy.workflows,
  };
}

/**
 * Every setting with the value that is in force, for people to see: secrets are only said to be set, and addresses are
 * shown without user, password and query.
 */
export function settingsInForce(
  names: readonly string[],
  settings: Record<string, Value>,
  config: Derived,
  environment: Record<string, string | undefined>,
): SettingInForce[] {
  const inForce: Record<string, Value> = { ...settings, ...derived(config) };
  return names.map((name) => {
    const value = inForce[name];
    const isSecret = SECRET.test(name);
    return {
      name,
      value: isSecret ? null : shown(value),
      is_set: (environment[name] ?? '').trim() !== '',
      is_secret: isSecret,
    };
  });
}

function shown(value: Value): SettingInForce['value'] {
  if (Array.isArray(value)) return value.map(withoutCredentials);
  return typeof value === 'string' ? withoutCredentials(value) : (value ?? null);
}

/** `http://user:password@host/path?token=x` is shown as `http://host/path`; what is no address stays as it is. */
function withoutCredentials(text: string): string {
  const url = /^[a-z][a-z0-9+.-]*:\/\//i.test(text) ? URL.parse(text) : null;
  if (url) return `${url.protocol}//${url.host}${url.pathname}`.replace(/\/$/, '');
  // Ollama takes an address without its scheme.
  return text.replace(/^[^/\s]*@/, '');
}
