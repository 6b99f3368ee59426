// The upstream as the hand-written peers read it: one call for each session or list, and its words made ours.
import { Pool } from 'undici';

const address = process.env.UPSTREAM;
const pool = new Pool(address, { connections: 64, pipelining: 1 });
const easyinkToken = process.env.EASYINK_TOKEN;
let signicatToken;

async function call(method, path, headers, body) {
  const answer = await pool.request({ method, path, headers, body });
  if (answer.statusCode !== 200) {
    await answer.body.dump();
    throw new Error(`the upstream answered ${answer.statusCode}`);
  }
  return answer.body.json();
}

async function signicat(path) {
  signicatToken ??= call(
    'POST',
    '/auth/open/connect/token',
    { 'content-type': 'application/x-www-form-urlencoded' },
    'grant_type=client_credentials&scope=signicat-api',
  );
  return call('GET', path, { authorization: `Bearer ${(await signicatToken).access_token}` });
}

function easyink(path) {
  return call('GET', path, { authorization: `Bearer ${easyinkToken}` });
}

const PEOPLE = { READY: 'INVITED', BLOCKED: 'WAITING', SIGNED: 'SIGNED', REJECTED: 'DECLINED' };
const SIGNICAT = { INVITED: 'PENDING', WAITING: 'PENDING', SIGNED: 'COMPLETED', DECLINED: 'DECLINED', EXPIRED: 'EXPIRED' };
const EASYINK = { Pending: 'PENDING', InProgress: 'IN_PROGRESS', Finished: 'COMPLETED', Declined: 'DECLINED', Voided: 'CANCELED' };
const GUESTS = { Pending: 'INVITED', Viewed: 'VIEWED', Signed: 'SIGNED', Declined: 'DECLINED' };
const FINAL = new Set(['COMPLETED', 'DECLINED', 'CANCELED', 'EXPIRED']);

function progress(people) {
  const count = (...statuses) => people.filter((person) => statuses.includes(person.status)).length;
  const pending = count('WAITING', 'INVITED', 'VIEWED');
  return { required: people.length, signed: count('SIGNED'), declined: count('DECLINED'), pending };
}

function fromSignicat(wire) {
  const word = wire.lifecycle.state;
  const late = word in { READY: 1, BLOCKED: 1 } && new Date(wire.dueDate) < Date.now();
  const status = late ? 'EXPIRED' : (PEOPLE[word] ?? 'UNKNOWN');
  const participants = [
    {
      key: wire.id,
      role: 'SIGNER',
      status,
      providerStatus: word,
      language: wire.ui?.language ?? null,
      signingUrlExpiresAt: wire.signatureUrlExpiresAt,
    },
  ];
  const overall = SIGNICAT[status] ?? 'UNKNOWN';
  return {
    key: wire.id,
    kind: 'SIGNING',
    title: wire.title,
    reference: wire.externalReference ?? null,
    status: overall,
    final: FINAL.has(overall),
    providerStatus: word,
    dueAt: wire.dueDate,
    signingOrder: 'PARALLEL',
    progress: progress(participants),
    documents: wire.documents.map((use) => ({
      key: use.documentId,
      role: use.action === 'VIEW' ? 'ATTACHMENT' : 'TO_SIGN',
      status: status === 'SIGNED' ? 'SIGNED' : 'READY',
    })),
    participants,
  };
}

function fromEasyInk(view) {
  const status = EASYINK[view.status] ?? 'UNKNOWN';
  const participants = view.participants.map((person) => ({
    key: person.participantId,
    role: person.role === 'Signer' ? 'SIGNER' : 'UNKNOWN',
    status: GUESTS[person.status] ?? 'UNKNOWN',
    providerStatus: person.status,
    language: null,
    signingUrlExpiresAt: null,
  }));
  return {
    key: view.signingSessionId,
    kind: 'SIGNING',
    title: view.subject,
    reference: null,
    status,
    final: FINAL.has(status),
    providerStatus: view.status,
    dueAt: null,
    signingOrder: 'PARALLEL',
    progress: progress(participants),
    documents: view.documents.map((document) => ({ key: document.documentId, role: 'TO_SIGN', status: 'READY' })),
    participants,
  };
}

export async function session(id) {
  const [, provider, key] = JSON.parse(Buffer.from(id, 'base64url'));
  if (provider === 'signicat') return fromSignicat(await signicat(`/sign/signing-sessions/${key}`));
  return fromEasyInk(await easyink(`/api/signingSessions/${key}`));
}

export async function sessions(first) {
  const page = await signicat(`/sign/signing-sessions?offset=0&limit=${first}&sort=-createdAt`);
  return { nodes: page.data.map(fromSignicat) };
}
