import type { ChatMessage } from '../models/model-server.ts';

/**
 * Chat programs send chores to the model of the conversation: titles, tags, follow-up questions, search queries.
 * They are told by how their prompts begin: Open WebUI's `DEFAULT_*_PROMPT_TEMPLATE` (backend/open_webui/config.py)
 * and LibreChat's title prompt. Open WebUI's own template for answers from documents begins like its chores, and
 * is none.
 */
const CHORES = [
  /^### Task:\s*(?!\s|Respond to the user query)/,
  /^Your task is to reflect the speaker's likely facial expression/,
  /^Available Tools: [\s\S]*Your task is to choose and return the correct tool/,
  /^(Provide|Please generate|Write) a concise,? (5-word-or-less|\d-\d word) title/i,
];

/** Whether the conversation is a chore, which documents have nothing to say to. */
export function isBackgroundTask(messages: readonly ChatMessage[]): boolean {
  return messages.some(({ content }) => CHORES.some((chore) => chore.test(content.trimStart())));
}
