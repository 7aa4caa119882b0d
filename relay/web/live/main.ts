/** The page: wires stage, character, session, voice and microphone together. */

import { App } from './app.ts';
import { get } from './view.ts';

App.open().catch((error: unknown) => {
  get('gate-text').textContent = `This page could not be shown: ${error instanceof Error ? error.message : String(error)}`;
  throw error;
});
