import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { HumanMessage, SystemMessage, ToolMessage } from '@langchain/core/messages';
import { tool } from '@langchain/core/tools';
import { ChatOpenAI, OpenAIEmbeddings } from '@langchain/openai';
import { z } from 'zod';
import { fake, IMAGE, KEY, LOCAL_EMBEDDER, MODELS, MODELS_OF_SCHEMAS, MODELS_THAT_EMBED, MODELS_THAT_SEE, saysJson, seen, TEXT, until, url } from './gateway.mjs';

const chat = (model, more = {}) => new ChatOpenAI({ model, apiKey: KEY, maxRetries: 0, timeout: 20_000, configuration: { baseURL: `${url}/v1` }, ...more });
const MESSAGES = [new SystemMessage('Be brief.'), new HumanMessage('The weather in Paris and Rome?')];
const weather = tool(async () => 'sunny', { name: 'weather', description: 'The weather', schema: z.object({ city: z.string() }) });

describe('@langchain/openai', () => {
  for (const model of MODELS) {
    it(`invokes and streams ${model}`, async () => {
      await fake(model);
      const answer = await chat(model).invoke(MESSAGES);
      assert.equal(answer.content, TEXT);
      assert.equal(answer.usage_metadata.total_tokens, 14);
      let all;
      for await (const chunk of await chat(model).stream(MESSAGES)) all = all ? all.concat(chunk) : chunk;
      assert.equal(all.content, TEXT);
      assert.equal(all.usage_metadata.output_tokens, 5);
    });

    it(`has tools called by ${model} and answers them`, async () => {
      await fake(model, { tools: ['weather', '{"city":"Paris"}', 'weather', '{"city":"Rome"}'] });
      const answer = await chat(model).bindTools([weather]).invoke(MESSAGES);
      assert.deepEqual(answer.tool_calls.map((call) => call.args.city), ['Paris', 'Rome']);
      await fake(model);
      const results = answer.tool_calls.map((call) => new ToolMessage({ tool_call_id: call.id, content: `sunny in ${call.args.city}` }));
      assert.equal((await chat(model).bindTools([weather]).invoke([...MESSAGES, answer, ...results])).content, TEXT);
      assert.match((await seen(model)).last, /sunny in Paris.*sunny in Rome/s);
    });

    it(`streams the tool calls of ${model}`, async () => {
      await fake(model, { tools: ['weather', '{"city":"Paris"}', 'weather', '{"city":"Rome"}'] });
      let all;
      for await (const chunk of await chat(model).bindTools([weather]).stream(MESSAGES)) all = all ? all.concat(chunk) : chunk;
      assert.deepEqual(all.tool_calls.map((call) => [call.name, call.args.city]), [['weather', 'Paris'], ['weather', 'Rome']]);
      assert.equal(new Set(all.tool_calls.map((call) => call.id)).size, 2);
    });

    it(`tells the errors of ${model} and leaves it in time`, async () => {
      await fake(model, { mood: 'refuses' });
      await assert.rejects(chat(model).invoke(MESSAGES), (error) => error.status === 400);
      await fake(model, { mood: 'down' });
      await assert.rejects(chat(model).invoke(MESSAGES), (error) => error.status === 503);
      await fake(model, { mood: 'hangs' });
      await assert.rejects(chat(model, { timeout: 500 }).invoke(MESSAGES));
      await until(async () => (await seen(model)).cancelled === 1, 'the call is cancelled');
      await fake(model, { mood: 'drips', says: 300 });
      for await (const _ of await chat(model).stream(MESSAGES)) break;
      await until(async () => (await seen(model)).cancelled === 1, 'the stream is cancelled');
      await fake(model, { mood: 'hangs' });
      const abort = new AbortController();
      const left = chat(model).invoke(MESSAGES, { signal: abort.signal });
      await until(async () => (await seen(model)).calls === 1, 'the call has begun');
      abort.abort();
      await assert.rejects(left);
      await until(async () => (await seen(model)).cancelled === 1, 'the aborted call is cancelled');
      await fake(model, { mood: 'dies-mid-stream' });
      await assert.rejects(async () => {
        for await (const chunk of await chat(model).stream(MESSAGES)) assert.ok(!chunk.response_metadata.finish_reason);
      });
    });
  }

  for (const model of MODELS_OF_SCHEMAS) {
    it(`gets structured output from ${model}`, async () => {
      await fake(model, saysJson(model, '{"city": "Paris", "celsius": 21}'));
      const structured = chat(model).withStructuredOutput(z.object({ city: z.string(), celsius: z.number() }), { name: 'weather', method: 'jsonSchema' });
      assert.deepEqual(await structured.invoke(MESSAGES), { city: 'Paris', celsius: 21 });
      let last;
      for await (const piece of await structured.stream(MESSAGES)) last = piece;
      assert.deepEqual(last, { city: 'Paris', celsius: 21 });
    });
  }

  for (const model of MODELS_THAT_SEE) {
    it(`shows an image to ${model}`, async () => {
      await fake(model);
      const content = [{ type: 'text', text: 'What is it?' }, { type: 'image_url', image_url: { url: `data:image/png;base64,${IMAGE}` } }];
      assert.equal((await chat(model).invoke([new HumanMessage({ content })])).content, TEXT);
      assert.ok((await seen(model)).last.includes(IMAGE));
    });
  }

  for (const model of [...MODELS_THAT_EMBED, LOCAL_EMBEDDER]) {
    it(`has texts embedded by ${model}`, async () => {
      await (model === LOCAL_EMBEDDER || fake(model));
      const dimensions = model === LOCAL_EMBEDDER ? 384 : 256;
      const embeddings = (more) => new OpenAIEmbeddings({ model, apiKey: KEY, maxRetries: 0, dimensions, configuration: { baseURL: `${url}/v1` }, ...more });
      const texts = ['one', 'two', 'three', 'four', 'five'];
      const vectors = await embeddings({ batchSize: 2 }).embedDocuments(texts);
      assert.deepEqual(vectors.map((vector) => vector.length), texts.map(() => dimensions));
      const floats = await embeddings({ encodingFormat: 'float' }).embedDocuments(texts);
      for (let i = 0; i < texts.length; i++) vectors[i].forEach((number, j) => assert.ok(Math.abs(number - floats[i][j]) < 1e-5));
      const query = await embeddings().embedQuery('four');
      query.forEach((number, j) => assert.ok(Math.abs(number - vectors[3][j]) < 1e-5));
      await assert.rejects(embeddings().embedQuery(''), (error) => error.status === 400);
    });
  }

  it('comes back when a provider was busy', async () => {
    const model = 'anthropic/claude-sonnet-5';
    await fake(model, { next: ['busy'] });
    assert.equal((await chat(model, { maxRetries: 4 }).invoke(MESSAGES)).content, TEXT);
    assert.deepEqual((await seen(model)).moods, ['BUSY', 'WELL']);
  });

  it('is told of a wrong key and an unknown model', async () => {
    await assert.rejects(chat('openai/gpt-4o', { apiKey: 'dk-nobody' }).invoke(MESSAGES), (error) => error.status === 401);
    await assert.rejects(chat('no-such-model').invoke(MESSAGES), (error) => error.status === 404);
  });
});
