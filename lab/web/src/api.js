// Talks to the server: each page numbers its requests, and only the newest answer of a view counts.
const page = Array.from(crypto.getRandomValues(new Uint8Array(8)), (b) => b.toString(16).padStart(2, '0')).join('');
let count = 0;

export class Failure extends Error {
  constructor(errors, replaced) {
    super(errors.map((e) => (e.line ? `line ${e.line}, column ${e.column}: ${e.text}` : e.text)).join('\n'));
    this.replaced = replaced;
  }
}

async function json(response) {
  const body = await response.json().catch(() => ({errors: [{text: `the server answered with ${response.status}`}]}));
  if (body.replaced) throw new Failure([{text: body.why}], true);
  if (body.errors) throw new Failure(body.errors, false);
  return body;
}

const send = (url, body) => fetch(url, {method: 'POST', headers: {'Content-Type': 'application/json'}, body: JSON.stringify(body)}).then(json);

export const start = () => fetch('/api/start').then(json);
const ask = (where, lane, request) => send(`/api/${where}?page=${page}-${lane}&number=${++count}`, request);
/** The live image: before everything else. */
export const image = (config) => ask('image', 'image', {view: 'image', config});
/** `lane`: requests of one lane replace each other. */
export const compute = (lane, request) => ask('compute', lane, request);
/** A trained network on the scene. */
export const network = (lane, request) => ask('network', lane, request);
export const lesson = (name, seed) => fetch(`/api/lessons/${name}?seed=${seed}`).then(json);
export const grade = (answers) => send('/api/grade', answers);

export const job = {
  start: (request) => send('/api/jobs', request),
  status: (id) => fetch(`/api/jobs/${id}`).then(json),
  // With a body, however empty: its length must be said.
  cancel: (id) => fetch(`/api/jobs/${id}`, {method: 'DELETE', body: '{}'}).then(json),
};

export function bytes(text) {
  const letters = atob(text);
  const out = new Uint8Array(letters.length);
  for (let i = 0; i < out.length; i++) out[i] = letters.charCodeAt(i);
  return out;
}
