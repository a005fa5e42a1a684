/** The share of the picture by which a key moves the brush. */
const STEP = 0.02;
const MOVES = { ArrowLeft: [-1, 0], ArrowRight: [1, 0], ArrowUp: [0, -1], ArrowDown: [0, 1] };
/** The colour of what is marked; the sheet of styles makes it translucent. */
const COLOUR = '#e0245e';

/**
 * Paints on `canvas`, which lies over a picture of `width` x `height` pixels and has its size, so that a point of the
 * screen is a point of the picture. `settings()` gives `{size, isErasing}`, the brush's width as a share of the longer
 * side. After each stroke `onStroke(toBlob, hasPaint)` is called; `toBlob()` makes the PNG that ComfyUI takes: opaque,
 * and transparent where it was painted. `ring` shows the brush; keys change its size by `onSize(factor)`.
 */
export function createCanvasMask(canvas, ring, { width, height, settings, onStroke, onSize }) {
  Object.assign(canvas, { width, height });
  const context = canvas.getContext('2d', { willReadFrequently: true });
  const stop = new AbortController();
  const longer = Math.max(width, height);
  let last;
  let at = { x: width / 2, y: height / 2 };

  const brush = () => Math.max(1, settings().size * longer);
  function pointOf({ clientX, clientY }) {
    const box = canvas.getBoundingClientRect();
    return {
      x: ((clientX - box.left) / box.width) * width,
      y: ((clientY - box.top) / box.height) * height,
    };
  }

  function strokeTo(point) {
    const { x, y } = last ?? point;
    context.globalCompositeOperation = settings().isErasing ? 'destination-out' : 'source-over';
    Object.assign(context, { strokeStyle: COLOUR, lineWidth: brush(), lineCap: 'round' });
    context.beginPath();
    context.moveTo(x, y);
    // A line of no length has no ends to be round.
    context.lineTo(point.x + 0.01, point.y);
    context.stroke();
    last = point;
  }

  function endStroke() {
    if (!last) return;
    last = undefined;
    onStroke(toBlob, hasPaint());
  }

  function showRing() {
    const scale = canvas.clientWidth / width;
    ring.hidden = false;
    Object.assign(ring.style, {
      width: `${brush() * scale}px`,
      height: `${brush() * scale}px`,
      transform: `translate(${at.x * scale}px, ${at.y * scale}px) translate(-50%, -50%)`,
    });
  }

  function hasPaint() {
    const { data } = context.getImageData(0, 0, width, height);
    for (let index = 3; index < data.length; index += 4) if (data[index] > 0) return true;
    return false;
  }

  function toBlob() {
    const opaque = new OffscreenCanvas(width, height);
    const into = opaque.getContext('2d');
    into.fillRect(0, 0, width, height);
    into.globalCompositeOperation = 'destination-out';
    into.drawImage(canvas, 0, 0);
    return opaque.convertToBlob({ type: 'image/png' });
  }

  function moveBy([x, y], factor) {
    const step = Math.max(1, STEP * longer) * factor;
    at = {
      x: Math.min(width, Math.max(0, at.x + x * step)),
      y: Math.min(height, Math.max(0, at.y + y * step)),
    };
  }

  /** Whether the key meant something. */
  function press({ key, shiftKey }) {
    if (MOVES[key]) moveBy(MOVES[key], shiftKey ? 4 : 1);
    else if (key === ' ') {
      strokeTo(at);
      endStroke();
    } else if (key === '+' || key === '=') onSize(1.25);
    else if (key === '-') onSize(0.8);
    else return false;
    return true;
  }

  const on = (name, handler) => canvas.addEventListener(name, handler, { signal: stop.signal });
  on('pointerdown', (event) => {
    if (event.button !== 0) return;
    canvas.setPointerCapture(event.pointerId);
    at = pointOf(event);
    strokeTo(at);
    showRing();
  });
  on('pointermove', (event) => {
    at = pointOf(event);
    // What the browser has gathered keeps a quick line round.
    if (last) for (const one of event.getCoalescedEvents?.() ?? [event]) strokeTo(pointOf(one));
    showRing();
  });
  on('pointerup', endStroke);
  on('pointercancel', endStroke);
  on('pointerleave', () => (ring.hidden = document.activeElement !== canvas));
  on('focus', () => canvas.matches(':focus-visible') && showRing());
  on('blur', () => (ring.hidden = true));
  on('keydown', (event) => {
    if (event.ctrlKey || event.metaKey || event.altKey || !press(event)) return;
    event.preventDefault();
    // The brush has its new size after the next drawing of the view.
    requestAnimationFrame(showRing);
  });

  return {
    clear: () => context.clearRect(0, 0, width, height),
    close: () => stop.abort(),
  };
}
