import { createRequire } from 'node:module';
import { LimnerError } from '../errors.ts';

interface Domino {
  createDocument(html: string): Document;
}

/**
 * Parses HTML as browsers do, with the DOM that turndown brings: no scripts run, nothing is fetched. Loaded when
 * first used. Throws LimnerError `limit` where elements nest too deep for it.
 */
export function parseHtml(source: string): Document {
  const require = createRequire(import.meta.url);
  const domino: Domino = require('@mixmark-io/domino');
  try {
    return domino.createDocument(source);
  } catch (cause) {
    // The stack ends where templates or foreign elements nest thousands deep.
    if (!(cause instanceof RangeError)) throw cause;
    throw new LimnerError(
      'limit',
      'The page nests its elements thousands deep, which no ordinary page does.',
      { cause },
    );
  }
}

/**
 * Visits the nodes under `root` in document order, without recursion, since hostile files nest deeper than the
 * stack is. `enter` may return false to pass over what is inside; `leave` comes after an element that was entered.
 */
export function walk(
  root: Node,
  visitor: { enter: (node: Node) => boolean; leave: (node: Node) => void },
): void {
  let node: Node | null = root.firstChild;
  while (node) {
    const entered = visitor.enter(node);
    const child: Node | null = entered ? node.firstChild : null;
    if (child) {
      node = child;
      continue;
    }
    if (entered) visitor.leave(node);
    node = climb(root, node, visitor.leave);
  }
}

/** The next node that is not inside `node`; elements that end on the way are left. */
function climb(root: Node, node: Node, leave: (node: Node) => void): Node | null {
  let current: Node = node;
  while (!current.nextSibling) {
    const parent = current.parentNode;
    if (!parent || parent === root) return null;
    leave(parent);
    current = parent;
  }
  return current.nextSibling;
}
