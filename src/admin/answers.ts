import { z } from '@hono/zod-openapi'
import { Drain } from './drain.ts'
import { Count, Time } from './fields.ts'
import { ServerChange, ServerSettings } from './server-settings.ts'

/** The admin API's responses as schemas, which are its types and its documentation. */

const Share = z.number().min(0).max(1)

export const Drift = z
  .object({
    upstream: z.string(),
    server: z.string().nullable().openapi({ description: 'null where it concerns the whole upstream.' }),
    message: z.string().openapi({ example: 'weight 5; the file says 1' }),
  })
  .openapi('Drift')

/** The answer to a change. */
export const Applied = z
  .object({
    generation: Count.openapi({ description: 'Of the configuration that is in effect now, in all workers.' }),
    revision: z.string().openapi({ description: 'Of the desired state: the ETag of /v1/config.' }),
    changes: z.array(z.string()).openapi({
      description: 'What has changed, a sentence each; none if it was so already.',
      example: ['upstream app: server web-3 added'],
    }),
  })
  .openapi('Applied')

const Apply = z
  .object({
    generation: Count,
    revision: z.string(),
    at: Time.openapi({ description: 'When all workers served it.' }),
    by: z.string().nullable().openapi({
      description: 'What has asked for it, and who. null: a signal, a changed file, or Limpet itself.',
      example: 'change app/web-1, by admin-token',
    }),
    changes: z.array(z.string()).openapi({ description: 'A sentence each; at most 100 of them.' }),
    diff: z.string().nullable().openapi({
      description:
        'What differs in the effective configuration, as a unified diff without secrets; empty if only files differ that it names; null if that is too large.',
    }),
  })
  .openapi('Apply')

export const Applies = z.object({ applies: z.array(Apply) }).openapi('Applies')

export const Me = z
  .object({
    name: z.string().openapi({ description: 'What the log calls the caller.' }),
    scope: z.enum(['read', 'write']),
    signedIn: z.boolean().openapi({ description: 'Whether it is a browser that has signed in by a link.' }),
  })
  .openapi('Me')

const Source = z
  .object({
    upstream: z.string().nullable().openapi({
      description: 'The upstream whose servers it finds; null where labels name the upstreams.',
    }),
    source: z.string().openapi({ description: 'Its kind.', example: 'docker' }),
    name: z
      .string()
      .openapi({ description: 'What the log calls it.', example: 'docker at unix:///var/run/docker.sock' }),
    state: z.enum(['waiting', 'ok', 'failing']).openapi({
      description:
        'waiting: it has not answered yet. failing: it cannot be reached or understood; what it found before still holds.',
    }),
    servers: Count.openapi({ description: 'How many servers it has found.' }),
    since: Time.openapi({ description: 'Since when it is in that state.' }),
    error: z.string().nullable().openapi({ description: 'Why it fails.' }),
    mistakes: z
      .array(z.object({ where: z.string(), message: z.string(), hint: z.string().nullable() }))
      .openapi({ description: 'What it has found and cannot be used; the rest is.' }),
  })
  .openapi('Source')

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
          tls: z
            .exactOptional(z.literal(true))
            .openapi({ description: 'Clients speak TLS there. Absent: they do not.' }),
        }),
      )
      .openapi({ description: 'Where clients arrive.' }),
    generation: Count.openapi({ description: 'Rises by one with each change of the configuration in a run.' }),
    upstreams: Count.openapi({ description: 'How many upstreams there are.' }),
    certificates: z
      .array(
        z.object({
          name: z.string().openapi({ description: 'Its file, or the host that it was obtained for.' }),
          hosts: z.array(z.string()).openapi({ description: 'What it covers.', example: ['example.org'] }),
          notAfter: Time.openapi({ description: 'Until when it is valid.' }),
          daysLeft: z.int().openapi({ description: 'Whole days until then; negative once it has expired.' }),
          issuer: z.string().openapi({ description: 'Who has issued it.' }),
          source: z.string().openapi({ description: 'file, or where else it comes from: acme.' }),
          renewsAt: Time.nullable().openapi({
            description: 'When it will be renewed, or tried again to obtain it; null where that is the task of others.',
          }),
          lastError: z.string().nullable().openapi({ description: 'Why it could not be obtained or renewed.' }),
        }),
      )
      .openapi({ description: 'The certificates that clients are shown.' }),
    droppedLogLines: Count.openapi({
      description: 'Lines of the access log that could not be written, since the start.',
    }),
    pid: Count.openapi({ description: 'The process.' }),
    instance: z.string().openapi({ description: 'The name of this Limpet and its replicas.' }),
    revision: z.string().openapi({ description: 'Of the desired state; another one after each change.' }),
    changes: z.array(Drift).openapi({ description: 'What operators have changed, and the file does not say.' }),
    sources: z.array(Source).openapi({ description: 'As in /v1/sources.' }),
    emptiest: z
      .record(z.string(), z.string())
      .openapi({ description: 'By upstream: the server that can be removed with the fewest sessions moved.' }),
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
    name: z.string().openapi({ description: 'What logs and paths call it; unique in the upstream.' }),
    address: z.string(),
    weight: Count,
    backup: z.boolean().openapi({ description: 'Serves only when no other server may.' }),
    state: z
      .object({
        admin: z.enum(['ready', 'drain', 'maintenance']).openapi({ description: 'Set by the operator.' }),
        health: z.enum(['up', 'down', 'unknown', 'away']).openapi({
          description:
            'unknown: nothing has been sent to it yet, no check either; or it is in maintenance. away: it is expected back: its source does not have it at the moment, or it does not answer yet, or no longer.',
        }),
        ending: z.literal(true).optional().openapi({
          description: 'It drains since it has been told to stop; its source expects it back. Absent otherwise.',
        }),
        cause: z.string().nullable().openapi({ description: 'Why it is down.' }),
      })
      .openapi({
        description: 'Ready and not down: it may be picked for anyone. Drain: for the sessions that it has.',
      }),
    inFlight: Count.openapi({ description: 'Requests in flight to it.' }),
    tunnels: Count.openapi({ description: 'WebSockets and other upgraded connections to it.' }),
    requests: Count.openapi({ description: 'Requests that it was given since the start, modulo 2^32.' }),
    failures: Count.openapi({ description: 'Those of them that failed, modulo 2^32.' }),
    sessions: Sessions.nullable().openapi({ description: 'null where the upstream knows no sessions.' }),
    source: z.string().nullable().openapi({
      description: 'What has found it; null where it is written in the file, or an operator has added it.',
      example: 'docker',
    }),
    id: z.string().openapi({ description: 'Its identity in sessions and saved files: its first name.' }),
    file: ServerChange.nullable().optional().openapi({
      description:
        'What the file says where it differs; null if the file does not have it; absent if it says the same.',
    }),
    drain: Drain.nullable().openapi({ description: 'null where it is not drained with a deadline.' }),
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

