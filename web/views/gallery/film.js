import { useEffect, useRef, useState } from 'preact/hooks';
import { html } from 'htm/preact';

/** Begins to be read so long before it comes into view. */
const AHEAD = '300px';

/**
 * A video by its first picture, which the browser reads when the tile comes near; `children` stand there until then, and
 * where it cannot be read.
 */
export function Film({ url, children }) {
  const place = useRef();
  const [state, setState] = useState('far');
  useEffect(() => {
    const look = ([entry]) => {
      if (!entry.isIntersecting) return;
      setState('near');
      observer.disconnect();
    };
    const observer = new IntersectionObserver(look, { rootMargin: AHEAD });
    observer.observe(place.current);
    return () => observer.disconnect();
  }, []);
  const isRead = state === 'near' || state === 'shown';
  return html`<span class="film" ref=${place}>
    <span class=${state === 'shown' ? 'unseen' : 'sign'}>${children}</span>
    ${
      isRead &&
      html`<video
        src=${`${url}#t=0.001`}
        preload="metadata"
        muted
        playsinline
        tabindex="-1"
        aria-hidden="true"
        onLoadedData=${() => setState('shown')}
        onError=${() => setState('broken')}
      ></video>`
    }
    ${state === 'shown' && html`<span class="play" aria-hidden="true">▶</span>`}
  </span>`;
}
