/** A picture, or the pages of a TIFF, with the cited words marked. */
import { layMarks } from './marks.js';

const { document: id, mark } = document.body.dataset;
if (window.top !== window) document.body.classList.add('embedded');

if (mark !== undefined) {
  for (const page of document.querySelectorAll('.picture'))
    await layMarks(page, { id, number: Number(page.dataset.page), mark });
  const first = document.querySelector('.marks > .mark');
  // The words count in the picture's own size, and it has none before it is there.
  await Promise.all([...document.images].map((image) => image.decode().catch(() => undefined)));
  // `scrollIntoView` would also scroll the page that frames this one.
  if (first) document.querySelector('main').scrollTop += first.getBoundingClientRect().top - innerHeight / 3;
}
