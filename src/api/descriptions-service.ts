import { z } from 'zod';
import { Turn } from '../ask/kept-conversations.ts';
import { ConversationAnswer, DocumentAnswer, ErrorAnswer, listOf, PictureAnswer } from './answer-shapes.ts';
import type { Description } from './descriptions.ts';
import { ConversationsQuery, NewConversation } from './conversation-routes.ts';
import { NewQuestion } from './golden.ts';
import { ScanBody, VerifyQuery } from './inbox.ts';
import { ListQuery as JobsQuery } from './jobs.ts';
import { NewKey } from './keys.ts';
import { LoginBody } from './login.ts';
import { PullBody } from './pulls.ts';
import {
  EvalAnswer,
  GoldenAnswer,
  GoldenListAnswer,
  IndexAnswer,
  JobAnswer,
  KeyAnswer,
  MessageAnswer,
  PresetAnswer,
  PullAnswer,
  QueueAnswer,
  ReadyAnswer,
  ScanAnswer,
  SettingAnswer,
  StatusAnswer,
  SystemAnswer,
  VerifyAnswer,
  WebhookAnswer,
  WorkerModelsAnswer,
  WorkflowAnswer,
} from './service-shapes.ts';
import { ListQuery as MessagesQuery, NewWebhook } from './subscriptions.ts';

const HTML = ['text/html'];
const JsonRpc = z.looseObject({ jsonrpc: z.literal('2.0') });

