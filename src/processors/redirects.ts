/** Services that count who follows a link, and where in their addresses the real one stands. */
const REDIRECTS: readonly [host: RegExp, path: string, parameters: readonly string[]][] = [
  [/(?:^|\.)safelinks\.protection\.outlook\.com$/, '/', ['url']],
  [/^www\.google\.[a-z.]{2,6}$/, '/url', ['q', 'url']],
  [/(?:^|\.)bing\.com$/, '/ck/a', ['u']],
  [/^duckduckgo\.com$/, '/l/', ['uddg']],
  [/^(?:l|lm)\.(?:facebook|instagram)\.com$/, '/', ['u']],
  [/^www\.youtube\.com$/, '/redirect', ['q']],
  [/^www\.linkedin\.com$/, '/safety/go', ['url']],
];
/** No longer address is looked into. */
const MAX_LENGTH = 8000;

/**
 * Where a link leads in the end, without what mail servers and search engines put before the real address; nowhere where that
 * is a script.
 */
export function targetOf(href: string): string {
  if (!/^https?:/i.test(href) || href.length > MAX_LENGTH || !URL.canParse(href)) return href;
  const { hostname, pathname, searchParams } = new URL(href);
  const [, , parameters = []] =
    REDIRECTS.find(([host, path]) => host.test(hostname) && pathname.startsWith(path)) ?? [];
  const target = parameters.map((name) => plain(searchParams.get(name) ?? '')).find((one) => one !== '');
  if (target === undefined) return href;
  const found = target.startsWith('/') ? new URL(href).origin + target : target;
  return /^https?:/i.test(found) && URL.canParse(found) ? found : '';
}

/** Bing writes its targets in the letters of base64, behind `a1`. */
function plain(value: string): string {
  return value.startsWith('a1') ? Buffer.from(value.slice(2), 'base64url').toString() : value;
}
