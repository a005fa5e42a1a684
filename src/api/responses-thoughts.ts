import { randomBytes } from 'node:crypto';

/** Items of the output while they are written. */
export type OutputItem = Record<string, unknown> & { id: string };

/** Makes an event of a response; its number is the next one. */
export type MakeEvent = (type: string, fields: object) => object;

/** What a model thinks, as an item of the output: as its summary, which is what clients show. */
export function createThoughts(event: MakeEvent, output: OutputItem[]) {
  let open: { item: OutputItem; at: number; said: string } | undefined;

  function* begin(): Generator<object, NonNullable<typeof open>> {
    const item = { id: newId('rs'), type: 'reasoning', status: 'in_progress', summary: [] };
    const at = output.push(item) - 1;
    open = { item, at, said: '' };
    yield event('response.output_item.added', { output_index: at, item });
    yield event('response.reasoning_summary_part.added', { ...placeOf(open), part: part('') });
    return open;
  }

  return {
    *think(delta: string): Generator<object> {
      const thought = open ?? (yield* begin());
      thought.said += delta;
      yield event('response.reasoning_summary_text.delta', { ...placeOf(thought), delta });
    },
    /** What comes next is no thought. */
    *close(): Generator<object> {
      if (!open) return;
      const { item: begun, at, said } = open;
      const place = placeOf(open);
      yield event('response.reasoning_summary_text.done', { ...place, text: said });
      yield event('response.reasoning_summary_part.done', { ...place, part: part(said) });
      const item = { ...begun, status: 'completed', summary: [part(said)] };
      output[at] = item;
      open = undefined;
      yield event('response.output_item.done', { output_index: at, item });
    },
  };
}

function part(text: string) {
  return { type: 'summary_text', text };
}

function placeOf({ item, at }: { item: OutputItem; at: number }) {
  return { item_id: item.id, output_index: at, summary_index: 0 };
}

export function newId(kind: string): string {
  return `${kind}_${randomBytes(16).toString('hex')}`;
}
