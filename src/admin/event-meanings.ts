import type { AdminEvent } from './event-feed.ts'

/** What each type of event in the stream means, for docs/events.md. */
export const eventMeanings: Readonly<Record<AdminEvent['type'] | 'gap', string>> = {
  applied:
    'A change of the configuration is in effect in every worker: `generation`, `revision`, `changes` (sentences, at most 100 of them).',
  'server-health':
    'A server is suspended, ejected, down or back, or a panic begins or ends (`server` is null): `upstream`, `server`, `better`, `message`.',
  skew: "An address or a network sends too much of an upstream's requests, or no longer does: `upstream`, `better`, `message`.",
  'drain-started': 'A drain begins: `drain`, as in `GET /v1/drains`.',
  'drain-progress': 'It has got further: `drain`.',
  'drain-ended': 'It is over: `drain`.',
  'worker-died': 'A worker has died and is replaced: `worker`, `cause`, `ms`.',
  certificate: 'A certificate was obtained or renewed, or could not be: `host`, `better`, `message`.',
  source:
    'A source of servers fails, or answers again: `upstream` (null where labels name the upstreams), `source`, `better`, `message`.',
  upgrade: 'The program is replaced: `state` (`started`, `taken-over`, `failed`), `pid`, `message`.',
  ban: 'A range of addresses is banned, or no longer: `address`, `better`, `message`.',
  operator: 'An operator has changed something, or was refused: `author`, `message`.',
  gap: 'Some events after `Last-Event-ID` are no longer kept: read the status again.',
}
