// Starts fake providers and the packaged gateway in front of them, once for all tests.
import { spawn } from 'node:child_process';
import { createHash, randomBytes } from 'node:crypto';
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { createInterface } from 'node:readline';

const TARGET = resolve(import.meta.dirname, '../../../target');
const APP = join(TARGET, 'dromedary-app.jar');

export const MODELS = ['openai/gpt-4o', 'anthropic/claude-sonnet-5', 'gemini/gemini-2.5-flash', 'ollama/llama3.1', 'mistral/mistral-large-latest', 'deepseek/deepseek-chat', 'groq/openai/gpt-oss-120b',
  'azure/gpt-4o', 'bedrock/anthropic.claude-haiku-4-5-20251001-v1:0'];
export const MODELS_OF_SCHEMAS = MODELS.filter((model) => !model.startsWith('deepseek/'));
export const MODELS_THAT_SEE = ['openai/gpt-4o', 'anthropic/claude-sonnet-5', 'gemini/gemini-2.5-flash', 'ollama/llava', 'mistral/mistral-large-latest', 'groq/meta-llama/llama-4-scout-17b-16e-instruct', 'azure/gpt-4o',
  'bedrock/anthropic.claude-haiku-4-5-20251001-v1:0'];
/** Those that fetch an image themselves; the others refuse its address. */
export const MODELS_THAT_FETCH = ['openai/gpt-4o', 'anthropic/claude-sonnet-5', 'mistral/mistral-large-latest', 'azure/gpt-4o'];
export const MODELS_THAT_EMBED = ['openai/text-embedding-3-small', 'azure/text-embedding-3-large', 'gemini/gemini-embedding-001', 'mistral/codestral-embed', 'ollama/nomic-embed-text',
  'bedrock/amazon.titan-embed-text-v2:0', 'bedrock/cohere.embed-v4:0'];
/** In the gateway's own process. */
export const LOCAL_EMBEDDER = 'local/all-minilm-l6-v2';
export const KEY = 'dk-' + randomBytes(24).toString('hex');
export const TEXT = 'w1 w2 w3 w4 w5';
/** A PNG of one pixel. */
export const IMAGE = 'iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR42mNk+M9QDwADhgGAWjR9awAAAABJRU5ErkJggg==';

export let url;
let upstreams;
let processes = [];
let folder;

export const providerOf = (model) => model.slice(0, model.indexOf('/'));

/** What this model's provider does from now on; see FakeUpstreams. */
export async function fake(model, wish = {}) {
  await fetch(`${upstreams.control}/${providerOf(model)}`, { method: 'POST', body: JSON.stringify(wish) });
}

/** What a provider must say so that `json` is the answer to a request with a JSON Schema: Bedrock's models are made to call a tool with it. */
export const saysJson = (model, json) => (model.startsWith('bedrock/') ? { tools: ['json_answer', json] } : { says: json });

/** What became of its calls since then. */
export async function seen(model) {
  return (await fetch(`${upstreams.control}/${providerOf(model)}`)).json();
}

export async function until(fits, what) {
  for (let i = 0; i < 400; i++) {
    if (await fits()) return;
    await new Promise((done) => setTimeout(done, 25));
  }
  throw new Error(`not in 10 s: ${what}`);
}

function freePort() {
  return new Promise((done) => {
    const server = createServer().listen(0, '127.0.0.1', () => {
      const { port } = server.address();
      server.close(() => done(port));
    });
  });
}

function java(args, options) {
  const process = spawn('java', ['-Xmx512m', '-XX:+UseSerialGC', '-XX:TieredStopAtLevel=1', ...args], { stdio: ['pipe', 'pipe', 'inherit'], ...options });
  processes.push(process);
  return process;
}

export async function start() {
  folder = mkdtempSync(join(tmpdir(), 'dromedary-js-'));
  mkdirSync(join(folder, 'config'));
  writeFileSync(join(folder, 'config', 'callers.yaml'), `projects: [{id: team-a, keys: [{id: js, sha256: ${createHash('sha256').update(KEY).digest('hex')}}]}]\n`);
  const providers = MODELS.map(providerOf);
  const fakes = java(['-cp', APP, '-Dloader.main=io.dromedary.testing.FakeUpstreams', `-Dloader.path=${join(TARGET, 'test-classes')}`, 'org.springframework.boot.loader.launch.PropertiesLauncher', ...providers]);
  for await (const line of createInterface({ input: fakes.stdout })) {
    upstreams = JSON.parse(line);
    break;
  }
  const port = await freePort();
  const env = { ...process.env, AZURE_OPENAI_ENDPOINT: upstreams.azure, AZURE_OPENAI_API_KEY: 'sk-test-0123456789', AZURE_OPENAI_API_VERSION: '2024-10-21', BEDROCK_BASE_URL: upstreams.bedrock,
    AWS_BEARER_TOKEN_BEDROCK: 'sk-test-0123456789', BEDROCK_IDENTITY: 'none', BEDROCK_INFERENCE_PROFILE: 'none', PORT: String(port), DROMEDARY_STATE_DIR: join(folder, 'data'), DATABASE_URL: '', DROMEDARY_COST_SINK: '', DROMEDARY_PROFILE: 'development' };
  for (const provider of ['openai', 'anthropic', 'gemini', 'groq', 'mistral', 'deepseek', 'openrouter', 'routellm', 'ollama']) {
    env[`${provider.toUpperCase()}_API_KEY`] = provider in upstreams ? 'sk-test-0123456789' : '';
    env[`${provider.toUpperCase()}_BASE_URL`] = upstreams[provider] ?? 'http://127.0.0.1:9';
  }
  const gateway = java(['-jar', APP, '--dromedary.cache.enabled=false', '--dromedary.failover.max-retries=0', '--dromedary.breaker.min-calls=10000', '--dromedary.breaker.window=10000', '--dromedary.timeouts.drain=1s',
    '--logging.level.io.dromedary=OFF'], { cwd: folder, env });
  gateway.stdout.resume();
  url = `http://127.0.0.1:${port}`;
  const request = { method: 'POST', headers: { authorization: `Bearer ${KEY}`, 'content-type': 'application/json' }, body: JSON.stringify({ model: 'ollama/llama3.1', messages: [{ role: 'user', content: 'ready?' }] }) };
  for (let i = 0; i < 6; i++) {
    try {
      return await until(async () => {
        if (gateway.exitCode !== null) throw new Error(`the gateway ended with ${gateway.exitCode}`);
        return (await fetch(`${url}/v1/chat/completions`, request).catch(() => null))?.status === 200;
      }, 'the gateway answers');
    } catch (notYet) {
      if (i === 5 || gateway.exitCode !== null) throw notYet;
    }
  }
}

export function stop() {
  for (const process of processes) process.kill();
  rmSync(folder, { recursive: true, force: true, maxRetries: 5, retryDelay: 200 });
}
