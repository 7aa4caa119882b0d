/** Requests to the relay over HTTP, in the name of this device where it was paired. */

const REQUEST_MS = 8_000;
/** For what the model server makes when it is asked for the first time: a behaviour pack is spoken and moved. */
export const SLOW_REQUEST_MS = 20_000;
const DEVICE_KEY = 'solami.device';

/** Something went wrong that a person must know; `message` is for them, `code` is the relay's where it has one. */
export class SessionError extends Error {
  readonly code: string;
  constructor(message: string, code = '') {
    super(message);
    this.code = code;
  }
}

/** Asks the relay and returns its JSON. Throws SessionError with the relay's own words where it has some. */
export async function ask<T>(path: string, body?: unknown, withinMs = REQUEST_MS): Promise<T> {
  let response: Response;
  const headers: Record<string, string> = body === undefined ? {} : { 'Content-Type': 'application/json' };
  const token = deviceToken();
  if (token) headers.Authorization = `Bearer ${token}`;
  try {
    response = await fetch(path, {
      method: body === undefined ? 'GET' : 'POST',
      headers,
      body: body === undefined ? undefined : JSON.stringify(body),
      signal: AbortSignal.timeout(withinMs),
    });
  } catch {
    throw new SessionError('The server does not answer. Is it running? The page keeps trying when you press the button again.');
  }
  const text = await response.text();
  if (response.ok) return JSON.parse(text) as T;
  const { code, message } = fault(text);
  throw new SessionError(message ? `The server says: ${message}.` : `The server answered ${response.status} to ${path}.`, code);
}

function fault(text: string): { code: string; message: string } {
  try {
    const { code, message } = JSON.parse(text).error;
    return { code: String(code), message: String(message) };
  } catch {
    return { code: '', message: '' };
  }
}

/** Pairs this browser with the server by the code on its screen. Throws SessionError. */
export async function pair(code: string): Promise<void> {
  const { token } = await ask<{ token: string }>('/v1/pair', { code: code.replace(/\D/g, '') });
  try {
    localStorage.setItem(DEVICE_KEY, token);
  } catch {
    // a browser that keeps nothing: paired as long as the page lives
  }
  paired = token;
}

let paired = '';

function deviceToken(): string {
  try {
    return paired || (localStorage.getItem(DEVICE_KEY) ?? '');
  } catch {
    return paired;
  }
}

/** The code of a QR code's address (`#pair=123456`), which is then taken out of the address; else empty. */
export function codeFromAddress(): string {
  const code = /^#pair=(\d{6})$/.exec(location.hash)?.[1] ?? '';
  if (code) history.replaceState(null, '', location.pathname + location.search);
  return code;
}
