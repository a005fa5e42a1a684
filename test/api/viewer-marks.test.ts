import { expect, test } from 'vitest';
import { withMarks } from '../../src/api/viewer-marks.ts';

test('links show where they lead, emphasis shows, everything else is escaped', () => {
  expect(withMarks('a <b> [x](https://a.example/?q="<&z "More") & **so [y](/z)** it *is*')).toBe(
    'a &lt;b&gt; <span title="More">x</span> (<a href="https://a.example/?q=&quot;&lt;&amp;z" target="_blank" ' +
      'rel="noopener noreferrer nofollow">https://a.example/?q=&quot;&lt;&amp;z</a>) &amp; ' +
      '<strong>so <span>y</span></strong> it <em>is</em>',
  );
});

test.each(['[x](javascript:alert(1))', '[x](data:text/html,y)', '![p](//evil.example/p.png)'])(
  'nothing else can be followed, and no picture is fetched: %s',
  (text) => {
    expect(withMarks(text)).not.toMatch(/href|src=/);
  },
);

test.each(['* a\n* b', '2 * 3 * 4', 'a*b*c', '**', '[a] (b)', '5 ** 2 ** 3'])(
  'stays as it stands: %s',
  (text) => {
    expect(withMarks(text)).toBe(text);
  },
);
