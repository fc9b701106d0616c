// The official JavaScript clients against one running gateway: the same code whoever answers.
import { after, before } from 'node:test';
import { start, stop } from './gateway.mjs';
import './openai.mjs';
import './langchain.mjs';
import './vercel.mjs';

before(start, { timeout: 120_000 });
after(stop);