export const Pause = z
  .object({
    since: Time,
    until: Time.openapi({ description: 'From then on, requests are served again.' }),
  })
  .openapi('Pause')

export const Upstream = z
  .object({
    name: z.string(),
    balance: z.string().openapi({ description: 'The balancing policy.' }),
    affinity: z.string().nullable().openapi({ description: 'How sessions are known; null where there are none.' }),
    servers: z.array(Server),
    warnings: z.array(Warning),
    pause: Pause.nullable().openapi({ description: 'null where requests are served.' }),
  })
  .openapi('Upstream')

export const Upstreams = z.object({ upstreams: z.array(Upstream) }).openapi('Upstreams')

export const Servers = z.object({ servers: z.array(Server) }).openapi('Servers')

export const Sources = z.object({ sources: z.array(Source) }).openapi('Sources')

export const ServerWithSettings = Server.extend({
  settings: ServerSettings.openapi({ description: 'All its settings, as a PUT takes them.' }),
}).openapi('ServerWithSettings')

export const Drains = z.object({ drains: z.array(Drain) }).openapi('Drains')

const Numbers = { name: z.string(), live: Count, active: Count }

export const SessionNumbers = z
  .object({
    upstreams: z.array(
      z.object({
        ...Numbers,
        servers: z.array(z.object(Numbers)),
        ages: z.array(z.object({ upTo: Count.nullable(), live: Count })).openapi({
          description:
            'How many of the live ones began how long ago: up to so many s, and not within the limit before; null for any age.',
        }),
      }),
    ),
  })
  .openapi('SessionNumbers', { description: 'Of the upstreams that know sessions.' })

export type Status = z.output<typeof Status>
export type Sources = z.output<typeof Sources>
export type Source = z.output<typeof Source>
export type Pause = z.output<typeof Pause>
export type Upstream = z.output<typeof Upstream>
export type Upstreams = z.output<typeof Upstreams>
export type Server = z.output<typeof Server>
export type ServerWithSettings = z.output<typeof ServerWithSettings>
export type SessionNumbers = z.output<typeof SessionNumbers>
export type Drift = z.output<typeof Drift>
export type Applied = z.output<typeof Applied>
export type Me = z.output<typeof Me>
export type Apply = z.output<typeof Apply>
