/** A PDF as it looks, drawn by pdf.js, with the cited words marked. The server says in the body's data which these are. */
import { getDocument, GlobalWorkerOptions } from '../pdfjs/build/pdf.min.mjs';
// Reads the global object that the module above sets, so it has to come second.
import { EventBus, LinkTarget, PDFLinkService, PDFViewer } from '../pdfjs/web/pdf_viewer.mjs';
import { layMarks } from './marks.js';

const element = (id) => document.getElementById(id);
const { document: id, mark, pages } = document.body.dataset;
const [firstMarked, lastMarked] = (pages ?? '0-0').split('-').map(Number);

GlobalWorkerOptions.workerSrc = '/pdfjs/build/pdf.worker.min.mjs';
const bus = new EventBus();
const links = new PDFLinkService({
  eventBus: bus,
  externalLinkTarget: LinkTarget.BLANK,
  externalLinkRel: 'noopener noreferrer',
});
const viewer = new PDFViewer({
  container: element('pages'),
  eventBus: bus,
  linkService: links,
  // Fields and links are shown and nothing of them runs.
  annotationMode: 1,
  imageResourcesPath: '/pdfjs/web/images/',
});
links.setViewer(viewer);

/** Whether the passage has been scrolled to since the last link. */
let arrived = false;

if (window.top !== window) document.body.classList.add('embedded');
bus.on('pagesinit', () => {
  viewer.currentScaleValue = 'page-width';
  element('count').textContent = String(viewer.pagesCount);
  element('passage').hidden = mark === undefined;
  openLinked();
});
bus.on('pagechanging', ({ pageNumber }) => (element('page').value = String(pageNumber)));
bus.on('pagerendered', ({ pageNumber, source }) => void showMarks(pageNumber, source.div));
addEventListener('hashchange', openLinked);
addEventListener('resize', fitAgain);
element('previous').addEventListener('click', () => viewer.previousPage());
element('next').addEventListener('click', () => viewer.nextPage());
element('smaller').addEventListener('click', () => viewer.decreaseScale());
element('larger').addEventListener('click', () => viewer.increaseScale());
element('passage').addEventListener('click', openPassage);
element('page').addEventListener('change', ({ target }) => {
  const number = Number(target.value);
  if (Number.isInteger(number) && number >= 1 && number <= viewer.pagesCount)
    viewer.currentPageNumber = number;
  target.value = String(viewer.currentPageNumber);
});

await open();

/** A width that was set by a person stays. */
function fitAgain() {
  if (viewer.currentScaleValue === 'page-width') viewer.currentScaleValue = 'page-width';
}

async function open() {
  try {
    const task = getDocument({
      url: `/api/documents/${id}/file`,
      cMapUrl: '/pdfjs/cmaps/',
      cMapPacked: true,
      standardFontDataUrl: '/pdfjs/fonts/',
      wasmUrl: '/pdfjs/wasm/',
      iccUrl: '/pdfjs/iccs/',
    });
    const pdf = await task.promise;
    viewer.setDocument(pdf);
    links.setDocument(pdf, null);
  } catch (error) {
    element('trouble').textContent = `The pages cannot be shown (${error.message}); read the text instead.`;
  }
}

/** `#page=3` is what a citation link carries. */
function openLinked() {
  const asked = Number(/^#page=(\d+)$/.exec(location.hash)?.[1] ?? 0);
  if (mark !== undefined && (asked === 0 || (asked >= firstMarked && asked <= lastMarked))) openPassage();
  else if (asked >= 1 && asked <= viewer.pagesCount) viewer.currentPageNumber = asked;
}

function openPassage() {
  arrived = false;
  viewer.currentPageNumber = Math.min(Math.max(1, firstMarked), viewer.pagesCount);
  toFirstMark();
}

function toFirstMark() {
  const first = document.querySelector('.marks > .mark');
  if (!first || arrived) return;
  arrived = true;
  // `scrollIntoView` would also scroll the page that frames this one.
  const pages = element('pages');
  const { top } = first.getBoundingClientRect();
  pages.scrollTop += top - pages.getBoundingClientRect().top - pages.clientHeight / 3;
}

/** A page is drawn anew with every change of size. */
async function showMarks(number, page) {
  if (mark === undefined || number < firstMarked || number > lastMarked) return;
  if ((await layMarks(page, { id, number, mark })) && number === firstMarked) toFirstMark();
}
