import { existsSync } from 'node:fs';
import { loadEnvFile } from 'node:process';
import { ask } from './commands/ask.ts';
import { doctor } from './commands/doctor.ts';
import { evaluate } from './commands/eval.ts';
import { forget } from './commands/forget.ts';
import { index } from './commands/index-model.ts';
import { ingest } from './commands/ingest.ts';
import { keys } from './commands/keys.ts';
import { takeOption } from './commands/options.ts';
import { scan } from './commands/scan.ts';
import { search } from './commands/search.ts';
import { serve } from './commands/serve.ts';
import { status } from './commands/status.ts';
import { store } from './commands/store.ts';
import { verify } from './commands/verify.ts';
import { worker } from './commands/worker.ts';
import { workflow } from './commands/workflow.ts';
import { parseConfig, type Config } from './config.ts';
import { LimnerError, systemCode } from './errors.ts';
import { createLog, type Log } from './log.ts';
import { secretsOf } from './secrets.ts';

/** What every command is given. Commands print results on stdout; the log goes to stderr. */
export interface Context {
  config: Config;
  log: Log;
  args: string[];
}

interface Command {
  usage: string;
  about: string;
  /** The process's exit code. */
  run: (context: Context) => Promise<number>;
}

const COMMANDS: Record<string, Command> = {
  serve: { usage: 'serve', about: 'watch the inbox and answer over HTTP (the default)', run: serve },
  ingest: {
    usage: 'ingest PATH...',
    about: 'read files or folders now, and wait until they are searchable',
    run: ingest,
  },
  search: {
    usage: 'search WORDS...',
    about: 'print the passages that fit; --collection NAME and --filter JSON say where to look',
    run: search,
  },
  ask: { usage: 'ask QUESTION...', about: 'print an answer with its sources; takes the same', run: ask },
  status: { usage: 'status', about: 'what is searchable, what waits, what failed and why', run: status },
  scan: {
    usage: 'scan [--dry-run]',
    about: 'compare the folder with the index now, or print what that would change',
    run: scan,
  },
  verify: {
    usage: 'verify [--deep]',
    about: 'check that folder, ledger and store say the same; --deep reads every file again',
    run: verify,
  },
  index: {
    usage: 'index [back|forward]',
    about: 'which embedding model answers, and what is built beside it; go back to the one before',
    run: index,
  },
  eval: {
    usage: 'eval [FILE]',
    about: 'how well searches find the answers of known questions; compare, save, and fail below a gate',
    run: evaluate,
  },
  forget: {
    usage: 'forget',
    about: 'confirm that the files missing all at once are meant to be gone',
    run: forget,
  },
  store: {
    usage: 'store [move --to qdrant|embedded]',
    about: 'where the passages are; bring them to the other store, and forget the old one (forget-old)',
    run: store,
  },
  keys: { usage: 'keys add|list|revoke', about: 'keys with scopes, collections, rate and expiry', run: keys },
  mcp: {
    usage: 'mcp',
    about: 'the tools for MCP clients, on stdin and stdout',
    // No other command needs what it loads.
    run: async (context) => (await import('./commands/mcp.ts')).mcp(context),
  },
  worker: {
    usage: 'worker fetch-models',
    about: 'on a ComfyUI machine: bring the models of the workflows into its folders',
    run: worker,
  },
  workflow: {
    usage: 'workflow add|convert|check',
    about: 'propose a manifest entry for a ComfyUI workflow, turn it into API format, tell what workers lack',
    run: workflow,
  },
  doctor: { usage: 'doctor', about: 'what is reachable, what is missing, and how to mend it', run: doctor },
};

const HELP: ReadonlySet<string> = new Set(['help', '--help', '-h']);

/** Runs the command that `given` names, and gives the process's exit code. */
export async function runCommand([name = 'serve', ...given]: readonly string[]): Promise<number> {
  const command = COMMANDS[name];
  if (name !== 'serve') endWithReader();
  if (!command || given.includes('--help')) {
    if (!command && !HELP.has(name)) process.stderr.write(`limner: There is no command "${name}".\n\n`);
    process.stdout.write(help());
    return command || HELP.has(name) ? 0 : 2;
  }
  try {
    if (existsSync('.env')) loadEnvFile('.env');
    const { value: key, args } = takeOption('key', given);
    const settings = key === undefined ? process.env : { ...process.env, LIMNER_KEY: key };
    const config = parseConfig(settings, process.cwd());
    return await command.run({ config, log: logFor(name, config), args });
  } catch (error) {
    if (!(error instanceof LimnerError) && !isMisuse(error)) throw error;
    process.stderr.write(`limner: ${error.message}\n`);
    return 1;
  }
}

/** Who reads no further, as `head` does, wants no more. */
function endWithReader(): void {
  process.stdout.on('error', (error) => {
    if (systemCode(error) !== 'EPIPE') throw error;
    process.exit();
  });
}

/** Arguments that `parseArgs` does not know. */
const isMisuse = (error: unknown): error is Error =>
  error instanceof Error && (systemCode(error)?.startsWith('ERR_PARSE_ARGS') ?? false);

/** Other commands than the service speak only when something is wrong. */
function logFor(name: string, config: Config): Log {
  const level = name === 'serve' ? config.logLevel : config.logLevel === 'info' ? 'warn' : config.logLevel;
  return createLog({ level, secrets: secretsOf(config) });
}

function help(): string {
  const commands = Object.values(COMMANDS);
  const width = Math.max(...commands.map(({ usage }) => usage.length));
  const lines = commands.map(({ usage, about }) => `  ${usage.padEnd(width)}  ${about}`);
  return `limner: makes a folder of documents searchable and answers questions with citations

usage: npm run limner -- <command>

${lines.join('\n')}

--key KEY shows a running service another key than LIMNER_KEY.
Settings are environment variables, also from a file .env; the README lists them.
`;
}