/** What concerns the service rather than one document. */
export const SERVICE_DESCRIPTIONS: Readonly<Record<string, Description>> = {
  'GET /healthz': { summary: 'It lives', answers: { 200: z.object({ status: z.literal('ok') }) } },
  'GET /readyz': {
    summary: 'It can do its work, with the state of each server',
    answers: { 200: ReadyAnswer, 503: ReadyAnswer },
  },
  'GET /api/status': {
    summary: 'What is searchable, what waits, what failed',
    answers: { 200: StatusAnswer },
  },
  'GET /metrics': { summary: 'The same for Prometheus', answers: { 200: ['text/plain'] } },
  'GET /api/events': {
    summary: `Every change as it happens: events \`document\` (${nameOf(DocumentAnswer)}), \`image\` (${nameOf(PictureAnswer)}), \`pull\` (${nameOf(PullAnswer)}), \`status\``,
    answers: { 200: ['text/event-stream'] },
  },
  'GET /api/jobs': {
    summary: 'What waits and what runs',
    query: JobsQuery,
    answers: { 200: listOf(JobAnswer) },
  },
  'POST /api/jobs/:id/retry': {
    summary: 'Tries a waiting job now',
    answers: { 202: z.object({ id: z.string() }) },
  },
  'DELETE /api/jobs/:id': { summary: 'Ends a job; its document is `failed`', answers: { 204: null } },
  'GET /api/keys': { summary: 'The keys that were made here', answers: { 200: listOf(KeyAnswer) } },
  'POST /api/keys': {
    summary: 'Makes a key; it is in this answer and nowhere else',
    body: NewKey,
    answers: { 201: z.object({ id: z.string(), key: z.string() }) },
  },
  'DELETE /api/keys/:id': { summary: 'Revokes a key', answers: { 204: null } },
  'POST /api/inbox/scan': {
    summary: 'Compares the inbox with the ledger now, or tells what that would change',
    body: ScanBody,
    optional: true,
    answers: { 200: ScanAnswer, 202: ScanAnswer },
  },
  'POST /api/inbox/forget': {
    summary: 'Confirms that files which are missing all at once are gone',
    answers: { 200: z.object({ forgotten: z.int() }) },
  },
  'GET /api/verify': {
    summary: 'Whether folder, ledger and store say the same; `deep` reads every file again',
    query: VerifyQuery,
    answers: { 200: VerifyAnswer },
  },
  'GET /api/index': { summary: 'Which embedding model answers', answers: { 200: IndexAnswer } },
  'POST /api/index/back': { summary: 'Goes back to the model before', answers: { 200: IndexAnswer } },
  'POST /api/index/forward': {
    summary: 'Takes the model of the settings',
    answers: { 202: IndexAnswer },
  },
  'GET /api/conversations': {
    summary: 'Conversations that were kept with this key, newest first',
    query: ConversationsQuery,
    answers: { 200: listOf(ConversationAnswer) },
  },
  'POST /api/conversations': {
    summary: 'Begins one',
    body: NewConversation,
    answers: { 201: ConversationAnswer },
  },
  'GET /api/conversations/:id': {
    summary: 'One with its turns',
    answers: { 200: ConversationAnswer.extend({ turns: z.array(Turn) }) },
  },
  'PATCH /api/conversations/:id': {
    summary: 'Names it otherwise',
    body: NewConversation,
    answers: { 200: ConversationAnswer },
  },
  'DELETE /api/conversations/:id': { summary: 'Forgets it', answers: { 204: null } },
  'POST /api/conversations/:id/turns': {
    summary: 'Keeps a question with its answer, in place of the turn of the same number',
    body: Turn,
    answers: { 204: null },
  },
  'GET /api/conversations/:id/export': {
    summary: 'The whole of it, with what it cites',
    answers: { 200: ['text/markdown'] },
  },
  'GET /api/golden': {
    summary: 'Questions with the documents that answer them',
    answers: { 200: GoldenListAnswer },
  },
  'POST /api/golden': { summary: 'Adds one', body: NewQuestion, answers: { 201: GoldenAnswer } },
  'DELETE /api/golden/:id': { summary: 'Takes one away', answers: { 204: null } },
  'GET /api/eval': { summary: 'How well the index answers them', answers: { 200: EvalAnswer } },
  'GET /api/system': {
    summary: 'Disk, throughput, memory',
    answers: { 200: SystemAnswer },
  },
  'GET /api/settings': {
    summary: 'Every setting as it is in force; secrets are only said to be set',
    answers: { 200: listOf(SettingAnswer) },
  },
  'GET /api/pulls': {
    summary: 'Models that Ollama was asked to download, newest first',
    answers: { 200: listOf(PullAnswer) },
  },
  'POST /api/pulls': {
    summary: 'Has Ollama download a model',
    body: PullBody,
    answers: { 202: PullAnswer },
  },
  'DELETE /api/pulls/:id': { summary: 'Ends a download', answers: { 204: null } },
  'GET /api/webhooks': { summary: 'Who is told of changes', answers: { 200: listOf(WebhookAnswer) } },
  'POST /api/webhooks': {
    summary: 'Tells an address of changes; the answer holds the secret that signs them',
    body: NewWebhook,
    answers: { 201: WebhookAnswer.extend({ secret: z.string() }) },
  },
  'DELETE /api/webhooks/:id': { summary: 'Tells it no more', answers: { 204: null } },
  'GET /api/webhooks/:id/messages': {
    summary: 'What it was told, newest first',
    query: MessagesQuery,
    answers: { 200: listOf(MessageAnswer) },
  },
  'GET /api/workflows': {
    summary: 'What can be painted, by whom, and what is missing for the rest',
    answers: { 200: listOf(WorkflowAnswer) },
  },
  'GET /api/models': {
    summary: 'The models that each ComfyUI server has',
    answers: { 200: listOf(WorkerModelsAnswer) },
  },
  'GET /api/presets': {
    summary: 'The models that each workflow needs, and where they are',
    answers: { 200: listOf(PresetAnswer) },
  },
  'GET /api/workflows/queue/status': { summary: 'How busy the painters are', answers: { 200: QueueAnswer } },
  'GET /': { summary: 'The page', answers: { 200: HTML } },
  'GET /docs': { summary: 'This description, to try', answers: { 200: HTML } },
  'GET /openapi.json': {
    summary: 'This description',
    answers: { 200: z.looseObject({ openapi: z.string() }) },
  },
  'GET /login': { summary: 'The page asks for a key', answers: { 200: HTML } },
  'POST /login': {
    summary: 'A key for the cookie of a session; a form of the page, or JSON',
    body: LoginBody,
    answers: { 303: null },
  },
  'POST /logout': { summary: 'Ends the session', optional: true, answers: { 303: null } },
  'POST /mcp': {
    summary: 'The Model Context Protocol over streamable HTTP',
    body: JsonRpc,
    answers: { 200: JsonRpc, 202: null, 400: z.union([JsonRpc, ErrorAnswer]), 406: JsonRpc },
  },
};

function nameOf(schema: z.ZodType): string {
  return String(schema.meta()?.['id']);
}
