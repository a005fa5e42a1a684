import { setTimeout as after } from 'node:timers/promises';
import { makePng, order, type FakeGraph, type FakeNode } from './comfyui-nodes.ts';
import type { Sockets } from './comfyui-sockets.ts';

export interface FakePrompt {
  id: string;
  number: number;
  graph: FakeGraph;
  clientId: string | undefined;
  extra: Record<string, unknown>;
  targets: string[];
}

export interface HistoryItem {
  prompt: [number, string, FakeGraph, Record<string, unknown>, string[]];
  outputs: Record<string, Record<string, unknown>>;
  status: { status_str: string; completed: boolean; messages: [string, Record<string, unknown>][] };
  meta: Record<string, unknown>;
}

export interface RunWorld {
  sockets: Sockets;
  files: Map<string, Buffer>;
  cache: Map<string, Record<string, unknown> | null>;
  isInterrupted: () => boolean;
  /** The server's process ends in the middle. */
  isDead: () => boolean;
  remaining: () => number;
  counters: Map<string, number>;
}

/** Runs one prompt as the real server does, frame by frame, and returns its history entry. */
export async function runPrompt(prompt: FakePrompt, world: RunWorld): Promise<HistoryItem> {
  const { id, graph, clientId } = prompt;
  const { sockets } = world;
  const outputs: HistoryItem['outputs'] = {};
  const messages: [string, Record<string, unknown>][] = [];
  const states: Record<string, unknown> = {};
  const executed: string[] = [];
  const tell = (type: string, data: Record<string, unknown>): void => {
    if (clientId !== undefined) sockets.tell(clientId, type, data);
  };
  const note = (type: string, data: Record<string, unknown>): void => {
    const whole = { ...data, prompt_id: id, timestamp: Date.now() };
    messages.push([type, whole]);
    tell(type, whole);
  };
  const setState = (node: string, state: string, value: number, max: number): void => {
    states[node] = {
      value,
      max,
      state,
      node_id: node,
      prompt_id: id,
      display_node_id: node,
      parent_node_id: null,
      real_node_id: node,
    };
    sockets.tell(clientId, 'progress_state', { prompt_id: id, nodes: { ...states } });
  };
  const end = (status_str: string): HistoryItem => ({
    prompt: [prompt.number, id, graph, prompt.extra, prompt.targets],
    outputs,
    status: { status_str, completed: status_str === 'success', messages },
    meta: Object.fromEntries(
      Object.keys(outputs).map((node) => [
        node,
        { node_id: node, display_node: node, parent_node: null, real_node_id: node },
      ]),
    ),
  });

  const blocked = new Set<string>();
  const steps = order(graph, prompt.targets);
  const keys = new Map(steps.map((node) => [node, keyOf(graph, node)]));
  const cached = steps.filter((node) => world.cache.has(keys.get(node) ?? ''));
  note('execution_start', {});
  note('execution_cached', { nodes: cached });
  for (const node of steps) {
    if (world.isDead()) return end('error');
    const step = graph[node];
    if (!step) continue;
    if (cached.includes(node)) {
      const output = world.cache.get(keys.get(node) ?? '');
      if (!output) continue;
      outputs[node] = output;
      tell('executed', { node, display_node: node, output, prompt_id: id });
      setState(node, 'finished', 1, 1);
      continue;
    }
    if (world.isInterrupted()) {
      note('execution_interrupted', { node_id: node, node_type: step.class_type, executed });
      return end('error');
    }
    setState(node, 'running', 0, 1);
    tell('executing', { node, display_node: node, prompt_id: id });
    if (sourcesOf(step).some((source) => blocked.has(source))) {
      tell('execution_error', {
        prompt_id: id,
        node_id: node,
        node_type: step.class_type,
        executed,
        exception_message: 'Execution Blocked: no picture for you',
        exception_type: 'ExecutionBlocked',
        traceback: [],
        current_inputs: [],
        current_outputs: [],
      });
      blocked.add(node);
      setState(node, 'finished', 1, 1);
      continue;
    }
    const failure = await work(step, node);
    if (failure === 'interrupted') {
      note('execution_interrupted', { node_id: node, node_type: step.class_type, executed });
      return end('error');
    }
    if (failure === 'blocked') blocked.add(node);
    else if (failure) {
      note('execution_error', {
        node_id: node,
        node_type: step.class_type,
        executed,
        ...failure,
        traceback: ['  File "/srv/comfy/execution.py", line 545\n'],
        current_inputs: {},
        current_outputs: [],
      });
      return end('error');
    }
    executed.push(node);
    world.cache.set(keys.get(node) ?? '', outputs[node] ?? null);
    setState(node, 'finished', 1, 1);
  }
  note('execution_success', {});
  return end('success');

  async function work(
    step: FakeNode,
    node: string,
  ): Promise<'interrupted' | 'blocked' | { exception_message: string; exception_type: string } | undefined> {
    const { kind, steps: ticks, sleep } = step.inputs;
    // As a whole, or (in the recording) for each tick; there nobody has to wait so long.
    const seconds = step.inputs['seconds'] ?? (Number(sleep) * Number(ticks)) / 10;
    if (step.class_type === 'ProbeSlow') {
      for (let tick = 1; tick <= Number(ticks); tick++) {
        await after((Number(seconds) * 1000) / Number(ticks));
        if (world.isInterrupted()) return 'interrupted';
        if (world.isDead()) return undefined;
        setState(node, 'running', tick, Number(ticks));
        sockets.tell(clientId, 'progress', { value: tick, max: Number(ticks), prompt_id: id, node });
        if (clientId) sockets.preview(clientId, id, node, makePng(8, 8, 0xff, ''));
      }
      return undefined;
    }
    if (step.class_type === 'ProbeBlockingSleep') await after(Number(seconds) * 1000);
    if (step.class_type === 'ProbeFail') {
      if (kind === 'block') return 'blocked';
      if (kind === 'oom')
        return {
          exception_message: 'Allocation on device 0 would exceed allowed memory. (out of memory)',
          exception_type: 'torch.OutOfMemoryError',
        };
      return { exception_message: 'probe failure\n', exception_type: 'ValueError' };
    }
    const output = save(step);
    if (!output) return undefined;
    outputs[node] = output;
    const text = JSON.stringify({
      type: 'executed',
      data: { node, display_node: node, output, prompt_id: id },
    });
    if (clientId) sockets.tellText(clientId, text.replaceAll('"<NaN>"', 'NaN'));
    return undefined;
  }

  /** Files land where the real server puts them: prefix, counter, extension. */
  function save({ class_type, inputs }: FakeNode): Record<string, unknown> | undefined {
    const write = (extension: string, type = 'output'): Record<string, unknown> => {
      const given = inputs['filename_prefix'];
      const prefix = typeof given === 'string' ? given : 'ComfyUI_temp';
      const at = (world.counters.get(prefix) ?? 0) + 1;
      world.counters.set(prefix, at);
      const parts = prefix.split('/');
      const filename = `${parts.pop() ?? ''}_${String(at).padStart(5, '0')}_.${extension}`;
      const subfolder = parts.join('/');
      const body = extension === 'png' ? picture() : Buffer.from(`${extension} of ${id}`);
      world.files.set(`${type}:${subfolder}/${filename}`, body);
      return { filename, subfolder, type };
    };
    if (class_type === 'SaveImage') {
      const batch = Number(sourceOf('EmptyImage')?.inputs['batch_size'] ?? 1);
      return { images: Array.from({ length: batch }, () => write('png')) };
    }
    if (class_type === 'PreviewImage') return { images: [write('png', 'temp')] };
    if (class_type === 'SaveVideo') return { images: [write('mp4')], animated: [true] };
    if (class_type === 'VHS_VideoCombine') return { gifs: [{ ...write('mp4'), format: 'video/h264-mp4' }] };
    if (class_type === 'SaveAudio') return { audio: [write('flac')] };
    if (class_type === 'PreviewAny') return { text: [String(inputs['source'])] };
    if (class_type === 'ProbeUi' && inputs['kind'] === 'nan')
      return { value: ['<NaN>'], images: [write('png')] };
    if (class_type === 'ProbeUi') return { gifs: [write('mp4')] };
    return undefined;
  }

  function picture(): Buffer {
    const { width = 64, height = 64, color = 0 } = sourceOf('EmptyImage')?.inputs ?? {};
    return makePng(Number(width), Number(height), Number(color), JSON.stringify(graph));
  }

  function sourceOf(kind: string): FakeNode | undefined {
    return Object.values(graph).find(({ class_type }) => class_type === kind);
  }
}

function sourcesOf({ inputs }: FakeNode): string[] {
  return Object.values(inputs).flatMap((value) =>
    Array.isArray(value) && typeof value[0] === 'string' ? [value[0]] : [],
  );
}

/** Equal nodes with equal sources are not run again. */
function keyOf(graph: FakeGraph, id: string): string {
  const node = graph[id];
  const inputs = Object.entries(node?.inputs ?? {}).map(([name, value]) => [
    name,
    Array.isArray(value) && typeof value[0] === 'string' ? [keyOf(graph, value[0]), value[1]] : value,
  ]);
  return JSON.stringify([id, node?.class_type, inputs]);
}
