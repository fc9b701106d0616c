import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import OpenAI from 'openai';
import { zodResponseFormat } from 'openai/helpers/zod';
import { z } from 'zod';
import { fake, IMAGE, KEY, MODELS, LOCAL_EMBEDDER, MODELS_OF_SCHEMAS, MODELS_THAT_EMBED, MODELS_THAT_FETCH, MODELS_THAT_SEE, providerOf, saysJson, seen, TEXT, until, url } from './gateway.mjs';

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

    it(`runs a tool for ${model} until it has the answer`, async () => {
      await fake(model, { tools: PARIS });
      const asked = [];
      const run = async ({ city }) => {
        asked.push(city);
        await fake(model);
        return { celsius: 21 };
      };
      const tool = { type: 'function', function: { ...TOOLS[0].function, function: run, parse: JSON.parse } };
      assert.equal(await client().chat.completions.runTools(ask(model, { tools: [tool] })).finalContent(), TEXT);
      assert.deepEqual(asked, ['Paris']);
      assert.match((await seen(model)).last, /celsius/);
      await fake(model, { tools: PARIS });
      assert.equal(await client().chat.completions.runTools(ask(model, { tools: [tool], stream: true })).finalContent(), TEXT);
      assert.deepEqual(asked, ['Paris', 'Paris']);
    });

    it(`tells the errors of ${model} apart`, async () => {
      await fake(model, { mood: 'refuses' });
      await assert.rejects(client().chat.completions.create(ask(model)), (error) => error instanceof OpenAI.BadRequestError && error.type === 'invalid_request_error' && /not to my taste/.test(error.message) && /./.test(error.requestID));
      await assert.rejects(client().chat.completions.create(ask(model, { stream: true })), OpenAI.BadRequestError);
      await assert.rejects(client().chat.completions.create(ask(model, { temperature: 7 })), (error) => error instanceof OpenAI.BadRequestError && error.param === 'temperature');
      for (const mood of ['html', 'empty', 'junk', 'hangs-up', 'bad-key']) {
        await fake(model, { mood });
        await assert.rejects(client().chat.completions.create(ask(model)), (error) => error instanceof OpenAI.InternalServerError && error.status === 502 && typeof error.type === 'string' && !/sk-/.test(error.message), mood);
      }
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
      await fake(model, { mood: 'drips', says: 300 });
      const stream = await client().chat.completions.create(ask(model, { stream: true }));
      for await (const _ of stream) stream.controller.abort();
      await until(async () => (await seen(model)).cancelled === 1, 'the aborted stream is cancelled');
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
      await fake(model, saysJson(model, '{"city": "Paris", "celsius": 21}'));
      const format = zodResponseFormat(z.object({ city: z.string(), celsius: z.number() }), 'weather');
      const answer = await client().chat.completions.parse(ask(model, { response_format: format }));
      assert.deepEqual(answer.choices[0].message.parsed, { city: 'Paris', celsius: 21 });
      assert.equal(answer.choices[0].finish_reason, 'stop');
      const streamed = await client().chat.completions.stream(ask(model, { response_format: format })).finalChatCompletion();
      assert.deepEqual(streamed.choices[0].message.parsed, { city: 'Paris', celsius: 21 });
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

  for (const model of MODELS_THAT_SEE) {
    it(`shows an image by its address to ${model}, or is told it cannot`, async () => {
      await fake(model);
      const content = [{ type: 'text', text: 'What is it?' }, { type: 'image_url', image_url: { url: 'https://example.org/a.png' } }];
      const asked = client().chat.completions.create(ask(model, { messages: [{ role: 'user', content }] }));
      if (MODELS_THAT_FETCH.includes(model) || model.startsWith('groq/')) {
        assert.equal((await asked).choices[0].message.content, TEXT);
        assert.match((await seen(model)).last, /example\.org\/a\.png/);
      } else {
        await assert.rejects(asked, (error) => error instanceof OpenAI.BadRequestError && error.param.startsWith('messages[0].content'));
        assert.equal((await seen(model)).calls, 0);
      }
    });
  }

  for (const model of [...MODELS_THAT_EMBED, LOCAL_EMBEDDER]) {
    it(`has texts embedded by ${model}`, async () => {
      await (model === LOCAL_EMBEDDER || fake(model));
      const dimensions = model === LOCAL_EMBEDDER ? 384 : 256;
      const input = ['first', 'second 🐪', 'first'];
      const byDefault = await client().embeddings.create({ model, input, dimensions });
      assert.equal(byDefault.object, 'list');
      assert.equal(byDefault.model, model);
      assert.deepEqual(byDefault.data.map((item) => item.index), [0, 1, 2]);
      assert.ok(byDefault.usage.prompt_tokens > 0 && byDefault.usage.total_tokens === byDefault.usage.prompt_tokens);
      for (const { embedding } of byDefault.data) {
        assert.equal(embedding.length, dimensions);
        assert.ok(Math.abs(embedding.reduce((sum, number) => sum + number * number, 0) - 1) < 1e-3, 'of unit length');
      }
      assert.deepEqual(byDefault.data[0].embedding, byDefault.data[2].embedding);
      assert.notDeepEqual(byDefault.data[0].embedding, byDefault.data[1].embedding);
      const numbers = await client().embeddings.create({ model, input, dimensions, encoding_format: 'float' });
      numbers.data.forEach((item, i) => item.embedding.forEach((number, j) => assert.ok(Math.abs(number - byDefault.data[i].embedding[j]) < 1e-6)));
      const raw = await client().embeddings.create({ model, input: 'second 🐪', dimensions, encoding_format: 'base64' });
      assert.equal(Buffer.from(raw.data[0].embedding, 'base64').length, 4 * dimensions);
      assert.equal(Buffer.from(raw.data[0].embedding, 'base64').readFloatLE(4), Math.fround(byDefault.data[1].embedding[1]));
      const many = await client().embeddings.create({ model, input: Array.from({ length: 130 }, (_, i) => (i === 129 ? 'first' : `text ${i}`)), dimensions });
      assert.equal(many.data.length, 130);
      many.data[129].embedding.forEach((number, j) => assert.ok(Math.abs(number - byDefault.data[0].embedding[j]) < 1e-5));
    });

    it(`is told what ${model} cannot embed`, async () => {
      await (model === LOCAL_EMBEDDER || fake(model));
      const refused = (input, param) => assert.rejects(client().embeddings.create({ model, input }), (error) => error instanceof OpenAI.BadRequestError && error.param === param, JSON.stringify(input));
      await refused('', 'input');
      await refused([], 'input');
      await refused(['a', ''], 'input[1]');
      if (/^(openai|azure)\//.test(model)) {
        assert.equal((await client().embeddings.create({ model, input: [[1, 2], [3]] })).data.length, 2);
      } else {
        await refused([1, 2], 'input');
      }
      if (model === LOCAL_EMBEDDER) return;
      for (const [mood, status] of [['refuses', 400], ['bad-key', 502], ['html', 502], ['junk', 502]]) {
        await fake(model, { mood });
        await assert.rejects(client({ maxRetries: 2 }).embeddings.create({ model, input: 'a' }), (error) => error instanceof OpenAI.APIError && error.status === status, mood);
      }
      await fake(model, { mood: 'hangs' });
      await assert.rejects(client({ timeout: 500 }).embeddings.create({ model, input: 'a' }), OpenAI.APIConnectionTimeoutError);
      await until(async () => (await seen(model)).cancelled === 1, 'the call is cancelled');
    });
  }

  it('is told which models do not embed', async () => {
    for (const model of MODELS) await assert.rejects(client().embeddings.create({ model, input: 'a' }), (error) => error instanceof OpenAI.BadRequestError && error.param === 'model', model);
    await assert.rejects(client().embeddings.create({ model: 'no-such-model', input: 'a' }), OpenAI.NotFoundError);
    await assert.rejects(client({ apiKey: 'dk-nobody' }).embeddings.create({ model: LOCAL_EMBEDDER, input: 'a' }), OpenAI.AuthenticationError);
  });

  it('lists models and finds one', async () => {
    const ids = (await client().models.list()).data.map((model) => model.id);
    for (const model of MODELS) assert.ok(ids.includes(model), model);
    for (const model of [...MODELS_THAT_EMBED, LOCAL_EMBEDDER]) assert.ok(ids.includes(model), model);
    const paged = [];
    for await (const model of client().models.list()) paged.push(model.id);
    assert.deepEqual(paged, ids);
    for (const model of MODELS) assert.equal((await client().models.retrieve(model)).id, model);
    await assert.rejects(client().models.retrieve('no-such-model'), OpenAI.NotFoundError);
  });

  it('is told of a wrong key, an unknown model and a wish that none fulfils', async () => {
    await assert.rejects(client({ apiKey: 'dk-nobody' }).chat.completions.create(ask('openai/gpt-4o')), OpenAI.AuthenticationError);
    await assert.rejects(client().chat.completions.create(ask('no-such-model')), (error) => error instanceof OpenAI.NotFoundError && error.code === 'model_not_found');
    await assert.rejects(client().chat.completions.create(ask('auto', { routing: { min_context: 999_999_999 } })), OpenAI.UnprocessableEntityError);
  });

  it('comes back when a busy provider said so, whichever it is', async () => {
    await Promise.all(MODELS.map(async (model) => {
      await fake(model, { next: ['busy'] });
      await assert.rejects(client().chat.completions.create(ask(model)), (error) => error instanceof OpenAI.RateLimitError && error.code === 'rate_limit_exceeded' && error.headers.get('retry-after') === '1', model);
      await new Promise((done) => setTimeout(done, 1_100));
      await fake(model, { next: ['busy'] });
      assert.equal((await client({ maxRetries: 2 }).chat.completions.create(ask(model))).choices[0].message.content, TEXT, model);
      assert.deepEqual((await seen(model)).moods, ['BUSY', 'WELL'], model);
    }));
  });

  it('has a batch of requests answered', async () => {
    const line = { custom_id: 'one', method: 'POST', url: '/v1/chat/completions', body: ask('openai/gpt-4o') };
    const file = await client().files.create({ file: await OpenAI.toFile(Buffer.from(JSON.stringify(line) + '\n'), 'night.jsonl'), purpose: 'batch' });
    assert.equal(file.filename, 'night.jsonl');
    const batch = await client().batches.create({ input_file_id: file.id, endpoint: '/v1/chat/completions', completion_window: '24h', metadata: { night: '1' } });
    await until(async () => (await client().batches.retrieve(batch.id)).status === 'completed', 'the batch is completed');
    const ended = await client().batches.retrieve(batch.id);
    assert.deepEqual(ended.request_counts, { total: 1, completed: 1, failed: 0 });
    const results = JSON.parse(await (await client().files.content(ended.output_file_id)).text());
    assert.equal(results.custom_id, 'one');
    assert.equal(results.response.body.choices[0].message.content, TEXT);
    const ids = [];
    for await (const each of client().batches.list()) ids.push(each.id);
    assert.ok(ids.includes(batch.id));
    await assert.rejects(client().batches.cancel(batch.id), OpenAI.ConflictError);
    assert.equal((await client().files.delete(file.id)).deleted, true);
    await assert.rejects(client().files.retrieve(file.id), OpenAI.NotFoundError);
  });
});
