import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { HumanMessage, SystemMessage, ToolMessage } from '@langchain/core/messages';
import { tool } from '@langchain/core/tools';
import { ChatOpenAI } from '@langchain/openai';
import { z } from 'zod';
import { fake, IMAGE, KEY, MODELS, MODELS_OF_SCHEMAS, MODELS_THAT_SEE, seen, TEXT, until, url } from './gateway.mjs';

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
    });
  }

  for (const model of MODELS_OF_SCHEMAS) {
    it(`gets structured output from ${model}`, async () => {
      await fake(model, { says: '{"city": "Paris", "celsius": 21}' });
      const structured = chat(model).withStructuredOutput(z.object({ city: z.string(), celsius: z.number() }), { name: 'weather', method: 'jsonSchema' });
      assert.deepEqual(await structured.invoke(MESSAGES), { city: 'Paris', celsius: 21 });
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

  it('is told of a wrong key and an unknown model', async () => {
    await assert.rejects(chat('openai/gpt-4o', { apiKey: 'dk-nobody' }).invoke(MESSAGES), (error) => error.status === 401);
    await assert.rejects(chat('no-such-model').invoke(MESSAGES), (error) => error.status === 404);
  });
});
