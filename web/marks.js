/** Lays the rectangles of the marked words of a page over what shows it. Gives whether there are any. */
export async function layMarks(page, { id, number, mark }) {
  const response = await fetch(`/api/documents/${id}/words?page=${number}&mark=${mark}`);
  if (!response.ok) return false;
  const { width, height, words } = await response.json();
  page.querySelector('.marks')?.remove();
  const marks = document.createElement('div');
  marks.className = 'marks';
  marks.append(
    ...joined(words).map(([x, y, w, h]) => rectangle(x / width, y / height, w / width, h / height)),
  );
  page.append(marks);
  return words.length > 0;
}

/** Words of one line as one rectangle, so that a mark has no gaps. */
function joined(words) {
  const boxes = [];
  for (const { box } of words) {
    const [x, y, width, height] = box;
    const last = boxes.at(-1);
    if (last && Math.abs(last[1] - y) < height / 2 && x >= last[0] && x - (last[0] + last[2]) < 2 * height) {
      last[2] = Math.max(last[2], x + width - last[0]);
      last[3] = Math.max(last[1] + last[3], y + height) - Math.min(last[1], y);
      last[1] = Math.min(last[1], y);
    } else boxes.push([...box]);
  }
  return boxes;
}

function rectangle(x, y, width, height) {
  const mark = document.createElement('div');
  mark.className = 'mark';
  mark.style.left = `${100 * x}%`;
  mark.style.top = `${100 * y}%`;
  mark.style.width = `${100 * width}%`;
  mark.style.height = `${100 * height}%`;
  return mark;
}
