const WIDTH = 30;

export interface Progress {
  step(label: string): void;
  end(): void;
}

/** A bar on stderr while work is long; nothing where stderr is not a terminal. */
export function createProgress(verb: string, total: number): Progress {
  if (!process.stderr.isTTY) return { step: () => undefined, end: () => undefined };
  let done = 0;
  const draw = (label: string): void => {
    const full = Math.round((WIDTH * done) / total);
    const bar = '█'.repeat(full) + '·'.repeat(WIDTH - full);
    process.stderr.write(
      `\r\u001b[K${verb} ${bar} ${done}/${total} ${JSON.stringify(label).slice(1, -1).slice(-40)}`,
    );
  };
  draw('');
  return {
    step(label) {
      done++;
      draw(label);
    },
    end: () => void process.stderr.write('\r\u001b[K'),
  };
}
