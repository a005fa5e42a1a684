#!/usr/bin/env node
import { enableCompileCache } from 'node:module';
import { fileURLToPath } from 'node:url';

// Node strips and compiles every module at every start unless it may keep the results. They lie beside the packages: what
// is run from there has to be trusted like them. Where that cannot be written, the start takes twice as long.
enableCompileCache(fileURLToPath(new URL('../node_modules/.cache/limner', import.meta.url)));
const { runCommand } = await import('./command-line.ts');
process.exitCode = await runCommand(process.argv.slice(2));
