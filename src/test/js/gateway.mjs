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

export const MODELS = ['openai/gpt-4o', 'anthropic/claude-sonnet-5', 'gemini/gemini-2.5-flash', 'ollama/llama3.1', 'mistral/mistral-large-latest', 'deepseek/deepseek-chat', 'groq/openai/gpt-oss-120b'];
export const MODELS_OF_SCHEMAS = MODELS.filter((model) => !model.startsWith('deepseek/'));
export const MODELS_THAT_SEE = ['openai/gpt-4o', 'anthropic/claude-sonnet-5', 'gemini/gemini-2.5-flash', 'mistral/mistral-large-latest'];
export const KEY = 'dk-' + randomBytes(24).toString('hex');
export const TEXT = 'w1 w2 w3 w4 w5';
/** A PNG of one pixel. */
export const IMAGE = 'iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR42mNk+M9QDwADhgGAWjR9awAAAABJRU5ErkJggg==';

export let url;
let upstreams;
let processes = [];
let folder;

const providerOf = (model) => model.slice(0, model.indexOf('/'));

/** What this model's provider does from now on; see FakeUpstreams. */
export async function fake(model, wish = {}) {
  await fetch(`${upstreams.control}/${providerOf(model)}`, { method: 'POST', body: JSON.stringify(wish) });
}

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
  const env = { ...process.env, PORT: String(port), DROMEDARY_STATE_DIR: join(folder, 'data'), DATABASE_URL: '', DROMEDARY_COST_SINK: '', DROMEDARY_PROFILE: 'development' };
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
