/** Looks at something again and again; each look says how long to wait for the next one. */
export interface Poller {
  start(): void;
  /** Looks now, or joins the look that is under way. */
  look(): Promise<void>;
  /** Asks for a look that begins from now on. */
  wake(): void;
  /** Resolves when no look is under way and none will come. */
  close(): Promise<void>;
}

/** `look` answers with the milliseconds to the next look, and must not throw. */
export function createPoller(look: () => Promise<number>): Poller {
  let timer: NodeJS.Timeout | undefined;
  let running: Promise<void> | undefined;
  let again = false;
  let started = false;

  async function run(): Promise<void> {
    let wait = 0;
    do {
      again = false;
      wait = await look();
    } while (again);
    running = undefined;
    if (started) timer = setTimeout(() => void begin(), wait);
  }

  function begin(): Promise<void> {
    clearTimeout(timer);
    running ??= run();
    return running;
  }

  return {
    start: () => {
      started = true;
      void begin();
    },
    look: begin,
    wake: () => {
      if (running) again = true;
      else if (started) void begin();
    },
    close: async () => {
      started = false;
      again = false;
      clearTimeout(timer);
      await running;
    },
  };
}
