import { z } from '@hono/zod-openapi'

/** The admin API's responses as schemas, which are its types and its documentation. */

const Time = z.iso.datetime().openapi({ example: '2026-01-31T12:00:00.000Z' })
const Count = z.int().min(0)
const Share = z.number().min(0).max(1)

export const Status = z
  .object({
    version: z.string().openapi({ description: "Limpet's version." }),
    since: Time.openapi({ description: 'When it started.' }),
    workers: Count.openapi({ description: 'Worker threads at this moment.' }),
    listeners: z
      .array(
        z.object({
          address: z.string(),
          port: Count.nullable().openapi({ description: 'null where the address is a Unix socket.' }),
        }),
      )
      .openapi({ description: 'Where clients arrive.' }),
    generation: Count.openapi({ description: 'Rises by one with each change of the configuration in a run.' }),
    upstreams: Count.openapi({ description: 'How many upstreams there are.' }),
    droppedLogLines: Count.openapi({
      description: 'Lines of the access log that could not be written, since the start.',
    }),
  })
  .openapi('Status')

export const Sessions = z
  .object({
    live: Count.openapi({ description: 'Seen within the idle limit, or with a request in flight.' }),
    active: Count.openapi({ description: 'With a request in flight; a WebSocket counts for as long as it is open.' }),
    oldest: Time.nullable().openapi({ description: 'When the oldest of the live ones began.' }),
    share: Share.nullable().openapi({ description: "Of the upstream's live sessions; null where there are none." }),
  })
  .openapi('Sessions')

export const Server = z
  .object({
    name: z.string().openapi({ description: 'Its identity, unique in the upstream.' }),
    address: z.string(),
    weight: Count,
    backup: z.boolean().openapi({ description: 'Serves only when no other server may.' }),
    state: z
      .object({
        admin: z.enum(['ready', 'drain', 'maintenance']).openapi({ description: 'Set by the operator.' }),
        health: z.enum(['up', 'down', 'unknown']).openapi({
          description: 'unknown: nothing has been sent to it yet, no check either; or it is in maintenance.',
        }),
        cause: z.string().nullable().openapi({ description: 'Why it is down.' }),
      })
      .openapi({
        description: 'Ready and not down: it may be picked for anyone. Drain: for the sessions that it has.',
      }),
    inFlight: Count.openapi({ description: 'Requests in flight to it.' }),
    requests: Count.openapi({ description: 'Requests that it was given since the start, modulo 2^32.' }),
    failures: Count.openapi({ description: 'Those of them that failed, modulo 2^32.' }),
    sessions: Sessions.nullable().openapi({ description: 'null where the upstream knows no sessions.' }),
  })
  .openapi('Server')

export const Warning = z
  .object({
    code: z.enum(['skew', 'panic']).openapi({
      description:
        'skew: one address or network carries too much. panic: too few servers are well, so that all are used.',
    }),
    message: z.string(),
  })
  .openapi('Warning')

export const Upstream = z
  .object({
    name: z.string(),
    balance: z.string().openapi({ description: 'The balancing policy.' }),
    affinity: z.string().nullable().openapi({ description: 'How sessions are known; null where there are none.' }),
    servers: z.array(Server),
    warnings: z.array(Warning),
  })
  .openapi('Upstream')

export const Upstreams = z.object({ upstreams: z.array(Upstream) }).openapi('Upstreams')

export const Problem = z
  .object({
    error: z.object({
      code: z.enum(['not-found', 'method-not-allowed', 'forbidden', 'internal']),
      message: z.string(),
    }),
  })
  .openapi('Problem')

export type Status = z.output<typeof Status>
export type Upstream = z.output<typeof Upstream>
export type Upstreams = z.output<typeof Upstreams>
export type Server = z.output<typeof Server>
export type Problem = z.output<typeof Problem>
