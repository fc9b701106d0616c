import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import OpenAI from 'openai';
import { zodResponseFormat } from 'openai/helpers/zod';
import { z } from 'zod';
import { fake, IMAGE, KEY, MODELS, MODELS_OF_SCHEMAS, MODELS_THAT_SEE, seen, TEXT, until, url } from './gateway.mjs';

const client = (options = {}) => new OpenAI({ baseURL: `${url}/v1`, apiKey: KEY, maxRetries: 0, timeout: 20_000, ...options });
const ask = (model, more = {}) => ({ model, messages: [{ role: 'developer', content: 'Be brief.' }, { role: 'user', content: 'The weather in Paris and Rome?' }], ...more });
const TOOLS = [{ type: 'function', function: { name: 'weather', parameters: { type: 'object', properties: { city: { type: 'string' } }, required: ['city'] } } }];
const PARIS = ['weather', '{"city":"Paris"}'];
const ROME = ['weather', '{"city":"Rome"}'];

describe('openai', () => {
  for (const model of MODELS) {
    it(`chats with ${model}`, async () => {
      await fake(model);
      const answer = await client().chat.completions.create(ask(model));
      assert.equal(answer.choices[0].message.content, TEXT);
      assert.equal(answer.choices[0].finish_reason, 'stop');
      assert.equal(answer.model, model);
      assert.equal(answer.usage.total_tokens, 14);
    });

    it(`streams from ${model}, with usage when asked`, async () => {
      await fake(model);
      let text = '';
      let usage = null;
      for await (const chunk of await client().chat.completions.create(ask(model, { stream: true, stream_options: { include_usage: true } }))) {
        text += chunk.choices[0]?.delta.content ?? '';
        usage = chunk.usage ?? usage;
      }
      assert.equal(text, TEXT);
      assert.equal(usage.completion_tokens, 5);
    });

    it(`has parallel tools called by ${model} and answers them`, async () => {
      await fake(model, { tools: [...PARIS, ...ROME] });
      const message = (await client().chat.completions.stream(ask(model, { tools: TOOLS })).finalChatCompletion()).choices[0].message;
      assert.deepEqual(message.tool_calls.map((call) => JSON.parse(call.function.arguments).city), ['Paris', 'Rome']);
      await fake(model);
      const { messages } = ask(model);
      const results = message.tool_calls.map((call, i) => ({ role: 'tool', tool_call_id: call.id, content: `result ${i}` }));
      const next = await client().chat.completions.create(ask(model, { messages: [...messages, message, ...results], tools: TOOLS }));
      assert.equal(next.choices[0].message.content, TEXT);
      assert.match((await seen(model)).last, /result 0.*result 1/s);
    });

    it(`tells the errors of ${model} apart`, async () => {
      await fake(model, { mood: 'refuses' });
      await assert.rejects(client().chat.completions.create(ask(model)), OpenAI.BadRequestError);
      await fake(model, { mood: 'down' });
      await assert.rejects(client({ maxRetries: 3 }).chat.completions.create(ask(model)), (error) => error instanceof OpenAI.InternalServerError && error.status === 503);
      assert.equal((await seen(model)).calls, 1, 'x-should-retry: false is obeyed');
      await fake(model, { mood: 'dies-mid-stream' });
      await assert.rejects(async () => {
        for await (const chunk of await client().chat.completions.create(ask(model, { stream: true }))) assert.equal(chunk.choices[0].finish_reason, null);
      }, OpenAI.APIError);
    });

    it(`cancels the work of ${model} when the client leaves or tires`, async () => {
      await fake(model, { mood: 'drips', says: 300 });
      for await (const _ of await client().chat.completions.create(ask(model, { stream: true }))) break;
      await until(async () => (await seen(model)).cancelled === 1, 'the stream is cancelled');
      await fake(model, { mood: 'hangs' });
      await assert.rejects(client({ timeout: 500 }).chat.completions.create(ask(model)), OpenAI.APIConnectionTimeoutError);
      await until(async () => (await seen(model)).cancelled === 1, 'the call is cancelled');
      const abort = new AbortController();
      await fake(model, { mood: 'hangs' });
      const left = client().chat.completions.create(ask(model), { signal: abort.signal });
      await until(async () => (await seen(model)).calls === 1, 'the call has begun');
      abort.abort();
      await assert.rejects(left, OpenAI.APIUserAbortError);
      await until(async () => (await seen(model)).cancelled === 1, 'the aborted call is cancelled');
    });
  }

  for (const model of MODELS_OF_SCHEMAS) {
    it(`gets structured output from ${model}`, async () => {
      await fake(model, { says: '{"city": "Paris", "celsius": 21}' });
      const format = zodResponseFormat(z.object({ city: z.string(), celsius: z.number() }), 'weather');
      const answer = await client().chat.completions.parse(ask(model, { response_format: format }));
      assert.deepEqual(answer.choices[0].message.parsed, { city: 'Paris', celsius: 21 });
    });
  }

  for (const model of MODELS_THAT_SEE) {
    it(`shows an image to ${model}`, async () => {
      await fake(model);
      const content = [{ type: 'text', text: 'What is it?' }, { type: 'image_url', image_url: { url: `data:image/png;base64,${IMAGE}` } }];
      assert.equal((await client().chat.completions.create(ask(model, { messages: [{ role: 'user', content }] }))).choices[0].message.content, TEXT);
      assert.ok((await seen(model)).last.includes(IMAGE));
    });
  }

  it('lists models and finds one', async () => {
    const ids = (await client().models.list()).data.map((model) => model.id);
    for (const model of MODELS) assert.ok(ids.includes(model), model);
    assert.equal((await client().models.retrieve('openai/gpt-4o')).id, 'openai/gpt-4o');
  });

  it('is told of a wrong key, an unknown model and a wish that none fulfils', async () => {
    await assert.rejects(client({ apiKey: 'dk-nobody' }).chat.completions.create(ask('openai/gpt-4o')), OpenAI.AuthenticationError);
    await assert.rejects(client().chat.completions.create(ask('no-such-model')), (error) => error instanceof OpenAI.NotFoundError && error.code === 'model_not_found');
    await assert.rejects(client().chat.completions.create(ask('auto', { routing: { min_context: 999_999_999 } })), OpenAI.UnprocessableEntityError);
  });

  it('comes back when a busy provider said so', async () => {
    const model = 'openai/gpt-4o';
    await fake(model, { next: ['busy'] });
    await assert.rejects(client().chat.completions.create(ask(model)), (error) => error instanceof OpenAI.RateLimitError && error.headers.get('retry-after') === '1');
    await new Promise((done) => setTimeout(done, 1_100));
    await fake(model, { next: ['busy'] });
    assert.equal((await client({ maxRetries: 2 }).chat.completions.create(ask(model))).choices[0].message.content, TEXT);
    assert.deepEqual((await seen(model)).moods, ['BUSY', 'WELL']);
  });
});
