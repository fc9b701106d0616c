import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { createOpenAI } from '@ai-sdk/openai';
import { APICallError, embed, embedMany, generateText, Output, stepCountIs, streamText, tool } from 'ai';
import { z } from 'zod';
import { fake, IMAGE, KEY, LOCAL_EMBEDDER, MODELS, MODELS_OF_SCHEMAS, MODELS_THAT_EMBED, MODELS_THAT_SEE, saysJson, seen, TEXT, until, url } from './gateway.mjs';

const ask = (model, more = {}, apiKey = KEY) => ({ model: createOpenAI({ baseURL: `${url}/v1`, apiKey }).chat(model), maxRetries: 0, system: 'Be brief.', prompt: 'The weather in Paris and Rome?', ...more });
const status = (expected) => (error) => APICallError.isInstance(error) && error.statusCode === expected;
const weather = tool({ description: 'The weather', inputSchema: z.object({ city: z.string() }) });

describe('ai (Vercel)', () => {
  for (const model of MODELS) {
    it(`generates and streams by ${model}`, async () => {
      await fake(model);
      const answer = await generateText(ask(model));
      assert.equal(answer.text, TEXT);
      assert.equal(answer.finishReason, 'stop');
      assert.equal(answer.usage.totalTokens, 14);
      const stream = streamText(ask(model));
      let text = '';
      for await (const piece of stream.textStream) text += piece;
      assert.equal(text, TEXT);
      assert.equal((await stream.usage).outputTokens, 5);
    });

    it(`has tools called by ${model} and answers them`, async () => {
      await fake(model, { tools: ['weather', '{"city":"Paris"}', 'weather', '{"city":"Rome"}'] });
      const answer = await generateText(ask(model, { tools: { weather } }));
      assert.deepEqual(answer.toolCalls.map((call) => call.input.city), ['Paris', 'Rome']);
      await fake(model);
      const results = answer.toolCalls.map((call) => ({ type: 'tool-result', toolCallId: call.toolCallId, toolName: 'weather', output: { type: 'text', value: `sunny in ${call.input.city}` } }));
      const messages = [{ role: 'user', content: 'The weather in Paris and Rome?' }, ...answer.response.messages, { role: 'tool', content: results }];
      assert.equal((await generateText(ask(model, { prompt: undefined, messages, tools: { weather } }))).text, TEXT);
      assert.match((await seen(model)).last, /sunny in Paris.*sunny in Rome/s);
    });

    it(`streams the tool calls of ${model} and goes on with their results`, async () => {
      await fake(model, { tools: ['weather', '{"city":"Paris"}', 'weather', '{"city":"Rome"}'] });
      const cities = [];
      const running = tool({ description: 'The weather', inputSchema: z.object({ city: z.string() }), execute: async ({ city }) => {
        cities.push(city);
        await fake(model);
        return `sunny in ${city}`;
      } });
      const stream = streamText(ask(model, { tools: { weather: running }, stopWhen: stepCountIs(3) }));
      assert.equal(await stream.text, TEXT);
      assert.equal((await stream.steps).length, 2);
      assert.equal(await stream.finishReason, 'stop');
      assert.deepEqual(cities.sort(), ['Paris', 'Rome']);
      assert.match((await seen(model)).last, /sunny in Paris.*sunny in Rome/s);
    });

    it(`tells the errors of ${model} and leaves it in time`, async () => {
      await fake(model, { mood: 'refuses' });
      await assert.rejects(generateText(ask(model)), status(400));
      await fake(model, { mood: 'down' });
      await assert.rejects(generateText(ask(model)), status(503));
      await fake(model, { mood: 'dies-mid-stream' });
      const told = [];
      const broken = streamText(ask(model, { onError: ({ error }) => told.push(error) }));
      for await (const part of broken.fullStream) assert.notEqual(part.finishReason, 'stop');
      assert.equal(told.length, 1);
      await fake(model, { mood: 'hangs' });
      await assert.rejects(generateText(ask(model, { abortSignal: AbortSignal.timeout(500) })));
      await until(async () => (await seen(model)).cancelled === 1, 'the call is cancelled');
      await fake(model, { mood: 'drips', says: 300 });
      const abort = new AbortController();
      for await (const _ of streamText(ask(model, { abortSignal: abort.signal })).textStream) {
        abort.abort();
        break;
      }
      await until(async () => (await seen(model)).cancelled === 1, 'the stream is cancelled');
    });
  }

  for (const model of MODELS_OF_SCHEMAS) {
    it(`gets structured output from ${model}`, async () => {
      await fake(model, saysJson(model, '{"city": "Paris", "celsius": 21}'));
      const answer = await generateText(ask(model, { output: Output.object({ schema: z.object({ city: z.string(), celsius: z.number() }) }) }));
      assert.deepEqual(answer.output, { city: 'Paris', celsius: 21 });
      const stream = streamText(ask(model, { output: Output.object({ schema: z.object({ city: z.string(), celsius: z.number() }) }) }));
      let last;
      for await (const piece of stream.partialOutputStream) last = piece;
      assert.deepEqual(last, { city: 'Paris', celsius: 21 });
    });
  }

  for (const model of MODELS_THAT_SEE) {
    it(`shows an image to ${model}`, async () => {
      await fake(model);
      const messages = [{ role: 'user', content: [{ type: 'text', text: 'What is it?' }, { type: 'image', image: IMAGE, mediaType: 'image/png' }] }];
      assert.equal((await generateText(ask(model, { prompt: undefined, messages }))).text, TEXT);
      assert.ok((await seen(model)).last.includes(IMAGE));
    });
  }

  for (const model of [...MODELS_THAT_EMBED, LOCAL_EMBEDDER]) {
    it(`has texts embedded by ${model}`, async () => {
      await (model === LOCAL_EMBEDDER || fake(model));
      const dimensions = model === LOCAL_EMBEDDER ? 384 : 256;
      const by = { model: createOpenAI({ baseURL: `${url}/v1`, apiKey: KEY }).embedding(model), maxRetries: 0, providerOptions: { openai: { dimensions } } };
      const one = await embed({ ...by, value: 'two' });
      assert.equal(one.embedding.length, dimensions);
      assert.ok(one.usage.tokens > 0);
      const many = await embedMany({ ...by, values: ['one', 'two', 'three'] });
      assert.equal(many.embeddings.length, 3);
      assert.deepEqual(many.values, ['one', 'two', 'three']);
      many.embeddings[1].forEach((number, j) => assert.ok(Math.abs(number - one.embedding[j]) < 1e-5));
      await assert.rejects(embed({ ...by, value: '' }), status(400));
    });
  }

  it('comes back when a provider was busy, and knows what is not worth it', async () => {
    const model = 'gemini/gemini-2.5-flash';
    await fake(model, { next: ['busy'] });
    assert.equal((await generateText(ask(model, { maxRetries: 3 }))).text, TEXT);
    assert.deepEqual((await seen(model)).moods, ['BUSY', 'WELL']);
    await fake(model, { mood: 'refuses' });
    await assert.rejects(generateText(ask(model, { maxRetries: 3 })), (error) => status(400)(error) && !error.isRetryable);
    assert.equal((await seen(model)).calls, 1);
  });

  it('is told of a wrong key and an unknown model', async () => {
    await assert.rejects(generateText(ask('openai/gpt-4o', {}, 'dk-nobody')), status(401));
    await assert.rejects(generateText(ask('no-such-model')), status(404));
  });
});
