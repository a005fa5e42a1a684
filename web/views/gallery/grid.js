import { Component } from 'preact';
import { useEffect, useRef } from 'preact/hooks';
import { html } from 'htm/preact';
import { api } from '../../lib/api.js';
import { fileUrl, GLYPHS, Preview, promptOf } from '../../lib/pictures.js';
import { linkTo } from '../../lib/router.js';
import { Button, Pager, Progress, toast } from '../../lib/ui.js';
import { Film } from './film.js';

const THUMBNAIL = 256;
/** The next part is asked for so long before its place comes into view. */
const AHEAD = '1200px';

export function Grid({ gallery, filter }) {
  const { jobs, making, next, isLoading, isKnown } = gallery;
  const link = linkTo(['gallery', 'ID'], filter);
  return html`
    <ul class="tiles" aria-label="What was made" aria-busy=${isLoading && !isKnown ? 'true' : undefined}>
      ${making.map((job) => html`<${Making} key=${job.id} job=${job} />`)}
      ${jobs.map((job) => html`<${Tile} key=${job.id} job=${job} href=${link.replace('ID', job.id)} />`)}
    </ul>
    <${Ahead} key=${next} isOn=${next !== null && !isLoading} onNear=${gallery.more} />
    <${Pager} next=${next} busy=${isLoading} onMore=${gallery.more} />
  `;
}

/** Asks for more before the end of the list is seen. */
function Ahead({ isOn, onNear }) {
  const mark = useRef();
  const latest = useRef(onNear);
  latest.current = onNear;
  useEffect(() => {
    if (!isOn) return undefined;
    const observer = new IntersectionObserver(([entry]) => entry.isIntersecting && latest.current(), {
      rootMargin: AHEAD,
    });
    observer.observe(mark.current);
    return () => observer.disconnect();
  }, [isOn]);
  return html`<div ref=${mark}></div>`;
}

/** Thousands of them stand beside one another, and only what changed is looked at again. */
class Tile extends Component {
  shouldComponentUpdate({ job, href }) {
    return job !== this.props.job || href !== this.props.href;
  }

  render({ job, href }) {
    const { outputs } = job;
    const [first] = outputs;
    const words = promptOf(job).slice(0, 300);
    return html`<li class="tile">
      <a href=${href} title=${words}>
        ${look(first, words)}
        ${outputs.length > 1 && html`<span class="count">${outputs.length}<span class="unseen"> files</span></span>`}
      </a>
    </li>`;
  }
}

/** What a file looks like in a tile: the picture made small, the first one of a video, else a sign. */
function look(file, words) {
  if (file?.kind === 'image' || file?.kind === 'animation')
    return html`<img
      src=${fileUrl(file.id, THUMBNAIL)}
      alt=${words}
      loading="lazy"
      decoding="async"
      width=${THUMBNAIL}
      height=${THUMBNAIL}
    />`;
  const sign = html`<span class="glyph" aria-hidden="true">${GLYPHS[file?.kind] ?? '∅'}</span>
    <span class="unseen">${file?.kind ?? 'nothing'}</span>
    <span class="words">${words}</span>`;
  return file?.kind === 'video' ? html`<${Film} url=${file.url}>${sign}</${Film}>` : sign;
}

function Making({ job }) {
  const percent = Math.round(job.progress * 100);
  const words = promptOf(job);
  const cancel = () =>
    api.delete(`/api/images/${job.id}`).catch((error) => toast(error.message, { kind: 'bad' }));
  return html`<li class="tile making">
    <${Preview} job=${job} />
    <div class="over">
      <p class="words">${words}</p>
      <p class="soft small">
        ${job.state === 'running' ? `${percent} %` : job.state === 'cancelling' ? 'Stopping…' : 'Waiting'}
      </p>
      <${Progress}
        value=${job.state === 'running' ? job.progress : 0}
        label=${`Making ${words.slice(0, 80)}`}
      />
    </div>
    <${Button} kind="quiet" class="icon" aria-label=${`Cancel ${words.slice(0, 80)}`} onClick=${cancel}
      >×</${Button}
    >
  </li>`;
}
